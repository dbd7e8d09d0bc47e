"""What is lent is what both may have: held against the intersection of two answers."""

import itertools
from collections.abc import Callable, Sequence
from random import Random  # noqa: TID251 - a history that can be repeated
from typing import Final

import pytest
from msgspec.structs import replace

from broker.errors import AttestationError
from broker.facts.base import Base, tenant_thing
from broker.facts.change import Change
from broker.facts.facts import Facts
from broker.model.approval import Requirement
from broker.model.asked import Asker
from broker.model.decision import Decision, Deny, NeedsApproval, Obligations, Permit, Trace
from broker.model.fact import BUNDLE, Thing, ThingKind
from broker.model.principal import Kind, Principal
from broker.policy.cedar import CedarEngine
from broker.policy.decider import LocalDecider
from broker.policy.lending import Basis, Lending, combined, decided_by
from broker.policy.query import Action, Query
from broker.proof.confirmation import Binding
from tests.fakes.clock import FakeClock
from tests.fakes.facts import ACME, GLOBEX, changes, hold, put
from tests.fakes.policy import CAPABILITY, ENTITIES, PRINCIPAL, QUERY, compiled

DANA: Final = Asker(
    name="dana",
    tenants=frozenset({ACME}),
    instance="browser-1",
    issuer="https://login.example",
    subject="248289761001",
    kind=Kind.PERSON,
)
LENT: Final = replace(QUERY, task=replace(QUERY.task, lender=DANA, on_behalf_of="dana"))
SCOPES: Final = tuple(sorted(CAPABILITY.scopes))
TRACE: Final = Trace("v", 1)


def confirm(person: Principal) -> Principal:
    """Know everybody."""
    return person


BASIS: Final = Basis(confirm, 1, 2)


def permit(who: str, name: str, scopes: Sequence[str], **terms: str) -> str:
    """Permit somebody exactly these scopes at most, under terms."""
    action = (
        'action == Action::"LendRight"'
        if who == "Person"
        else 'action in [Action::"RequestCredential", Action::"RenewCredential"]'
    )
    said = "".join(f'@{key}("{value}")\n' for key, value in terms.items())
    listed = ", ".join(f'"{scope}"' for scope in scopes)
    return (
        f'@id("{name}")\n{said}permit (principal is {who}, {action}, resource is Capability)\n'
        f"when {{ [{listed}].containsAll(context.scopes) }};\n"
    )


def engine(*texts: str, more: Sequence[Change] = (put("person:dana"),)) -> CedarEngine:
    """Make an engine that knows dana."""
    bot = Thing(
        kind=ThingKind.AGENT,
        tenant=ACME,
        name="invoice-bot",
        source=BUNDLE,
        owner="o",
        purpose="p",
        status="active",
    )
    base = Base([tenant_thing(ACME), tenant_thing(GLOBEX), bot])
    facts = Facts(base=base).changed(changes(*more), 1)
    return CedarEngine(
        compiled(*texts), ENTITIES, revision=1, facts=facts, clock=FakeClock(1_800_000_000_000)
    )


def lent(query: Query = LENT, *texts: str, basis: Basis = BASIS) -> Decision:
    """Decide it for both."""
    return decided_by(engine(*texts), basis, query)


BOTH: Final = (permit("Agent", "agents", SCOPES), permit("Person", "people", SCOPES))


def test_both_have_to_permit() -> None:
    """The agent's right alone, or the person's alone, is none."""
    assert isinstance(lent(LENT, *BOTH), Permit)
    no_person = lent(LENT, BOTH[0])
    no_agent = lent(LENT, BOTH[1])

    assert isinstance(no_person, Deny)
    assert no_person.reason == "right-not-lent"
    assert any(line.startswith("person:dana: ") for line in no_person.trace.missing)
    assert isinstance(no_agent, Deny)
    assert no_agent.reason == "no-permit"


def test_the_trace_names_the_policies_of_both() -> None:
    """Whoever looks sees by what each was allowed."""
    decision = lent(LENT, *BOTH)

    assert decision.trace.policies == ("agents", "people")


def test_without_a_lender_nobody_is_asked_twice() -> None:
    """Whom an orchestrator names lends nothing, and is not asked."""
    claimed = replace(QUERY, task=replace(QUERY.task, on_behalf_of="dana"))

    assert isinstance(lent(claimed, BOTH[0]), Permit)


@pytest.mark.parametrize(
    "more",
    [
        [],
        [put("person:dana", status="gone")],
        [put("person:dana"), hold("person:dana")],
        [put("person:dana", GLOBEX)],
    ],
)
def test_a_person_who_does_not_stand_lends_nothing(more: list[Change]) -> None:
    """Whatever policies permit."""
    decision = decided_by(engine(*BOTH, more=[*more, put("team:x")]), BASIS, LENT)

    assert isinstance(decision, Deny)
    assert decision.reason == "person-gone"


def _nobody(_person: Principal) -> Principal:
    raise AttestationError("unregistered", "nobody")


def _moved(person: Principal) -> Principal:
    return replace(person, tenants=frozenset({GLOBEX}))


@pytest.mark.parametrize("knows", [_nobody, _moved])
@pytest.mark.parametrize("action", [a for a in Action if a is not Action.LEND_RIGHT])
def test_whom_the_registry_does_not_know_in_the_tenant_lends_nothing(
    knows: Callable[[Principal], Principal], action: Action
) -> None:
    """Nor is her task extended or handed on."""
    asked = replace(
        LENT, action=action, capability=CAPABILITY if action.is_about_credential else None
    )

    decision = lent(asked, *BOTH, basis=Basis(knows, 1, 2))

    assert isinstance(decision, Deny)
    assert decision.reason == "person-gone"


def test_a_person_asks_about_her_own_tenants_only() -> None:
    """Evidence that holds her to one tenant opens nothing in another where she is known, too."""
    person = replace(PRINCIPAL, kind=Kind.PERSON, name="dana", tenants=frozenset({GLOBEX}))
    asked = replace(QUERY, action=Action.OPEN_TASK, capability=None, principal=person)
    everything = '@id("all") permit (principal, action, resource);'

    decision = decided_by(engine(everything), BASIS, asked)

    assert isinstance(decision, Deny)
    assert decision.reason == "person-gone"


def allowed(*texts: str, query: Query = LENT) -> set[tuple[str, ...]]:
    """Return which sets of scopes are permitted."""
    judge = engine(*texts)
    subsets = itertools.chain.from_iterable(
        itertools.combinations(SCOPES, size) for size in range(1, len(SCOPES) + 1)
    )
    return {
        each
        for each in subsets
        if isinstance(decided_by(judge, BASIS, replace(query, scopes=frozenset(each))), Permit)
    }


@pytest.mark.parametrize("seed", range(20))
def test_what_is_lent_is_the_intersection(seed: int) -> None:
    """Of all that the agent may have and all that the person may, under random policies."""
    rng = Random(seed)  # noqa: S311 - no secret comes of it
    agents = [permit("Agent", f"a{n}", rng.sample(SCOPES, rng.randint(0, 2))) for n in range(2)]
    people = [permit("Person", f"p{n}", rng.sample(SCOPES, rng.randint(0, 2))) for n in range(2)]
    agents, people = [t for t in agents if "[]" not in t], [t for t in people if "[]" not in t]
    hers = replace(
        LENT,
        action=Action.LEND_RIGHT,
        principal=DANA.principal(),
        task=replace(LENT.task, lender=None),
    )

    of_agent = allowed(*agents, query=QUERY) if agents else set()
    of_person = allowed(*people, query=hers) if people else set()
    texts = [*agents, *people] or ['@id("none") forbid (principal, action, resource);']

    assert allowed(*texts) == of_agent & of_person


def obligations(rng: Random) -> Obligations:
    """Make some obligations."""
    return Obligations(
        max_ttl_ms=rng.choice((None, 1_000, 2_000)),
        scopes=rng.choice((None, frozenset(SCOPES), frozenset(SCOPES[:1]), frozenset(SCOPES[1:]))),
        bindings=rng.choice((None, frozenset(Binding), frozenset({Binding.DPOP}))),
        single_use=rng.random() < 0.5,
    )


def leaves(obliged: Obligations) -> tuple[float, frozenset[str], frozenset[object], bool]:
    """Say what obligations leave, of everything there is."""
    return (
        obliged.max_ttl_ms or float("inf"),
        frozenset(SCOPES) if obliged.scopes is None else obliged.scopes,
        frozenset({*Binding, "none"}) if obliged.bindings is None else obliged.bindings,
        obliged.single_use,
    )


@pytest.mark.parametrize("seed", range(50))
def test_obligations_leave_what_both_leave(seed: int) -> None:
    """The shorter life, the scopes and bindings of both, and single use if either wants it."""
    rng = Random(seed)  # noqa: S311 - no secret comes of it
    one, other = obligations(rng), obligations(rng)

    decision = combined([Permit(one, TRACE), Permit(other, TRACE)], LENT)

    assert isinstance(decision, Permit)
    (life, scopes, bindings, once), both = (
        leaves(decision.obligations),
        (leaves(one), leaves(other)),
    )
    assert life == min(each[0] for each in both)
    assert scopes == both[0][1] & both[1][1]
    assert bindings == both[0][2] & both[1][2]
    assert once == (both[0][3] or both[1][3])


def test_approvals_are_united() -> None:
    """Whoever has to agree for either has to agree."""
    mine, hers = Requirement(("oncall",)), Requirement(("finance",))
    waiting = NeedsApproval((mine,), TRACE, Obligations(max_ttl_ms=5), 10_000)
    also = NeedsApproval((hers, mine), TRACE, Obligations(max_ttl_ms=3), 20_000)

    for decisions, expected in (
        ([waiting, Permit(Obligations(), TRACE)], (mine,)),
        ([Permit(Obligations(), TRACE), also], (hers, mine)),
        ([waiting, also], (mine, hers)),
    ):
        decision = combined(decisions, LENT)
        assert isinstance(decision, NeedsApproval)
        assert decision.requirements == expected
    assert isinstance(combined([waiting, Deny("no-permit", TRACE)], LENT), Deny)
    assert isinstance(combined([Deny("no-permit", TRACE), also], LENT), Deny)


def test_a_real_no_counts_before_an_engine_that_does_not_answer() -> None:
    """So that what is known to be refused does not wait; and what nobody knows is no yes."""
    unknown, no = Deny("engine-error", TRACE), Deny("forbidden", TRACE)
    yes = Permit(Obligations(), TRACE)

    reasons = [
        getattr(combined(each, LENT), "reason", "")
        for each in ([unknown, no], [no, unknown], [yes, unknown], [unknown, yes])
    ]

    assert reasons == ["right-not-lent", "forbidden", "engine-error", "engine-error"]


async def test_deciding_and_explaining_are_of_one_mind() -> None:
    """One by one, many at once, and told: with the person's answer within the agent's."""
    judge = Lending(LocalDecider(engine(BOTH[0])), BASIS)

    one = await judge.decide(LENT)
    many = await judge.decide_many([QUERY, LENT, QUERY])
    told = await judge.explain(LENT)

    assert isinstance(one, Deny)
    assert [type(each).__name__ for each in many] == ["Permit", "Deny", "Permit"]
    assert (told.outcome, told.reason) == ("deny", "right-not-lent")
    assert told.lending is not None
    assert told.lending.outcome == "deny"
    assert (await judge.explain(QUERY)).lending is None
