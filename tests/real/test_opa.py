"""A real Open Policy Agent decides: as the Cedar that it replaces, or not at all."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from broker.engines.question import question
from broker.engines.verdict import verdict
from broker.governance.base_facts import base_of
from broker.governance.bundle import Bundle
from broker.governance.selftest import question_of
from broker.governance.worlds import engine_for, in_order
from broker.model.capability import Capability, Ceiling
from broker.model.decision import Decision, Deny, NeedsApproval, Obligations, Permit
from broker.model.principal import Kind, Principal
from broker.policy.engine import DenyReason
from broker.policy.query import Action, Query, TaskFacts
from tests.fakes.bundles import BundleFolder
from tests.fakes.certificates import Authority
from tests.fakes.engine_server import deciding, opa
from tests.fakes.replace import replace
from tests.real.opa_server import OpaServer, documented

pytestmark = pytest.mark.real

AUTHZ: Final = """package system.authz
default allow := false
allow if input.path == ["health"]
allow if input.identity == "s3cret"
"""


@pytest.fixture(scope="module")
def program(part: Callable[[str], Path]) -> Path:
    """Where OPA is."""
    return part("opa")


@pytest.fixture(scope="module")
def shared(program: Path) -> Iterator[OpaServer]:
    """One that every test may ask, and none may change."""
    server = OpaServer(program)
    server.start(jit=documented())
    yield server
    server.remove()


@pytest.fixture
def own(program: Path) -> Iterator[OpaServer]:
    """One of the test's own."""
    server = OpaServer(program)
    server.start(jit=documented())
    yield server
    server.remove()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle that comes with the broker, with an agent whose risk nobody has judged."""
    folder = BundleFolder(tmp_path_factory.mktemp("bundle"))
    folder.edit("agents.yaml", "    risk: low\n", "")
    return Bundle.from_files(folder.files)


def said(decision: Decision) -> tuple[str, object, tuple[str, ...]]:
    """Return what counts of a decision.

    About nobody (an agent of another tenant is shown so) Cedar cannot say what its tenant is, where
    to Rego it is undefined: the one refuses for the error, the other for want of a permit.
    """
    return type(decision).__name__, _bound(decision), decision.trace.policies


def _bound(decision: Decision) -> object:
    match decision:
        case Permit(obligations):
            return obligations
        case NeedsApproval(requirements, _, obligations, good_ms):
            return requirements, obligations, good_ms
        case Deny(reason):
            is_stumbling = reason is DenyReason.EVALUATION_ERROR
            return DenyReason.NO_PERMIT if is_stumbling else reason


def vectors(bundle: Bundle) -> list[Query]:
    """Return the questions of the bundle's own tests."""
    capabilities = bundle.document.capabilities_by_name()
    return [question_of(vector, capabilities) for vector in bundle.document.tests]


def permitted(bundle: Bundle) -> Query:
    """Return a question that the bundle's own policies permit."""
    cedar = bundle.engine(revision=3)
    return next(query for query in vectors(bundle) if isinstance(cedar.decide(query), Permit))


def every_question(bundle: Bundle) -> list[Query]:
    """Return everybody's questions about everybody, and about every capability."""
    callers = [(Kind.AGENT, a.name) for a in bundle.document.agents]
    callers += [(Kind.ORCHESTRATOR, "ci-orchestrator"), (Kind.AGENT, "~nobody")]
    tenants = ("acme", "globex")
    return [*_on_tasks(bundle, callers, tenants), *_on_capabilities(bundle, callers, tenants)]


def _on_tasks(bundle: Bundle, callers: Any, tenants: Any) -> Iterator[Query]:
    actions = (Action.OPEN_TASK, Action.DELEGATE_TASK, Action.EXTEND_TASK)
    agents = [a.name for a in bundle.document.agents] + ["~nobody"]
    for action, caller, agent, tenant in itertools.product(actions, callers, agents, tenants):
        for depth, ttl_ms in ((0, 600_000), (4, 600_001), (5, 3_600_000), (1, 3_600_001)):
            task = _task(tenant, agent, depth=depth)
            yield Query(action=action, principal=_caller(*caller), task=task, ttl_ms=ttl_ms)


def _on_capabilities(bundle: Bundle, callers: Any, tenants: Any) -> Iterator[Query]:
    capabilities = bundle.document.capabilities_by_name().values()
    callers = [each for each in callers if each[0] is Kind.AGENT]  # nobody else can ask
    wishes = ((), ("orders:read",), ("orders:write",), ("orders:read", "orders:write"))
    wishes = (*wishes, ("reports:read",), ("other",))  # type: ignore[assignment]
    asked = itertools.product(callers, tenants, capabilities, wishes, ((), ("OPS-1",)))
    for caller, tenant, capability, scopes, tickets in asked:
        yield _wish(caller, _task(tenant, "invoice-bot", tickets=tickets), capability, scopes)


def _wish(
    caller: tuple[Kind, str], task: TaskFacts, capability: Capability, scopes: tuple[str, ...]
) -> Query:
    return Query(
        action=Action.REQUEST_CREDENTIAL,
        principal=_caller(*caller),
        task=task,
        capability=capability,
        ceiling=(Ceiling(capability.name, capability.scopes),),
        scopes=frozenset(scopes),
        ttl_ms=60_000,
    )


def _caller(kind: Kind, name: str) -> Principal:
    return Principal(kind, name, frozenset(), "i", "https://issuer.example", name, 0)


def _task(tenant: str, agent: str, **changes: Any) -> TaskFacts:
    return TaskFacts(id="t", name="n", tenant=tenant, agent=agent, opener="o", **changes)


async def test_the_documented_rego_passes_the_bundles_own_tests(
    shared: OpaServer, bundle: Bundle
) -> None:
    """Each with its own facts: outcome, reason, rules, obligations and who has to agree."""
    facts = in_order(base_of(bundle.document))
    capabilities = bundle.document.capabilities_by_name()
    for vector in bundle.document.tests:
        cedar = engine_for(vector, bundle.engine(revision=3), facts)
        query = question_of(vector, capabilities)
        expected = cedar.decide(query)
        async with deciding(opa(shared.url), cedar) as decider:
            answer = await decider.decide(query)
        if isinstance(expected, Deny) and expected.reason == DenyReason.ENGINE_ERROR:
            # The schema knows no such question (an agent that breaks glass); to Rego it is any.
            assert said(answer) == ("Deny", DenyReason.NO_PERMIT, ()), vector.name
        else:
            assert said(answer) == said(expected), vector.name


async def test_the_documented_rego_answers_as_the_default_policies(
    shared: OpaServer, bundle: Bundle
) -> None:
    """Everybody's questions about everybody: outcome, reason, rules, obligations."""
    cedar = bundle.engine(revision=3)
    queries = every_question(bundle)
    async with deciding(opa(shared.url), cedar) as decider:
        answers = await decider.decide_many(queries)

    for query, answer in zip(queries, answers, strict=True):
        expected = cedar.decide(query)
        if isinstance(expected, Deny) and expected.reason == DenyReason.EVALUATION_ERROR:
            # Cedar stumbles over whoever is not registered; in Rego nothing is known of them.
            assert isinstance(answer, Deny), query
        else:
            assert said(answer) == said(expected), query
    assert {type(answer) for answer in answers} == {Permit, Deny}
    assert len(queries) > 500
    assert any(answer.trace.policies == ("agents-delegate",) for answer in answers)
    assert any(said(answer)[1] == "forbidden" for answer in answers)
    assert any(said(answer)[1] == Obligations(max_ttl_ms=120_000) for answer in answers)


def test_c14_a_question_without_one_of_its_members_permits_no_more(
    shared: OpaServer, bundle: Bundle
) -> None:
    """C14: whatever is dropped on the way, nobody gains by it."""
    facts = in_order(base_of(bundle.document))
    for vector, query in zip(bundle.document.tests, vectors(bundle), strict=True):
        cedar = engine_for(vector, bundle.engine(revision=3), facts)
        whole = question(query, cedar.shown(query))
        allows = _asked(shared, whole)
        for dropped in _each_dropped(whole):
            assert allows or not _asked(shared, dropped), vector.name


def _asked(server: OpaServer, told: Any) -> bool:
    answer = server.says("POST", "/v1/data/jit/decision", json={"input": told}).json()
    return verdict(answer["result"]).allow


def _each_dropped(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in whole:
        yield {key: value for key, value in whole.items() if key != name}
    for part in ("principal", "task"):
        for name in whole[part]:
            less = {key: value for key, value in whole[part].items() if key != name}
            yield whole | {part: less}


async def failing(url: str, bundle: Bundle, **changes: Any) -> str:
    """Ask what is permitted otherwise; return why there is no answer."""
    async with deciding(opa(url, **changes), bundle.engine(revision=3)) as decider:
        decision = await decider.decide(permitted(bundle))
        assert isinstance(decision, Deny), decision
        assert decision.reason == "engine-error"
        return decision.trace.errors[0]


async def test_an_opa_that_dies_or_freezes_permits_nothing_and_recovers(
    own: OpaServer, bundle: Bundle
) -> None:
    """With the same decider, whose connections are dead by then."""
    query, cedar = permitted(bundle), bundle.engine(revision=3)
    async with deciding(opa(own.url, deadline_ms=2_000), cedar) as decider:
        assert isinstance(await decider.decide(query), Permit)
        own.freeze()
        assert "within 2000 ms" in (await decider.decide(query)).trace.errors[0]
        own.thaw()
        assert isinstance(await decider.decide(query), Permit)
        own.kill()
        assert "no answer" in (await decider.decide(query)).trace.errors[0]
        own.start(jit=documented())
        assert isinstance(await decider.decide(query), Permit)


async def test_an_opa_without_the_policy_permits_nothing(own: OpaServer, bundle: Bundle) -> None:
    """Undefined is no answer; nor is the answer of another document."""
    (policy,) = own.says("GET", "/v1/policies").json()["result"]
    assert own.says("DELETE", f"/v1/policies/{policy['id']}").ok
    assert "undefined" in await failing(own.url, bundle)
    wider = "package jit\ndecision := true\n"
    own.says("PUT", "/v1/policies/wider", data=wider)
    assert "not what is documented" in await failing(own.url, bundle)


async def test_a_policy_that_errs_permits_nothing(own: OpaServer, bundle: Bundle) -> None:
    """Two answers at once are an error of OPA's own: status 500."""
    own.says("PUT", "/v1/policies/other", data="package jit\ndecision := {}\n")

    assert "status 500" in await failing(own.url, bundle)


async def test_a_change_at_the_server_is_another_version(own: OpaServer, bundle: Bundle) -> None:
    """As far as it changes an answer."""
    query, cedar = permitted(bundle), bundle.engine(revision=3)
    async with deciding(opa(own.url), cedar) as decider:
        before = (await decider.decide(query)).trace
        again = (await decider.decide(query)).trace
        (policy,) = own.says("GET", "/v1/policies").json()["result"]
        changed = documented().replace(before.policies[0], "another-name")
        assert own.says("PUT", f"/v1/policies/{policy['id']}", data=changed).ok
        after = (await decider.decide(query)).trace

    assert replace(before, until_ms=0) == replace(again, until_ms=0)
    assert before.policy_version.startswith("opa:")
    assert (before.policy_version, before.policies) != (after.policy_version, after.policies)


async def test_tls_and_tokens_as_opa_wants_them(
    program: Path, bundle: Bundle, tmp_path: Path
) -> None:
    """Its certificate is judged, ours and our token are judged by it."""
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    cert, key = ours.issue("opa")
    mine, my_key = ours.issue("broker")
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "wrong").write_text("guess\n")
    server = OpaServer(
        program,
        f"--tls-cert-file={cert}",
        f"--tls-private-key-file={key}",
        "--authentication=token",
        "--authorization=basic",
        scheme="https",
    )
    try:
        server.start(jit=documented(), authz=AUTHZ)
        known: dict[str, Any] = {"ca_file": ours.ca_file, "cert_file": mine, "key_file": my_key}
        shown = opa(server.url, token_file=tmp_path / "token", **known)
        async with deciding(shown, bundle.engine(revision=3)) as decider:
            assert isinstance(await decider.decide(permitted(bundle)), Permit)
        assert "status 401" in await failing(
            server.url, bundle, token_file=tmp_path / "wrong", **known
        )
        assert "TLS" in await failing(server.url, bundle, **known | {"ca_file": other.ca_file})
    finally:
        server.remove()
