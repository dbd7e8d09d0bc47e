"""A real Open Policy Agent decides about people as the Cedar that it replaces."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from broker.governance.base_facts import base_of
from broker.governance.bundle import Bundle
from broker.governance.vectors import Vector, VectorFacts, VectorTask
from broker.governance.worlds import engine_for, in_order
from broker.model.asked import Asker
from broker.model.capability import Capability, Ceiling
from broker.model.decision import Deny, NeedsApproval, Permit
from broker.model.principal import Kind, Principal
from broker.policy.cedar import CedarEngine
from broker.policy.decider import LocalDecider
from broker.policy.engine import DenyReason
from broker.policy.lending import Basis, Lending
from broker.policy.query import Action, Query, TaskFacts
from tests.fakes.bundles import BundleFolder
from tests.fakes.engine_server import deciding, opa
from tests.real.opa_server import OpaServer, documented
from tests.real.test_opa import said

pytestmark = pytest.mark.real

PEOPLE: Final = ("dana", "erin", "frank", "hank", "held", "~nobody")
"""Entitled and on call; by her team's ticket; to other things; gone; held; and nobody at all."""

FACTS: Final = VectorFacts(
    things=(
        *("person:dana", "person:erin", "person:frank", "person:hank gone", "person:held"),
        *("team:books", "dataset:orders", "dataset:books", "resource:shelf", "tool:press"),
        "ticket:T-1",
    ),
    relationships=(
        "person:dana member-of team:/oncall",
        "person:held member-of team:/oncall",
        "person:dana entitled-to dataset:orders",
        "person:held entitled-to dataset:orders",
        "person:erin member-of team:books",
        "team:books assigned-to ticket:T-1",
        "dataset:orders part-of dataset:books",
        "person:frank entitled-to dataset:books",
        "person:frank entitled-to resource:shelf",
        "person:frank entitled-to tool:press",
        "agent:invoice-bot assigned-to ticket:T-1",
        "ticket:T-1 concerns dataset:orders",
    ),
    held=("person:held",),
)
MORE: Final = {"orders-shelf": "resource:shelf", "orders-press": "tool:press"}
"""Capabilities like the export of orders, about other things."""


@pytest.fixture(scope="module")
def server(part: Callable[[str], Path]) -> Iterator[OpaServer]:
    """One with the policy of the page."""
    server = OpaServer(part("opa"))
    server.start(jit=documented())
    yield server
    server.remove()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle that comes with the broker, and capabilities about a resource and about a tool."""
    folder = BundleFolder(tmp_path_factory.mktemp("bundle"))
    file = folder.folder / "capabilities.yaml"
    text = file.read_text()
    folder.edit("capabilities.yaml", text, text + "".join(map(_more, MORE)))
    return Bundle.from_files(folder.files)


def _more(name: str) -> str:
    return f"""
  - name: {name}
    backend: jwt
    audience: https://orders.example
    scopes: [orders:export]
    tenants: [acme]
    max_ttl_seconds: 900
    default_ttl_seconds: 300
    data_class: internal
    about: {MORE[name]}
"""


@pytest.fixture(scope="module")
def cedar(bundle: Bundle) -> CedarEngine:
    """The default policies, over facts with people in them."""
    task = VectorTask(tenant="acme", agent="invoice-bot")
    who = Action.OPEN_TASK, "person:dana"
    here = Vector(name="n", expect="deny", action=who[0], caller=who[1], task=task, facts=FACTS)
    return engine_for(here, bundle.engine(revision=3), in_order(base_of(bundle.document)))


def person(name: str) -> Principal:
    """Name somebody."""
    return Principal(Kind.PERSON, name, frozenset({"acme"}), "i", "https://issuer.example", name, 0)


def task(name: str, tenant: str, agent: str = "invoice-bot", **changes: Any) -> TaskFacts:
    """Describe a task that a person opens."""
    opener = f"person:{name}"
    given = {"id": "t", "name": "n", "tenant": tenant, "agent": agent, "opener": opener}
    return TaskFacts(**{**given, "on_behalf_of": name, **changes})


def wish(name: str, tenant: str, capability: Capability, action: Action, **said: Any) -> Query:
    """Ask about all that a capability can carry."""
    return Query(
        action=action,
        principal=said.get("principal", person(name)),
        task=task(name, tenant, **said.get("task", {})),
        capability=capability,
        ceiling=(Ceiling(capability.name, capability.scopes),),
        scopes=capability.scopes,
        ttl_ms=60_000,
        labels={"incident": "INC-1", "reason": "stuck"},
    )


def every_question(bundle: Bundle) -> list[Query]:
    """Return what everybody asks as a person, of everybody and about everything."""
    capabilities = bundle.document.capabilities_by_name().values()
    agents = [each.name for each in bundle.document.agents] + ["~nobody"]
    tenants = ("acme", "globex")
    of_tasks = itertools.product(
        (Action.OPEN_TASK, Action.EXTEND_TASK), PEOPLE, tenants, agents, (60_000, 3_600_001)
    )
    about = itertools.product(
        (Action.LEND_RIGHT, Action.BREAK_GLASS), PEOPLE, tenants, capabilities
    )
    return [
        *(
            Query(action=a, principal=person(p), task=task(p, t, agent), ttl_ms=ms)
            for a, p, t, agent, ms in of_tasks
        ),
        *(wish(p, t, capability, action) for action, p, t, capability in about),
    ]


async def test_it_answers_people_as_the_default_policies_do(
    server: OpaServer, bundle: Bundle, cedar: CedarEngine
) -> None:
    """Who opens tasks, lends what, and breaks glass: outcome, reason, rules, who has to agree."""
    queries = every_question(bundle)
    async with deciding(opa(server.url), cedar) as decider:
        answers = await decider.decide_many(queries)

    for query, answer in zip(queries, answers, strict=True):
        expected = cedar.decide(query)
        assert said(answer) == said(expected), query
    rules = {policy for answer in answers for policy in answer.trace.policies}
    assert rules == {
        "people-open-tasks",
        "people-lend-what-they-are-entitled-to",
        "oncall-breaks-glass",
    }
    assert {type(answer) for answer in answers} == {Permit, Deny, NeedsApproval}
    lent = {
        (query.principal.name, query.capability.name)
        for query, answer in zip(queries, answers, strict=True)
        if query.capability and isinstance(answer, Permit)
    }
    assert lent == {
        ("dana", "orders-export"),
        ("erin", "orders-export"),
        ("frank", "orders-shelf"),
        ("frank", "orders-press"),
    }


async def test_what_is_lent_is_decided_for_both_by_the_server_too(
    server: OpaServer, bundle: Bundle, cedar: CedarEngine
) -> None:
    """The broker asks it twice, for the agent and for the person; each no of either refuses."""
    capability = bundle.document.capabilities_by_name()["orders-export"]
    queries = [_lent(capability, name, tickets) for name in PEOPLE for tickets in ((), ("T-1",))]
    basis = Basis(confirm=lambda who: who, facts_revision=3, graph_revision=1)
    mine = Lending(LocalDecider(cedar), basis)

    async with deciding(opa(server.url), cedar) as decider:
        answers = await Lending(decider, basis).decide_many(queries)
    expected = await mine.decide_many(queries)

    assert list(map(said, answers)) == list(map(said, expected))
    pairs = zip(queries, answers, strict=True)
    reasons = {(q.task.on_behalf_of, bool(q.task.tickets)): _reason(a) for q, a in pairs}
    assert reasons["dana", True] == reasons["erin", True] == "permit"
    assert reasons["dana", False] == DenyReason.NO_PERMIT, "the agent may not"
    assert reasons["frank", True] == DenyReason.RIGHT_NOT_LENT, "she may not"
    assert reasons["hank", True] == reasons["held", True] == DenyReason.PERSON_GONE


def _lent(capability: Capability, name: str, tickets: tuple[str, ...]) -> Query:
    agent = Principal(
        Kind.AGENT, "invoice-bot", frozenset({"acme"}), "i", "https://issuer.example", "b", 0
    )
    lender = Asker.of(person(name))
    more = {"tickets": tickets, "lender": lender}
    return wish(name, "acme", capability, Action.REQUEST_CREDENTIAL, principal=agent, task=more)


def _reason(decision: Any) -> str:
    return str(decision.reason) if isinstance(decision, Deny) else "permit"
