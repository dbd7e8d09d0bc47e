"""The ledger holds what has to be killed at a target until it is, over every way to reach Redis."""

from dataclasses import replace

import pytest
from msgspec import structs

from broker.errors import TaskClosedError
from broker.model.target import DeathState
from broker.store.death_ledger import Note
from broker.store.link import Link
from tests.fakes.ledger_kit import MINUTE
from tests.fakes.target_ledger_kit import AT, TargetKit


@pytest.fixture
def kit(link: Link) -> TargetKit:
    """A ledger."""
    return TargetKit(link)


async def test_a_reservation_comes_back_unless_it_is_activated(kit: TargetKit) -> None:
    """Whoever minted it may be dead: nobody knows what exists (I1)."""
    task = await kit.open(ttl_ms=50 * MINUTE)
    left, made = await kit.reserve(task), await kit.active(task)
    before = await kit.works(task.id)

    await kit.pass_time(task.id, MINUTE)
    works = await kit.works(task.id)

    assert before == []
    assert f"v:{left.id}" in works
    assert f"v:{made.id}" not in works


@pytest.mark.parametrize("reason", ["revoked", "given-back", "task-ended", "undone", "replaced"])
async def test_an_end_is_due_at_the_target_at_once(kit: TargetKit, reason: str) -> None:
    """And its record is kept, however long that takes."""
    task = await kit.open()
    spec = await kit.ended(task, reason)

    assert f"v:{spec.id}" in await kit.works(task.id)
    assert (await kit.death(spec.id)).state is DeathState.REQUESTED
    assert await kit.dying(spec.id) == [spec.id]
    assert await kit.lives_ms(spec.id) == -1


async def test_our_own_tokens_have_nothing_to_be_killed(kit: TargetKit) -> None:
    """Their records end by themselves, as ever."""
    task = await kit.open()
    granted = await kit.grant(task)
    await kit.leases.end([(granted.lease, task.id)], "revoked")

    assert await kit.works(task.id) == []
    assert await kit.deaths.find(granted.lease) is None
    assert await kit.lives_ms(granted.lease) > 0


async def test_what_is_not_dead_yet_comes_back_and_counts_its_tries(kit: TargetKit) -> None:
    """When it was said to; whatever is claimed meanwhile."""
    task = await kit.open()
    spec = await kit.ended(task)

    await kit.deaths.note(spec.id, Note(DeathState.PENDING, "late", 2 * MINUTE))
    await kit.deaths.note(spec.id, Note(DeathState.PENDING, "busy", 2 * MINUTE, is_tried=False))
    early = await kit.works(task.id)
    await kit.pass_time(task.id, 2 * MINUTE)
    due = await kit.works(task.id)

    death = await kit.death(spec.id)
    assert (death.state, death.why, death.tries) == (DeathState.PENDING, "busy", 1)
    assert death.next_at_ms - death.tried_at_ms >= 2 * MINUTE
    assert f"v:{spec.id}" not in early
    assert f"v:{spec.id}" in due


async def test_who_asks_again_and_again_moves_nothing_on(kit: TargetKit) -> None:
    """An instant to come back at stays where it is."""
    task = await kit.open()
    spec = await kit.ended(task)
    found = await kit.deaths.find(spec.id)
    assert found is not None
    at = found.ended_at_ms + MINUTE

    for _ in range(3):
        await kit.deaths.note(spec.id, Note(DeathState.ACCEPTED, again_at_ms=at))
        await kit.pass_time(task.id, 10_000)

    assert (await kit.death(spec.id)).next_at_ms == at


@pytest.mark.parametrize("state", [DeathState.CONFIRMED, DeathState.EXPIRED])
async def test_what_is_settled_stays_settled_and_is_told_once(
    kit: TargetKit, state: DeathState
) -> None:
    """Then the record may end, and the queue lets it go."""
    task = await kit.open()
    spec = await kit.ended(task)

    first = await kit.deaths.note(spec.id, Note(state))
    again = await kit.deaths.note(spec.id, Note(DeathState.PENDING, "late", 1_000))

    told = [event for event in await kit.told(task.id) if event["type"] == "lease.dead"]
    assert first.is_settled
    assert again.is_settled
    assert (await kit.death(spec.id)).state is state
    assert len(told) == 1
    assert await kit.dying(spec.id) == []
    assert await kit.lives_ms(spec.id) > 0
    assert await kit.works(task.id) == []


async def test_what_lives_is_never_killed(kit: TargetKit) -> None:
    """A worker that comes too early finds it alive, and leaves no trace."""
    task = await kit.open()
    spec = await kit.active(task)

    noted = await kit.deaths.note(spec.id, Note(DeathState.CONFIRMED))

    assert noted.state == "alive"
    assert await kit.is_alive(spec.id)
    assert (await kit.leases.view(spec.id)).death is None


async def test_only_activating_takes_a_reservation_off_the_queue(kit: TargetKit) -> None:
    """However early somebody looks."""
    task = await kit.open(ttl_ms=50 * MINUTE)
    spec = await kit.reserve(task)

    noted = await kit.deaths.note(spec.id, Note(DeathState.CONFIRMED))
    await kit.pass_time(task.id, MINUTE)

    assert noted.state == "reserved"
    assert f"v:{spec.id}" in await kit.works(task.id)


async def test_an_end_remembers_whether_the_credential_existed(kit: TargetKit) -> None:
    """The absence of what was never activated says nothing for a while."""
    task = await kit.open()
    made, left = await kit.ended(task), await kit.reserve(task)
    await kit.leases.end([(left.id, task.id)], "undone")

    found = [await kit.deaths.find(each.id) for each in (made, left)]

    assert [each is not None and each.was_active for each in found] == [True, False]


async def test_age_ends_the_waiting_only_where_age_kills(kit: TargetKit) -> None:
    """By the ledger's clock, some time after its expiry."""
    task = await kit.open(ttl_ms=50 * MINUTE)
    lasting, mortal = await kit.ended(task), await kit.ended(task)
    waits = Note(DeathState.PENDING, "late", 1_000)
    dies = Note(DeathState.PENDING, "late", 1_000, dead_after_ms=5_000)
    early = await kit.deaths.note(mortal.id, dies)
    await kit.pass_time(task.id, 10 * MINUTE)

    late = [await kit.deaths.note(lasting.id, waits), await kit.deaths.note(mortal.id, dies)]

    assert early.state == DeathState.PENDING
    assert [each.state for each in late] == [DeathState.PENDING, DeathState.EXPIRED]
    assert late[0].since_ms >= 10 * MINUTE


async def test_a_closed_task_s_reservation_is_never_activated(kit: TargetKit) -> None:
    """Its end finds it, and has it killed (I4)."""
    task = await kit.open()
    spec = await kit.reserve(task)
    await kit.close(task)

    with pytest.raises(TaskClosedError):
        await kit.leases.activate(spec, 0)
    await kit.leases.end([(spec.id, task.id)], "task-ended")

    assert f"v:{spec.id}" in await kit.works(task.id)


async def test_killing_outlives_its_task(kit: TargetKit) -> None:
    """Whatever has become of everything else, the lease's own record is enough."""
    task = await kit.open()
    spec = await kit.ended(task)
    await kit.close(task)
    await kit.tree.forget(task)

    noted = await kit.deaths.note(spec.id, Note(DeathState.CONFIRMED))

    assert noted.is_settled


async def test_what_the_target_said_of_it_is_kept_with_it(kit: TargetKit) -> None:
    """Activating adds it; whoever kills finds it, and so does whoever looks."""
    task = await kit.open()
    spec = await kit.reserve(task)
    before = await kit.deaths.find(spec.id)
    told = replace(AT, trail="lease-17")

    await kit.leases.activate(structs.replace(spec, target=told), 0)

    found = await kit.deaths.find(spec.id)
    seen = await kit.leases.view(spec.id, (task.id,))
    assert before is not None
    assert before.spec.target == AT
    assert found is not None
    assert found.spec.target == seen.spec.target == told
    assert found.was_active


async def test_a_standing_secret_is_settled_as_what_it_is(kit: TargetKit) -> None:
    """Irrevocable, told once, and nobody comes back to it."""
    spec = await kit.ended(await kit.open())
    note = Note(DeathState.IRREVOCABLE, is_tried=False, is_final=True)

    noted = [await kit.deaths.note(spec.id, note) for _ in range(2)]
    death = await kit.death(spec.id)

    assert [each.state for each in noted] == ["irrevocable", "irrevocable"]
    assert death.state is DeathState.IRREVOCABLE
    assert death.settled_at_ms > 0
    assert await kit.dying(spec.id) == []
    assert await kit.lives_ms(spec.id) > 0
