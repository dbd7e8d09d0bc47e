"""Renewing at a target: the ledger is first, and covers whatever the target was asked for."""

import asyncio

import pytest

from broker.errors import (
    BrokerError,
    IdempotencyConflictError,
    LeaseEndedError,
    LeaseNotRenewableError,
    StaleFactsError,
    TargetBusyError,
    TaskClosedError,
)
from broker.model.target import DeathState
from broker.store.death_ledger import Note
from broker.store.link import Link
from tests.fakes.ledger_kit import MINUTE
from tests.fakes.target_ledger_kit import TargetKit


@pytest.fixture
def kit(link: Link) -> TargetKit:
    """A ledger."""
    return TargetKit(link)


async def test_the_ledger_lasts_longer_before_its_target_does(kit: TargetKit) -> None:
    """And says for how long it lives there for certain."""
    spec = await kit.active(await kit.open())
    before = await kit.leases.view(spec.id)

    lease = await kit.prolong(spec)
    asked = await kit.leases.view(spec.id)
    await kit.prolonging.done(lease)
    after = await kit.leases.view(spec.id)

    assert asked.expires_at_ms == lease.expires_at_ms > before.expires_at_ms
    assert asked.sure_until_ms == before.expires_at_ms == before.sure_until_ms
    assert after.sure_until_ms == after.expires_at_ms == lease.expires_at_ms
    assert (before.generation, after.generation) == (1, 2)


async def test_one_renewal_is_under_way_at_a_time(kit: TargetKit) -> None:
    """Until it is noted, or has surely ended: then the next one may begin."""
    spec = await kit.active(await kit.open(ttl_ms=50 * MINUTE))
    first = await kit.prolong(spec, ttl_ms=3 * MINUTE)

    with pytest.raises(TargetBusyError):
        await kit.prolong(spec)
    await kit.prolonging.done(first)
    second = await kit.prolong(spec)
    with pytest.raises(TargetBusyError):
        await kit.prolong(spec, ttl_ms=5 * MINUTE)
    await kit.pass_time(spec.id, MINUTE)
    third = await kit.prolong(spec, ttl_ms=5 * MINUTE)

    assert [each.generation for each in (first, second, third)] == [2, 3, 4]


async def test_of_many_at_once_one_begins(kit: TargetKit) -> None:
    """The others are told to come back."""
    spec = await kit.active(await kit.open())

    async def begun() -> bool:
        try:
            await kit.prolong(spec)
        except TargetBusyError:
            return False
        return True

    assert sum(await asyncio.gather(*(begun() for _ in range(8)))) == 1


async def test_what_failed_may_be_tried_again_for_the_same(kit: TargetKit) -> None:
    """At its maximum already, as the ledger sees it; the target may not know."""
    spec = await kit.active(await kit.open())
    most = (await kit.leases.view(spec.id)).max_expires_at_ms
    lease = await kit.prolong(spec, ttl_ms=60 * MINUTE)
    await kit.prolonging.not_done(lease)

    again = await kit.prolong(spec, ttl_ms=60 * MINUTE)
    await kit.prolonging.done(again)

    assert lease.expires_at_ms == again.expires_at_ms == most
    with pytest.raises(LeaseNotRenewableError):
        await kit.prolong(spec, ttl_ms=60 * MINUTE)


async def test_what_was_asked_for_once_stays_covered(kit: TargetKit) -> None:
    """A shorter renewal after one whose outcome nobody knows takes nothing back."""
    spec = await kit.active(await kit.open())
    unknown = await kit.prolong(spec, ttl_ms=4 * MINUTE)
    await kit.pass_time(spec.id, MINUTE)

    shorter = await kit.prolong(spec, ttl_ms=2 * MINUTE)
    await kit.prolonging.done(shorter)
    seen = await kit.leases.view(spec.id)

    assert shorter.expires_at_ms < unknown.expires_at_ms
    assert seen.expires_at_ms == unknown.expires_at_ms
    assert seen.sure_until_ms == shorter.expires_at_ms


async def test_nothing_counts_as_dead_of_age_that_was_asked_for(kit: TargetKit) -> None:
    """Not by the reaper, and not by whoever kills it."""
    spec = await kit.active(await kit.open(ttl_ms=50 * MINUTE))
    await kit.prolong(spec, ttl_ms=5 * MINUTE)
    await kit.pass_time(spec.id, 3 * MINUTE)  # beyond what it had before

    spared = await kit.leases.end([(spec.id, spec.task)], "expired")
    ended = await kit.leases.end([(spec.id, spec.task)], "revoked")
    noted = await kit.deaths.note(spec.id, Note(DeathState.PENDING, dead_after_ms=5_000))
    await kit.pass_time(spec.id, 3 * MINUTE)
    late = await kit.deaths.note(spec.id, Note(DeathState.PENDING, dead_after_ms=5_000))

    assert (spared, ended) == ([], [spec.id])
    assert (noted.state, late.state) == (DeathState.PENDING, DeathState.EXPIRED)


async def test_a_repeat_has_the_effect_of_one(kit: TargetKit) -> None:
    """It is asked for the same instant again; for another request the key is taken."""
    spec = await kit.active(await kit.open())
    first = await kit.prolong(spec, key="k", digest="d")
    with pytest.raises(TargetBusyError):
        await kit.prolong(spec, key="k", digest="d")
    await kit.prolonging.done(first)

    again = await kit.prolong(spec, key="k", digest="d")
    with pytest.raises(IdempotencyConflictError):
        await kit.prolong(spec, key="k", digest="other")

    assert (again.generation, again.expires_at_ms) == (first.generation, first.expires_at_ms)
    told = [event["type"] for event in await kit.told(spec.id)]
    assert told.count("lease.renewed") == 1


async def test_a_late_repeat_takes_nothing_from_a_later_renewal(kit: TargetKit) -> None:
    """It would shorten it, or make its secret void."""
    spec = await kit.active(await kit.open())
    await kit.prolonging.done(await kit.prolong(spec, ttl_ms=3 * MINUTE, key="k", digest="d"))
    await kit.prolonging.done(await kit.prolong(spec, ttl_ms=4 * MINUTE, key="l", digest="e"))

    with pytest.raises(LeaseNotRenewableError, match="renewed again since"):
        await kit.prolong(spec, ttl_ms=3 * MINUTE, key="k", digest="d")


@pytest.mark.parametrize("key", ["", "k"])
@pytest.mark.parametrize("how", ["revoked", "task"])
async def test_what_ends_meanwhile_is_not_delivered(kit: TargetKit, how: str, key: str) -> None:
    """Nor renewed once more, by a repeat or anew; and its end leaves no mark (I4)."""
    task = await kit.open()
    spec = await kit.active(task)
    lease = await kit.prolong(spec, key=key, digest="d")
    if how == "task":
        await kit.close(task)
    await kit.leases.end([(spec.id, task.id)], how)

    with pytest.raises((LeaseEndedError, TaskClosedError)):
        await kit.prolonging.done(lease)
    with pytest.raises((LeaseEndedError, TaskClosedError)):
        await kit.leases.renew(lease, kit.at_target(key=key, digest="d"))

    found = await kit.deaths.find(spec.id)
    assert found is not None
    assert found.renewing_until_ms == 0


async def test_an_end_knows_that_a_renewal_is_under_way(kit: TargetKit) -> None:
    """So nobody calls it confirmed before that has surely ended."""
    spec = await kit.active(await kit.open())
    await kit.prolong(spec)
    await kit.leases.end([(spec.id, spec.task)], "revoked")

    found = await kit.deaths.find(spec.id)

    assert found is not None
    assert found.renewing_until_ms >= found.ended_at_ms + MINUTE // 2


async def test_a_decision_on_older_facts_prolongs_nothing(kit: TargetKit) -> None:
    """And leaves the lease as it was."""
    spec = await kit.active(await kit.open())
    before = await kit.leases.view(spec.id)
    await kit.control.publish("{}", "digest", "operator:alice")

    with pytest.raises(StaleFactsError):
        await kit.prolong(spec)

    assert (await kit.leases.view(spec.id)).expires_at_ms == before.expires_at_ms


async def test_what_is_only_reserved_is_not_renewed(kit: TargetKit) -> None:
    """Its credential does not exist yet."""
    spec = await kit.reserve(await kit.open())

    with pytest.raises(BrokerError):
        await kit.prolong(spec)


async def test_an_older_generation_s_outcome_changes_nothing(kit: TargetKit) -> None:
    """It comes when another renewal is under way already."""
    spec = await kit.active(await kit.open(ttl_ms=50 * MINUTE))
    slow = await kit.prolong(spec, ttl_ms=3 * MINUTE)
    await kit.pass_time(spec.id, MINUTE)
    await kit.prolong(spec, ttl_ms=4 * MINUTE)

    await kit.prolonging.done(slow)

    with pytest.raises(TargetBusyError):
        await kit.prolong(spec, ttl_ms=5 * MINUTE)


async def test_noting_what_is_forgotten_leaves_no_record(kit: TargetKit) -> None:
    """Retention has outlived it."""
    spec = await kit.active(await kit.open())
    lease = await kit.prolong(spec)
    await kit.link.read("DEL", kit.keys.of(spec.id).lease(spec.id))

    with pytest.raises(BrokerError):
        await kit.prolonging.done(lease)

    assert await kit.lives_ms(spec.id) == -2
