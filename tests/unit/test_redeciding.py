"""Asking again: what a lease was given is held against what its question would be given now."""

from collections.abc import Sequence
from dataclasses import replace as with_parts
from pathlib import Path
from typing import Final

import pytest

from broker.facts.base import Base, tenant_thing
from broker.facts.change import Change
from broker.facts.facts import Facts
from broker.governance.published import Published
from broker.model.asked import Asked, Asker
from broker.model.capability import Capability, Ceiling, CheckMode
from broker.model.decision import Decision, Deny, Trace
from broker.model.fact import BUNDLE
from broker.model.held import HeldLease
from broker.model.redecision import NoLonger, Redecision, StillGranted
from broker.model.target import TargetRef
from broker.model.task import TaskSpec
from broker.policy.cedar import CedarEngine
from broker.policy.decider import LocalDecider
from broker.policy.engine import Engine
from broker.policy.query import Action, Query
from broker.proof.confirmation import Binding, Confirmation
from broker.redeciding import asked_for, question, redecide, verdict
from broker.target_wishes import digest_of
from tests.fakes.candidates import Candidate
from tests.fakes.clock import FakeClock
from tests.fakes.facts import ACME, changes, hold, put, relate, thing
from tests.fakes.policy import CAPABILITY, ENTITIES, PERMIT_ALL, PRINCIPAL, QUERY, compiled
from tests.fakes.records import lease_spec, task_spec
from tests.fakes.replace import replace
from tests.fakes.verbs_kit import FixedReplica

NOW: Final = 1_800_000_000_000
FIVE_MINUTES: Final = 300_000
READ: Final = frozenset({"orders:read"})
BOTH: Final = READ | {"orders:write"}
ASKED: Final = Asked(by=Asker.of(PRINCIPAL), scopes=READ, ttl_ms=FIVE_MINUTES)
BASE: Final = Base(
    [
        tenant_thing(ACME),
        thing("agent:invoice-bot", owner="o", purpose="p", source=BUNDLE),
    ],
    [],
    {},
)
ELSEWHERE: Final = {"issuer": "https://elsewhere.example", "subject": "it"}
SHIPPED: Final = FixedReplica().published
AT: Final = replace(CAPABILITY, backend="toy", target="yard", template='{"role": "reader"}')


def held(asked: Asked | None = ASKED, **changed: object) -> HeldLease:
    """Make a lease of five minutes; the changes go to its spec."""
    return HeldLease(
        spec=lease_spec(**changed),
        asked=asked,
        generation=1,
        given_ms=FIVE_MINUTES,
        expires_at_ms=NOW + FIVE_MINUTES,
    )


def published(
    *texts: str,
    capability: Capability | None = CAPABILITY,
    facts: Facts = Facts(3, BASE),  # noqa: B008 - it never changes
) -> Published:
    """Publish policies, and one capability or none, over facts."""
    texts = texts or (PERMIT_ALL,)
    engine = CedarEngine(compiled(*texts), ENTITIES, revision=7, facts=facts, clock=FakeClock(NOW))
    known = {} if capability is None else {capability.name: capability}
    return with_parts(SHIPPED, engine=engine, facts=facts, capabilities=known)


async def again(
    now: Published, lease: HeldLease | None = None, task: TaskSpec | None = None
) -> Redecision:
    """Ask again about one lease."""
    (answer,) = await redecide(now, [(lease or held(), task or task_spec())])
    return answer


async def refused(
    now: Published, lease: HeldLease | None = None, task: TaskSpec | None = None
) -> NoLonger:
    """Ask again about one lease that is not granted any more."""
    answer = await again(now, lease, task)
    assert isinstance(answer, NoLonger), answer
    return answer


# What stays.


async def test_what_would_be_granted_as_it_was_is_kept() -> None:
    """Nothing in it changes with time."""
    assert await again(published()) == StillGranted(until_ms=0)


async def test_a_yes_that_time_alone_ends_says_when() -> None:
    """So that somebody looks again then."""
    because = (
        '@id("because") permit (principal is Agent, action, resource is Capability) '
        'when { principal in Ticket::"acme/T-1" };'
    )
    graph: tuple[Change, ...] = (
        put("ticket:T-1"),
        relate("agent:invoice-bot assigned-to ticket:T-1", until=NOW + 60_000),
    )
    facts = Facts(base=BASE).changed(changes(*graph), 3)

    assert await again(published(because, facts=facts)) == StillGranted(NOW + 60_000)


async def test_more_than_it_was_given_is_no_reason_to_end_it() -> None:
    """Wider scopes and a longer life than it has."""
    wider = replace(CAPABILITY, scopes=BOTH | {"orders:export"}, max_ttl_ms=9_000_000)

    assert await again(published(capability=wider)) == StillGranted()


async def test_the_template_of_a_token_of_ours_says_nothing() -> None:
    """Only what lives at a target is made from one."""
    assert await again(published(), held(template="another")) == StillGranted()


async def test_what_was_made_from_the_same_template_is_kept() -> None:
    """At its target, whatever that says of itself."""
    lease = held(backend="toy", target=TargetRef("yard", "toy-1"), template=digest_of(AT))

    assert await again(published(capability=AT), lease) == StillGranted()


# What cannot be asked any more.


@pytest.mark.parametrize(
    "capability", [None, replace(CAPABILITY, tenants=frozenset({"globex"}))], ids=["no", "other's"]
)
async def test_a_capability_that_is_gone_is_granted_to_nobody(
    capability: Capability | None,
) -> None:
    """One that is another tenant's by now looks the same (I16)."""
    answer = await refused(published(capability=capability))

    assert answer.reason == "capability-gone"
    assert answer.missing == ("the capability exists in this tenant",)


@pytest.mark.parametrize(
    "capability",
    [
        replace(CAPABILITY, backend="toy"),
        replace(CAPABILITY, audience="https://other.example"),
    ],
    ids=["backend", "audience"],
)
async def test_a_capability_that_gives_another_thing_is_another_one(
    capability: Capability,
) -> None:
    """Its name alone says nothing of what was granted."""
    assert (await refused(published(capability=capability))).reason == "capability-changed"


@pytest.mark.parametrize(
    "now",
    [replace(AT, template='{"role": "owner"}'), replace(AT, target="other-yard")],
    ids=["template", "target"],
)
async def test_what_another_template_or_target_would_make_is_another_thing(
    now: Capability,
) -> None:
    """A role with more rights, the same name at another server."""
    lease = held(backend="toy", target=TargetRef("yard", "toy-1"), template=digest_of(AT))

    assert (await refused(published(capability=now), lease)).reason == "capability-changed"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"status": "retired"}, "unregistered"),
        ({"tenant": "globex", "teams": []}, "unregistered"),
        ({"status": "suspended"}, "suspended"),
        (
            {"identities": [{"issuer": "https://elsewhere.example", "subject": "it"}]},
            "identity-not-allowed",
        ),
    ],
    ids=["retired", "moved", "suspended", "other identity"],
)
async def test_an_agent_that_may_not_act_now_keeps_nothing(
    tmp_path: Path, changed: dict[str, object], reason: str
) -> None:
    """Whatever policy would say of it."""
    candidate = Candidate(tmp_path)
    candidate.agent("invoice-bot", **changed)
    now = replace(published(), registry=candidate.published().registry)

    answer = await refused(now)

    assert answer.reason == reason
    assert answer.missing == ("the agent is registered, and active",)


async def test_an_agent_that_nobody_registers_any_more_keeps_nothing() -> None:
    """It is nobody."""
    gone = replace(ASKED, by=replace(ASKED.by, name="gone-bot"))

    assert (await refused(published(), held(gone))).reason == "unregistered"


async def test_a_question_that_cannot_be_put_any_more_is_a_no() -> None:
    """A label that this version does not take."""
    odd = replace(ASKED, labels={"__entity": "x"})

    answer = await refused(published(), held(odd))

    assert answer.reason == "unreadable"
    assert answer.missing[0].startswith("what was asked can be read: ")


# What is narrower now.


async def test_a_scope_that_the_capability_has_no_more_is_not_granted() -> None:
    """Nor is the rest of what was asked for with it: the question is the recorded one."""
    lease = held(replace(ASKED, scopes=BOTH))
    task = task_spec(ceiling=(Ceiling("orders-api", BOTH),))

    assert await again(published(), lease, task) == StillGranted()
    answer = await refused(published(capability=replace(CAPABILITY, scopes=READ)), lease, task)
    assert (answer.reason, answer.policies) == ("beyond-capability", ("all",))


async def test_what_the_ceiling_does_not_cover_is_not_granted() -> None:
    """A task is never given more than it was opened with (I7)."""
    task = task_spec(ceiling=(Ceiling("reports-read", READ),))

    assert (await refused(published(), task=task)).reason == "beyond-ceiling"


@pytest.mark.parametrize(("given", "kept"), [(("orders:read",), True), (tuple(BOTH), False)])
async def test_a_scope_that_obligations_take_away_ends_whoever_has_it(
    given: tuple[str, ...], *, kept: bool
) -> None:
    """Whoever was given less than asked for is not concerned."""
    only = PERMIT_ALL.replace("permit", '@scopes("orders:read") permit', 1)
    lease = held(replace(ASKED, scopes=BOTH), scopes=given)
    task = task_spec(ceiling=(Ceiling("orders-api", BOTH),))

    answer = await again(published(only), lease, task)

    assert isinstance(answer, StillGranted) is kept
    assert kept or (isinstance(answer, NoLonger) and answer.reason == "narrower-now")


def offline(now: Published) -> Published:
    """Let the audience check by itself, so that nobody can take a token back from it."""
    server = replace(now.resource_servers[CAPABILITY.audience], check=CheckMode.OFFLINE)
    servers = {server.audience: server}
    return replace(now, resource_servers=servers, offline_ttl_ms=FIVE_MINUTES - 1)


@pytest.mark.parametrize(
    "now",
    [
        published(capability=replace(CAPABILITY, max_ttl_ms=FIVE_MINUTES - 1)),
        published(PERMIT_ALL.replace("permit", '@max_ttl_seconds("299") permit', 1)),
        offline(published()),
    ],
    ids=["capability", "obligation", "audience"],
)
async def test_a_life_that_is_too_long_by_now_ends(now: Published) -> None:
    """Whichever of the three bounds it."""
    assert (await refused(now)).reason == "shorter-now"


async def test_a_life_that_is_just_short_enough_goes_on() -> None:
    """The bound itself is allowed; what counts is what was given, not what was asked for."""
    now = published(capability=replace(CAPABILITY, max_ttl_ms=FIVE_MINUTES))

    assert await again(now, held(replace(ASKED, ttl_ms=2 * FIVE_MINUTES))) == StillGranted()


KEY: Final = Confirmation(Binding.DPOP, "A" * 43)


@pytest.mark.parametrize(
    ("key", "kept"),
    [(None, False), (KEY, True), (replace(KEY, binding=Binding.MTLS), False)],
    ids=["unbound", "as obliged", "to another kind"],
)
async def test_what_is_not_bound_as_policy_obliges_ends(
    key: Confirmation | None, *, kept: bool
) -> None:
    """Else a stolen token would live where none may."""
    bound = PERMIT_ALL.replace("permit", '@binding("dpop") permit', 1)

    answer = await again(published(bound), held(confirmation=key))

    assert isinstance(answer, StillGranted) is kept
    assert kept or (isinstance(answer, NoLonger) and answer.reason == "binding-required")


async def test_evidence_that_serves_once_is_not_asked_for_again() -> None:
    """It served when the lease was granted; that it is used up is no fact."""
    once = PERMIT_ALL.replace("permit", '@evidence("single-use") permit', 1)

    assert await again(published(once)) == StillGranted()


# What policy says.


async def test_what_no_policy_permits_ends_and_says_what_would_have_had_to_hold() -> None:
    """For operators: the policies that came near, and what they miss."""
    brief = '@id("brief") permit (principal, action, resource) when { context.ttlSeconds <= 60 };'

    answer = await refused(published(brief))

    assert answer.reason == "no-permit"
    assert any("ttlSeconds" in each for each in answer.missing)


async def test_what_a_policy_forbids_ends_and_names_it() -> None:
    """Whatever else permits it."""
    freeze = '@id("freeze") forbid (principal, action, resource);'

    answer = await refused(published(PERMIT_ALL, freeze))

    assert (answer.reason, answer.policies) == ("forbidden", ("freeze",))


async def test_what_needs_an_approval_now_has_none() -> None:
    """Nobody was asked when it was granted."""
    approved = PERMIT_ALL.replace("permit", '@approval("oncall security") permit', 1)

    answer = await refused(published(approved))

    assert answer.reason == "needs-approval"
    assert answer.missing == ("an approval of oncall", "an approval of security")


async def test_a_held_tenant_keeps_nothing() -> None:
    """A hold is no policy: it needs none."""
    facts = Facts(base=BASE).changed(changes(hold("tenant:acme")), 3)

    assert (await refused(published(facts=facts))).reason == "tenant-held"


async def test_a_policy_that_cannot_be_evaluated_is_a_no() -> None:
    """It might have been the one that forbids (I5)."""
    faulty = (
        '@id("faulty") forbid (principal is Agent, action, resource) '
        "when { 9223372036854775807 + context.ttlSeconds > 0 };"
    )

    answer = await refused(published(PERMIT_ALL, faulty))

    assert answer.reason == "evaluation-error"
    assert any("overflow" in each for each in answer.missing)


# What is told of a no.


async def test_a_no_names_the_revisions_that_it_was_decided_by() -> None:
    """Of the bundle, and of the log of facts."""
    now = published(capability=None)

    answer = await refused(now)

    assert (answer.revision, answer.graph) == (now.revision, 3)


async def test_a_no_names_what_the_grant_had_read_and_what_is_no_more() -> None:
    """As far as it is so no longer; and of everything a few lines only."""
    lost = tuple(f"agent:invoice-bot assigned-to ticket:T-{n}" for n in range(20))
    lease = held(trace=Trace("v1", 1, facts=("tenant:acme", *lost)))
    said = Deny("no-permit", Trace("v2", 2, facts=("tenant:acme",), missing=("m",) * 20))

    answer = verdict(published(), lease, QUERY, said)

    assert isinstance(answer, NoLonger)
    assert answer.gone == lost[:8]
    assert answer.missing == ("m",) * 8


def test_a_no_before_anything_was_looked_at_calls_nothing_gone() -> None:
    """What was not read may well be there."""
    lease = held(trace=Trace("v1", 1, facts=("tenant:acme",)))

    answer = verdict(published(), lease, QUERY, Deny("tenant-held", Trace("v2", 2)))

    assert isinstance(answer, NoLonger)
    assert answer.gone == ()


def test_where_nothing_is_missing_the_engine_s_errors_are_told() -> None:
    """Somebody has to look at it."""
    said = Deny("engine-error", Trace("", 0, errors=("it did not answer",)))

    answer = verdict(published(), held(), QUERY, said)

    assert answer == NoLonger(
        "engine-error", missing=("it did not answer",), revision=SHIPPED.revision, graph=3
    )


# What is asked.


def test_a_renewal_is_asked_again_as_one() -> None:
    """It gave the lease what it has."""
    first = question(published(), held(), task_spec())
    renewed = question(published(), held(replace(ASKED, is_renewal=True)), task_spec())

    assert isinstance(first, Query)
    assert isinstance(renewed, Query)
    assert first.action is Action.REQUEST_CREDENTIAL
    assert renewed == replace(first, action=Action.RENEW_CREDENTIAL)


def test_the_question_is_the_recorded_one_in_its_task() -> None:
    """Who asked as it was attested, for what, for how long; nothing of what was given."""
    asked = replace(
        ASKED, by=replace(ASKED.by, claims={"pod": "a"}), ttl_ms=1_000, labels={"why": "x"}
    )

    put_again = question(published(), held(asked, scopes=()), task_spec(tickets=("T-1",)))

    assert isinstance(put_again, Query)
    assert (put_again.scopes, put_again.ttl_ms, put_again.labels) == (READ, 1_000, {"why": "x"})
    assert put_again.principal.claims == {"pod": "a"}
    assert put_again.principal.subject == PRINCIPAL.subject
    assert put_again.task.tickets == ("T-1",)
    assert put_again.ceiling == task_spec().ceiling
    assert put_again.capability == CAPABILITY


def test_without_a_record_what_the_spec_says_was_asked() -> None:
    """An older version kept none: no claims, no labels, no subject."""
    spec = lease_spec(scopes=("orders:read", "orders:write"))

    asked = asked_for(held(None, scopes=spec.scopes))

    assert asked == Asked(
        by=Asker(
            name=spec.agent,
            tenants=frozenset({spec.tenant}),
            instance=spec.instance,
            issuer=spec.evidence_issuer,
            subject="",
        ),
        scopes=BOTH,
        ttl_ms=FIVE_MINUTES,
    )


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ('context.scopes.contains("orders:read")', True),
        ('context.labels.contains("why=x")', False),
        ('context.caller.claims.contains("pod=a")', False),
    ],
    ids=["scopes", "labels", "claims"],
)
async def test_without_a_record_nothing_is_granted_for_claims_or_labels(
    condition: str, *, kept: bool
) -> None:
    """With one it is: what was said then still counts."""
    text = f'@id("p") permit (principal is Agent, action, resource) when {{ {condition} }};'
    recorded = replace(ASKED, by=replace(ASKED.by, claims={"pod": "a"}), labels={"why": "x"})

    answer = await again(published(text), held(None))

    assert await again(published(text), held(recorded)) == StillGranted()
    assert isinstance(answer, StillGranted) is kept
    assert kept or (isinstance(answer, NoLonger) and answer.reason == "no-permit")


# Many at once.


class Listening(LocalDecider):
    """Decides as ever, and keeps what it was asked."""

    heard: list[Query]

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.heard = []

    async def decide_many(self, queries: Sequence[Query]) -> Sequence[Decision]:
        """Answer each."""
        self.heard += queries
        return await super().decide_many(queries)


async def test_what_was_asked_alike_is_asked_once_and_each_has_its_own_answer() -> None:
    """One record of what was asked, in one task; what each was given is its own."""
    now = published(capability=replace(CAPABILITY, max_ttl_ms=FIVE_MINUTES))
    decider = Listening(now.engine)
    now = replace(now, deciding=lambda _: decider)
    other = replace(ASKED, ttl_ms=60_000)
    task, second = task_spec(), task_spec(id="t_07_" + "z" * 26)
    cases = [
        (held(), task),
        (replace(held(), given_ms=2 * FIVE_MINUTES), task),
        (held(other), task),
        (held(), second),
        (held(capability="gone"), task),
        (held(), task),
    ]

    answers = await redecide(now, cases)

    reasons = [each.reason if isinstance(each, NoLonger) else "" for each in answers]
    assert reasons == ["", "shorter-now", "", "", "capability-gone", ""]
    assert [(each.ttl_ms, each.task.id) for each in decider.heard] == [
        (FIVE_MINUTES, task.id),
        (60_000, task.id),
        (FIVE_MINUTES, second.id),
    ]


async def test_leases_without_a_record_are_asked_about_one_by_one() -> None:
    """Nothing says that they were asked for alike."""
    decider = Listening(published().engine)
    now = replace(published(), deciding=lambda _: decider)
    one, other = held(None), held(None, id="l_07_" + "z" * 26, scopes=())

    answers = await redecide(now, [(one, task_spec()), (other, task_spec())])

    assert answers == [StillGranted(), StillGranted()]
    assert [each.scopes for each in decider.heard] == [READ, frozenset()]


async def test_of_no_leases_nothing_is_asked() -> None:
    """An empty page has no answers."""
    assert await redecide(published(), []) == []
