"""No permit, and no task, gives an agent more than its own ceiling."""

import pytest

from broker.facts.base import Base, tenant_thing
from broker.facts.change import Change
from broker.facts.facts import Facts
from broker.model.capability import Ceiling
from broker.model.decision import Deny, Permit
from broker.model.fact import BUNDLE, Thing, ThingKind
from broker.model.principal import Kind
from broker.policy.cedar import CedarEngine
from broker.policy.query import Action, Query
from tests.fakes.clock import FakeClock
from tests.fakes.facts import ACME, GLOBEX, changes, put
from tests.fakes.policy import ENTITIES, PERMIT_ALL, PRINCIPAL, QUERY, compiled, in_task
from tests.fakes.replace import replace

READ = "orders-api orders:read"
WRITE = "orders-api orders:write"
WRITES = replace(QUERY, scopes=frozenset({"orders:read", "orders:write"}))
OPENS = replace(
    QUERY,
    action=Action.OPEN_TASK,
    capability=None,
    scopes=frozenset(),
    ceiling=(Ceiling("orders-api", frozenset({"orders:read", "orders:write"})),),
    principal=replace(PRINCIPAL, kind=Kind.ORCHESTRATOR, name="ci"),
)


def bot(*ceiling: str) -> Thing:
    """Register the agent in the bundle, with a ceiling."""
    said = {"owner": "o", "purpose": "p", "status": "active"}
    return Thing(
        kind=ThingKind.AGENT,
        tenant=ACME,
        name="invoice-bot",
        source=BUNDLE,
        ceiling=ceiling,
        **said,
    )


def engine(agent: Thing, *more: Change) -> CedarEngine:
    """Permit everything, over facts."""
    known = Facts(base=Base([tenant_thing(ACME), tenant_thing(GLOBEX), agent]))
    known = known.changed(changes(*more), 1) if more else known
    policies = compiled(PERMIT_ALL)
    return CedarEngine(policies, ENTITIES, revision=7, facts=known, clock=FakeClock(1_000))


@pytest.mark.parametrize(
    "query",
    [
        WRITES,
        replace(WRITES, action=Action.RENEW_CREDENTIAL),
        OPENS,
        replace(OPENS, action=Action.DELEGATE_TASK),
    ],
    ids=["asking", "renewing", "opening", "handing on"],
)
def test_what_is_beyond_an_agents_ceiling_is_refused_whatever_policy_says(query: Query) -> None:
    """At each of these the same way; operators are told what it was, and remembered answers fall.

    The engine has permitted the very same question over other facts before.
    """
    wide = engine(bot(READ, WRITE))
    assert isinstance(wide.decide(query), Permit)

    narrow = wide.over(Facts(base=Base([tenant_thing(ACME), bot(READ)])))
    decision = narrow.decide(query)

    assert isinstance(decision, Deny)
    assert decision.reason == "beyond-agent-ceiling"
    told = f"built in: beyond the ceiling of agent:invoice-bot: {WRITE}"
    assert decision.trace.missing == (told,)
    assert narrow.explain(query).missing == (told,)
    assert narrow.shown(query).refusal is not None


@pytest.mark.parametrize(
    ("ceiling", "query"),
    [
        ((), WRITES),
        ((READ,), QUERY),
        ((READ, WRITE), WRITES),
        ((READ,), replace(OPENS, action=Action.EXTEND_TASK)),
    ],
    ids=["no bound", "within", "exactly", "time alone"],
)
def test_what_is_within_it_is_policys_matter(ceiling: tuple[str, ...], query: Query) -> None:
    """As is everything where an agent has none; more time gives nothing of a ceiling."""
    assert isinstance(engine(bot(*ceiling)).decide(query), Permit)


def test_a_capability_that_only_begins_alike_is_another() -> None:
    """Lines are compared whole."""
    decision = engine(bot("orders-api orders:rea", "orders orders:read")).decide(QUERY)

    assert isinstance(decision, Deny)


def test_nobody_hands_on_more_than_its_own_ceiling() -> None:
    """Whoever has handed the task on is held to it, too: by what its own facts say."""
    narrow = put("agent:boss", ceiling=(READ,))
    judge = engine(bot(), put("person:ann"), narrow)

    assert isinstance(judge.decide(in_task(above=("boss",))), Permit)
    refused = judge.decide(in_task(WRITES, above=("boss",)))
    assert isinstance(refused, Deny)
    assert refused.trace.missing == (f"built in: beyond the ceiling of agent:boss: {WRITE}",)


def test_of_another_tenants_agent_no_ceiling_is_told() -> None:
    """Its task is refused or not as that of an agent that nobody knows would be (I16)."""
    stranger = put("agent:stranger", GLOBEX, ceiling=(READ,))
    asked = in_task(OPENS, agent="stranger")
    judge = engine(bot(), put("person:ann", GLOBEX), stranger)

    assert isinstance(judge.decide(asked), Permit)
