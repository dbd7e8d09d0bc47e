"""Freezes in the ledger, over every way to reach a Redis: races, instants, what follows."""

import asyncio

import pytest

from broker.errors import NotFoundError, TaskClosedError, TaskFrozenError
from broker.faultpoints import FaultPoints
from broker.freeze_worker import FollowFreeze
from broker.ids import bucket_of
from broker.model.lease import LeaseState
from broker.model.task import TaskSpec, TaskState
from broker.store.clock_bounds import ANY_TIME
from broker.store.due_queue import Work
from broker.store.freeze_ledger import FreezeLedger
from broker.store.ledger import Ledger
from broker.store.link import Link
from tests.fakes.faulty_link import PausingLink
from tests.fakes.ledger_kit import MINUTE, LedgerKit


@pytest.fixture
def kit(link: Link) -> LedgerKit:
    """A ledger."""
    return LedgerKit(link)


def freezes_of(kit: LedgerKit) -> FreezeLedger:
    """Return what freezes in it."""
    return FreezeLedger(kit.link, kit.keys, kit.ids, kit.limits, bounds=ANY_TIME)


async def freeze(kit: LedgerKit, task: TaskSpec, by: str = "broker: test") -> bool:
    """Freeze a task."""
    return await freezes_of(kit).freeze(task.path, by=by, reason="odd")


async def thaw(kit: LedgerKit, task: TaskSpec) -> bool:
    """Thaw a task."""
    return await freezes_of(kit).thaw(
        task.path, tenant=task.tenant, agent=task.agent, by="operator:olga", reason="meant"
    )


@pytest.mark.parametrize("level", [0, 2, 4])
async def test_one_write_kills_what_hangs_below_and_nothing_beside(
    kit: LedgerKit, level: int
) -> None:
    """At any level of a tree, and whatever the tree's size."""
    line = await kit.chain(5)
    leases = [await kit.grant(task) for task in line]

    await freeze(kit, line[level])

    for depth, (task, lease) in enumerate(zip(line, leases, strict=True)):
        seen = await kit.leases.find(lease.lease, task.path)
        assert seen is not None
        assert seen.is_alive == (depth < level)
        assert (await kit.tasks.view(task.id)).is_frozen == (depth >= level)


async def test_what_is_granted_in_the_millisecond_of_a_freeze_is_not_given(kit: LedgerKit) -> None:
    """After a thaw in the same instant too: no verifier could tell it from what is dead."""
    task = await kit.open()
    await freeze(kit, task)
    cut = (await kit.tasks.view(task.id)).frozen_at_ms
    await thaw(kit, task)

    try:
        granted = await kit.grant(task)
    except TaskClosedError:
        return
    assert granted.issued_at_ms > cut


async def test_a_reservation_from_before_a_freeze_is_never_activated(kit: LedgerKit) -> None:
    """Neither while the task is frozen nor after the thaw (I4)."""
    task = await kit.open()
    reserved = [kit.new_lease(task, state=LeaseState.RESERVED) for _ in range(2)]
    for each in reserved:
        await kit.leases.grant(each)
    await freeze(kit, task)

    with pytest.raises(TaskFrozenError):
        await kit.leases.activate(reserved[0].spec, 0)
    await thaw(kit, task)
    with pytest.raises(TaskClosedError):
        await kit.leases.activate(reserved[1].spec, 0)


async def test_a_closed_ancestor_is_the_stronger_word(kit: LedgerKit) -> None:
    """What has ended for good is not called frozen, wherever on the path the freeze is."""
    line = await kit.chain(3)
    await freeze(kit, line[0])
    await kit.close(line[1])

    with pytest.raises(TaskClosedError) as refused:
        await kit.grant(line[2])

    assert not isinstance(refused.value, TaskFrozenError)
    assert not (await kit.tasks.view(line[2].id)).is_frozen


async def test_each_freeze_is_told_once_with_its_own_instant(kit: LedgerKit) -> None:
    """A second one, after a thaw, is another; each has its number in the outbox."""
    task = await kit.open()
    await kit.grant(task)
    assert [await freeze(kit, task), await freeze(kit, task, by="broker: other")] == [True, False]
    first = await kit.tasks.view(task.id)
    assert first.frozen_by == "broker: test"
    assert [await thaw(kit, task), await thaw(kit, task)] == [True, False]
    await kit.pass_time(task.id, MINUTE)
    await freeze(kit, task)

    seen = await kit.tasks.view(task.id)
    told = [event["type"] for event in await kit.told(task.id)]
    assert told.count("task.frozen") == 2
    assert told.count("task.thawed") == 1
    assert [each.cut_ms for each in seen.freezes] == [first.frozen_at_ms, seen.frozen_at_ms]
    assert seen.freezes[0].number < seen.freezes[1].number
    assert seen.frozen_at_ms > first.frozen_at_ms


@pytest.mark.parametrize("at", range(6))
async def test_a_follow_up_freezes_nothing_that_was_thawed_meanwhile(
    kit: LedgerKit, at: int
) -> None:
    """Wherever it was held up: an operator's word stands, and what came after it lives."""
    task = await kit.open()
    before = await kit.grant(task)
    await freeze(kit, task)
    frozen = await kit.tasks.view(task.id)
    link = PausingLink(kit.link, at=at)
    ledger = Ledger.over(link, namespace="jit", buckets=4, limits=kit.limits)
    work = Work(bucket_of(task.id), f"z:{task.id}", 1, 0, frozen.frozen_at_ms)
    following = asyncio.create_task(FollowFreeze.over(ledger, FaultPoints()).work(work))
    await link.reached_by(following)

    await thaw(kit, task)
    await kit.pass_time(task.id, MINUTE)
    after = await kit.grant(task)
    link.released.set()
    await following

    seen = await kit.tasks.view(task.id)
    assert (seen.state, seen.freezes) == (TaskState.OPEN, frozen.freezes)
    lives = [await kit.leases.find(each.lease, task.path) for each in (before, after)]
    assert [each is not None and each.is_alive for each in lives] == [False, True]


async def test_only_the_last_freezes_are_remembered(kit: LedgerKit) -> None:
    """Whoever freezes and thaws for ever does not grow a record."""
    task = await kit.open()
    for _ in range(20):
        await freeze(kit, task)
        await thaw(kit, task)

    assert len((await kit.tasks.view(task.id)).freezes) == 16


async def test_an_ended_task_is_neither_frozen_nor_thawed(kit: LedgerKit) -> None:
    """Nor one that never was."""
    task, absent = await kit.open(), kit.new_task().spec
    await kit.close(task)

    for change in (freeze, thaw):
        with pytest.raises(TaskClosedError):
            await change(kit, task)
        with pytest.raises(NotFoundError):
            await change(kit, absent)


async def test_a_task_past_its_deadline_is_not_thawed(kit: LedgerKit) -> None:
    """Though nobody has swept it yet."""
    task = await kit.open(ttl_ms=MINUTE)
    await freeze(kit, task)
    await kit.pass_time(task.id, 2 * MINUTE)

    with pytest.raises(TaskClosedError):
        await thaw(kit, task)


@pytest.mark.parametrize("why", ["deadline", "idle"])
async def test_deadline_and_silence_end_a_frozen_task(kit: LedgerKit, why: str) -> None:
    """Both run on while it is frozen."""
    task = await kit.open(ttl_ms=10 * MINUTE, idle_ms=MINUTE if why == "idle" else 0)
    await freeze(kit, task)

    await kit.pass_time(task.id, 10 * MINUTE if why == "deadline" else MINUTE)

    assert await kit.tree.sweep(task.path)
    seen = await kit.tasks.view(task.id)
    assert (seen.state, seen.ended_by) == (TaskState.CANCELLED, why)


async def test_beats_keep_a_frozen_task_from_falling_silent(kit: LedgerKit) -> None:
    """So that an operator has the time to look into it that its deadline leaves."""
    task = await kit.open(ttl_ms=10 * MINUTE, idle_ms=MINUTE)
    await freeze(kit, task)

    for _ in range(4):
        await kit.pass_time(task.id, MINUTE // 2)
        await kit.tasks.beat(await kit.tasks.view(task.id), by_agent=True)

    assert not await kit.tree.sweep(task.path)


async def test_grants_and_freezes_race(kit: LedgerKit) -> None:
    """Of eight grants beside a freeze none is alive after it."""
    for _ in range(10):
        task = await kit.open()
        results = await asyncio.gather(
            *(kit.grant(task) for _ in range(4)),
            freeze(kit, task),
            *(kit.grant(task) for _ in range(4)),
            return_exceptions=True,
        )

        for each in results:
            if isinstance(each, bool):
                continue
            if isinstance(each, BaseException):
                assert isinstance(each, TaskFrozenError)
                continue
            seen = await kit.leases.find(each.lease, task.path)
            assert seen is not None
            assert not seen.is_alive
