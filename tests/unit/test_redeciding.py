"""Asking again: what a lease was given is held against what its question would be given now."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import pytest

from broker.facts.change import Change
from broker.facts.facts import Facts
from broker.governance.published import Published
from broker.model.capability import Ceiling, CheckMode
from broker.model.decision import Decision, Deny, Trace
from broker.model.redecision import NoLonger, StillGranted
from broker.model.target import TargetRef
from broker.policy.decider import LocalDecider
from broker.policy.engine import Engine
from broker.policy.query import Query
from broker.proof.confirmation import Binding, Confirmation
from broker.target_wishes import digest_of
from tests.fakes.asking_again import (
    ASKED,
    AT,
    BASE,
    BOTH,
    FIVE_MINUTES,
    NOW,
    READ,
    SHIPPED,
    again,
    held,
    published,
    refused,
)
from tests.fakes.facts import changes, hold, put, relate
from tests.fakes.policy import CAPABILITY, PERMIT_ALL
from tests.fakes.records import task_spec
from tests.fakes.replace import replace

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
    assert answer.missing == ("an approval: 1 of oncall or security",)


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


class Saying(LocalDecider):
    """Says the same to whatever it is asked."""

    def __init__(self, said: Decision, engine: Engine) -> None:
        super().__init__(engine)
        self._said = said

    async def decide_many(self, queries: Sequence[Query]) -> Sequence[Decision]:
        """Say it."""
        return [self._said] * len(queries)


def saying(said: Decision) -> Published:
    """Publish what has one answer."""
    return replace(published(), deciding=partial(Saying, said))


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

    answer = await refused(saying(said), lease)

    assert answer.gone == lost[:8]
    assert answer.missing == ("m",) * 8


async def test_a_no_before_anything_was_looked_at_calls_nothing_gone() -> None:
    """What was not read may well be there."""
    lease = held(trace=Trace("v1", 1, facts=("tenant:acme",)))

    answer = await refused(saying(Deny("tenant-held", Trace("v2", 2))), lease)

    assert answer.gone == ()


async def test_where_nothing_is_missing_the_engine_s_errors_are_told() -> None:
    """Somebody has to look at it."""
    said = Deny("engine-error", Trace("", 0, errors=("it did not answer",)))

    answer = await refused(saying(said))

    assert answer == NoLonger(
        "engine-error", missing=("it did not answer",), revision=SHIPPED.revision, graph=3
    )
