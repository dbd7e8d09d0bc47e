"""The engine allows on an explicit Allow without any error, and on nothing else."""

import pytest
from cedarpy import AuthzResult, is_authorized
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import ConfigurationError
from broker.model.approval import Requirement
from broker.model.decision import Deny, NeedsApproval, Obligations, Permit
from broker.model.principal import Kind
from broker.policy.cedar import CedarEngine
from broker.policy.engine import DenyReason
from broker.policy.entity import Entity, EntityName
from broker.policy.query import Action, Query, TaskFacts
from tests.fakes.policy import (
    CAPABILITY,
    ENTITIES,
    ORDERS,
    PERMIT_ALL,
    PRINCIPAL,
    QUERY,
    by,
    compiled,
    engine,
    in_task,
)
from tests.fakes.replace import replace


def refused(decision: object) -> str:
    """Return why a decision is a refusal, or fail."""
    assert isinstance(decision, Deny), decision
    return decision.reason


def answering(result: object) -> CedarEngine:
    """Make an engine whose Cedar gives this answer to everything, or raises it."""

    def authorize(*_: object) -> AuthzResult:
        if isinstance(result, BaseException):
            raise result
        return result  # type: ignore[return-value]  # the point is that it may be anything

    return CedarEngine(compiled(PERMIT_ALL), ENTITIES, revision=1, authorize=authorize)


def test_a_permit_that_holds_permits_and_says_by_what() -> None:
    """The trace has the version, the facts' revision, the policy and the entities shown."""
    judge = engine(PERMIT_ALL)

    decision = judge.decide(QUERY)

    assert isinstance(decision, Permit)
    assert decision.obligations == Obligations()
    trace = decision.trace
    assert (trace.policy_version, trace.facts_revision) == (judge.version, 7)
    assert trace.policies == ("all",)
    assert trace.facts == (
        'Agent::"invoice-bot"',
        'Capability::"orders-api"',
        'Team::"finance"',
    )
    assert (trace.errors, trace.missing) == ((), ())


def test_what_no_policy_permits_is_denied() -> None:
    """Absence denies, and the trace says which condition would have had to hold."""
    judge = engine(
        '@id("others") permit (principal is Agent, action, resource is Capability)'
        ' when { principal.tenant == "globex" && context.ttlSeconds < 90 };'
    )

    decision = judge.decide(QUERY)

    assert refused(decision) == DenyReason.NO_PERMIT
    assert decision.trace.policies == ()
    assert decision.trace.missing == ('others: when principal.tenant == "globex"',)


def test_a_permit_for_something_else_is_named_as_missing() -> None:
    """When no permit is even about such a request, that is what is missing."""
    judge = engine('@id("x") permit (principal, action == Action::"OpenTask", resource);')

    decision = judge.decide(QUERY)

    assert decision.trace.missing == ("no permit covers RequestCredential by Agent on Capability",)


def test_a_forbid_wins_over_every_permit() -> None:
    """It is named in the trace."""
    judge = engine(PERMIT_ALL, '@id("stop") forbid (principal, action, resource is Capability);')

    decision = judge.decide(QUERY)

    assert refused(decision) == DenyReason.FORBIDDEN
    assert decision.trace.policies == ("stop",)


UNKNOWN_CAPABILITY = replace(QUERY, capability=replace(CAPABILITY, name="never-registered"))


@pytest.mark.parametrize(
    ("condition", "query"),
    [
        ("context.task.depth + 9223372036854775807 > 5", in_task(depth=3)),
        ("context.ttlSeconds * 9223372036854775807 > 5", QUERY),
        ('principal.status == "suspended"', by("never-registered")),
        ('resource.check == "offline"', UNKNOWN_CAPABILITY),
    ],
)
@pytest.mark.parametrize("effect", ["forbid", "permit"])
def test_a_policy_that_errs_never_allows(condition: str, query: Query, effect: str) -> None:
    """Cedar skips what errs and says Allow by the other policy; here that is a Deny."""
    scope = 'principal is Agent, action == Action::"RequestCredential", resource is Capability'
    judge = engine(PERMIT_ALL, f'@id("errs") {effect} ({scope}) when {{ {condition} }};')

    decision = judge.decide(query)

    assert refused(decision) == DenyReason.EVALUATION_ERROR
    assert "`errs`" in decision.trace.errors[0]


def test_the_shortest_life_and_the_common_scopes_bind() -> None:
    """All permits that apply bind together; one that does not apply binds nothing."""
    judge = engine(
        '@id("a") @max_ttl_seconds("120") @scopes("r w") permit (principal, action, resource);',
        '@id("b") @max_ttl_seconds("60") @scopes("w x") permit (principal, action, resource);',
        '@id("c") @max_ttl_seconds("1") @scopes("q") permit (principal, action, resource)'
        " when { context.ttlSeconds > 60 };",
        PERMIT_ALL,
    )

    decision = judge.decide(QUERY)

    assert isinstance(decision, Permit)
    assert decision.obligations == Obligations(max_ttl_ms=60_000, scopes=frozenset({"w"}))
    assert decision.trace.policies == ("a", "all", "b")


def test_one_permit_that_wants_approval_makes_approval_needed() -> None:
    """The narrowest binds: a human has to agree although another permit asks for none."""
    judge = engine(
        PERMIT_ALL,
        '@id("a") @approval("oncall security") permit (principal, action, resource);',
        '@id("b") @approval("oncall") @approval_count("2") @approval_seconds("60")'
        ' @max_ttl_seconds("30") permit (principal, action, resource);',
    )

    decision = judge.decide(QUERY)

    assert isinstance(decision, NeedsApproval)
    assert decision.of_whom == ("oncall", "security")
    assert decision.requirements == (
        Requirement(("oncall",), 2),
        Requirement(("oncall", "security")),
    )
    assert decision.obligations == Obligations(max_ttl_ms=30_000)
    assert decision.good_ms == 60_000


@pytest.mark.parametrize(
    "what",
    [
        RuntimeError("down"),
        TimeoutError(),
        RecursionError(),
        MemoryError(),
        type("PanicException", (BaseException,), {})("index out of bounds"),
        None,
        "true",
        True,
        {},
        {"decision": "Allow"},
        AuthzResult({}),
        AuthzResult({"decision": "Allow"}),
        AuthzResult({"decision": "Allow", "diagnostics": {"reason": ["unheard-of"]}}),
        AuthzResult({"decision": "allow", "diagnostics": {"reason": ["all"]}}),
        AuthzResult({"decision": True, "diagnostics": {"reason": ["all"]}}),
        AuthzResult({"decision": "NoDecision", "diagnostics": {"reason": ["all"]}}),
        AuthzResult({"decision": "Allow", "diagnostics": {"reason": None}}),
    ],
)
def test_an_engine_that_fails_or_babbles_denies(what: object) -> None:
    """Whatever is raised or returned that is not a well-formed Allow is no permission."""
    assert refused(answering(what).decide(QUERY)) == DenyReason.ENGINE_ERROR


def test_an_allow_with_an_error_beside_it_is_a_deny() -> None:
    """One evaluation error is one too many."""
    result = AuthzResult(
        {"decision": "Allow", "diagnostics": {"reason": ["all"], "errors": ["something"]}}
    )

    decision = answering(result).decide(QUERY)

    assert refused(decision) == DenyReason.EVALUATION_ERROR
    assert decision.trace.errors == ("something",)


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_an_order_to_stop_is_obeyed(signal: type[BaseException]) -> None:
    """What ends the process is not taken for a failure of the engine."""
    with pytest.raises(signal):
        answering(signal()).decide(QUERY)


@pytest.mark.parametrize("ttl", [1.5, float("nan"), 2**63, -1, True, None, "60000"])
def test_a_number_of_the_wrong_kind_is_a_deny(ttl: object) -> None:
    """Floats, booleans and what does not fit in 64 bits never reach policy."""
    decision = engine(PERMIT_ALL).decide(replace(QUERY, ttl_ms=ttl))

    assert refused(decision) == DenyReason.ENGINE_ERROR


@pytest.mark.parametrize(
    "query",
    [
        replace(QUERY, capability=None),
        replace(QUERY, action="FlyAway"),
        replace(QUERY, scopes="orders:read"),
        replace(QUERY, scopes=frozenset({1})),
        replace(QUERY, principal=replace(PRINCIPAL, name=None)),
        replace(QUERY, principal=replace(PRINCIPAL, kind=Kind.RESOURCE)),
        replace(QUERY, principal=replace(PRINCIPAL, kind=Kind.ORCHESTRATOR)),
        replace(QUERY, principal=replace(PRINCIPAL, issuer=None)),
        in_task(tenant=None),
        in_task(tenant={"__entity": {"type": "Team", "id": "x"}}),
        in_task(depth="0"),
        in_task(tickets=({"__entity": {"type": "Team", "id": "x"}},)),
        in_task(name="\ud800"),
        by("\ud800"),
    ],
)
def test_each_fact_of_the_wrong_kind_or_missing_is_a_deny(query: Query) -> None:
    """The input is complete and typed, or there is no permission."""
    assert refused(engine(PERMIT_ALL).decide(query)) == DenyReason.ENGINE_ERROR


INJECTIONS = [
    '" || true',
    'invoice-bot" || true || "',
    'x"}; permit (principal, action, resource); //',
    'Agent::"invoice-bot"',
    "invoice-bot\n",
    "invoice-bot\0",
    "INVOICE-BOT",
    "invoice-bot ",
    "\u202einvoice-bot",
    '{"__entity": {"type": "Agent", "id": "invoice-bot"}}',
    "__entity",
    "*",
    "",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_text_in_a_name_stays_a_name(text: str) -> None:
    """Nothing that an id holds is read as policy, as another id or as anything but itself."""
    judge = engine(
        '@id("only") permit (principal == Agent::"invoice-bot", action, resource)'
        ' when { context.task.tenant == "acme" };'
    )

    assert refused(judge.decide(by(text))) == DenyReason.NO_PERMIT
    assert refused(judge.decide(in_task(tenant=text))) == DenyReason.NO_PERMIT


@given(text=st.text(max_size=30))
def test_no_caller_text_turns_a_refusal_into_a_permission(text: str) -> None:
    """Whatever stands in everything a caller can choose, the answer stays no."""
    judge = _DENIES_OTHERS
    task = TaskFacts(
        id=text,
        name=text,
        tenant="globex",
        agent=text,
        opener=text,
        on_behalf_of=text,
        tickets=(text,),
        resources=(text,),
    )
    label = {} if not text or "=" in text or text.startswith("__") else {text: text}

    decision = judge.decide(replace(QUERY, task=task, scopes=frozenset({text}), labels=label))

    assert isinstance(decision, Deny)


_DENIES_OTHERS = engine(
    '@id("a") permit (principal, action, resource) when { context.task.tenant == "acme" };'
)


def test_labels_are_texts_to_policy() -> None:
    """A label can be asked for as ``key=value``, and is that one text whatever it holds."""
    judge = engine(
        '@id("l") permit (principal, action, resource) when { context.labels.contains("run=7") };'
    )

    assert isinstance(judge.decide(replace(QUERY, labels={"run": "7"})), Permit)
    assert refused(judge.decide(replace(QUERY, labels={"run": '7", "x'}))) == "no-permit"


def test_a_trace_is_bounded_whatever_a_caller_sends() -> None:
    """Errors quote names; a name of a megabyte does not become a record of a megabyte."""
    judge = engine(
        *(
            f'@id("p{n}") permit (principal is Agent, action, resource)'
            ' when { principal.tenant == "x" };'
            for n in range(40)
        )
    )

    trace = judge.decide(by("x" * 1_000_000)).trace

    assert len(trace.errors) == 16
    assert len(trace.missing) == 16
    assert max(map(len, trace.errors + trace.missing)) <= 400


def test_no_request_makes_cedar_parse() -> None:
    """Parsing happens when the engine is made: a thousand answers later the count is the same."""
    judge = engine(
        PERMIT_ALL,
        '@id("f") forbid (principal, action, resource) when { context.ttlSeconds > 99 };',
    )
    before = judge.parses

    for _ in range(500):
        judge.decide(QUERY)
        judge.decide(replace(QUERY, ttl_ms=100_000))
    judge.explain(QUERY)

    assert before > 0
    assert judge.parses == before


def test_an_engine_is_not_made_of_faulty_policies() -> None:
    """Half a set of policies decides nothing."""
    with pytest.raises(ConfigurationError, match="not a Cedar policy"):
        CedarEngine(compiled(PERMIT_ALL, "permit (;"), ENTITIES, revision=1)


def test_an_engine_is_not_made_of_entities_that_do_not_fit() -> None:
    """Facts of another shape than the schema's are refused before anything is decided by them."""
    odd = Entity(EntityName("Agent", "odd"), {"tenant": 3})

    with pytest.raises(ConfigurationError, match="do not fit the schema"):
        CedarEngine(compiled(PERMIT_ALL), (odd, ORDERS), revision=1)


def test_every_action_can_be_asked() -> None:
    """Each action has a well-formed question under the shipped schema."""
    judge = engine(PERMIT_ALL)

    for action in set(Action) - {
        Action.LEND_RIGHT,
        Action.BREAK_GLASS,
    }:  # people's: see test_lending
        capability = CAPABILITY if action.is_about_credential else None
        decision = judge.decide(replace(QUERY, action=action, capability=capability))
        assert isinstance(decision, Permit), action


def test_the_same_policies_have_the_same_version() -> None:
    """A version names what decides: equal for equal texts, different for different ones."""
    assert engine(PERMIT_ALL).version == engine(PERMIT_ALL).version
    assert engine(PERMIT_ALL).version != engine(PERMIT_ALL + "//").version


def test_the_library_itself_is_what_the_engine_asks_by_default() -> None:
    """An engine made without a stand-in decides by Cedar."""
    explicit = CedarEngine(compiled(PERMIT_ALL), ENTITIES, revision=7, authorize=is_authorized)

    assert explicit.decide(QUERY) == engine(PERMIT_ALL).decide(QUERY)
