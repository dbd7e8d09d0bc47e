"""The reaper: what is late is done, whatever holds up the rest of it."""

import asyncio
from collections.abc import Mapping

import pytest

from broker.errors import NotFoundError
from broker.faultpoints import FaultPoints
from broker.ids import TaskId, bucket_of
from broker.metrics import Metrics
from broker.model.task import TaskState
from broker.reaper import Claims, Reaper, Worker
from broker.store.due_queue import Work
from broker.store.link import Link
from tests.fakes.until import until
from tests.fakes.verbs_kit import BUCKETS, VerbsKit

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)


class Worked:
    """A worker that notes its work, and waits or fails where a test says so."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.stuck_in: set[int] = set()
        self.fails_at: set[str] = set()
        self.released = asyncio.Event()

    async def work(self, work: Work) -> int | None:
        """Do a piece."""
        if work.bucket in self.stuck_in:
            await self.released.wait()
        if work.subject in self.fails_at:
            raise NotFoundError("poisoned")
        self.done.append(work.subject)
        return None


@pytest.fixture
def kit(link: Link) -> VerbsKit:
    """The verbs over a ledger."""
    return VerbsKit(link)


def a_reaper(kit: VerbsKit, workers: Mapping[str, Worker], claims: Claims | None = None) -> Reaper:
    """Make a reaper of the kit's ledger with other workers."""
    return Reaper(
        due=kit.ledger.due,
        leases=kit.ledger.leases,
        workers=workers,
        buckets=BUCKETS,
        metrics=Metrics(durability="os", reasons=[], actions=[]),
        faults=FaultPoints(),
        told=lambda bucket, *, urgent: None,  # noqa: ARG005 - nobody ships here
        may_sweep=lambda: kit.may_sweep,
        claims=claims or Claims(),
    )


async def closed_task(kit: VerbsKit, bucket: int | None = None) -> TaskId:
    """Open and end a task, in a given bucket or in any."""
    while True:
        task = (await kit.open()).spec.id
        await kit.verbs.tasks.close(kit.agent, task, TaskState.COMPLETED, "")
        if bucket is None or bucket_of(task) == bucket:
            return task


async def test_a_bucket_that_is_stuck_delays_no_other(kit: VerbsKit) -> None:
    """A tick starts the work of each bucket, and waits for none (I11)."""
    worker = Worked()
    worker.stuck_in = {0}
    reaper = a_reaper(kit, {"k": worker})
    await closed_task(kit, 0)
    await reaper.tick()

    late = await closed_task(kit, 1)
    await reaper.tick()

    await until(lambda: late in worker.done)
    await reaper.stop()


async def test_what_becomes_due_during_the_work_is_done_without_another_tick(
    kit: VerbsKit,
) -> None:
    """Whoever says that there is more while the bucket is being worked at is heard."""
    worker = Worked()
    worker.stuck_in = {0}
    reaper = a_reaper(kit, {"k": worker})
    await closed_task(kit, 0)
    reaper.start(0)
    await asyncio.sleep(0.1)

    late = await closed_task(kit, 0)
    reaper.start(0)
    worker.stuck_in = set()
    worker.released.set()

    await until(lambda: late in worker.done)
    await reaper.stop()


async def test_work_is_claimed_by_one_of_many(kit: VerbsKit) -> None:
    """Four reapers of one ledger do each piece once (E18)."""
    worker = Worked()
    reapers = [a_reaper(kit, {"k": worker}) for _ in range(4)]
    tasks = [await closed_task(kit) for _ in range(20)]

    await asyncio.gather(*(r.reap(bucket) for r in reapers for bucket in range(BUCKETS)))

    assert sorted(worker.done) == sorted(set(worker.done))
    assert set(tasks) <= set(worker.done)


async def test_a_claim_runs_out(kit: VerbsKit) -> None:
    """What a dead broker had claimed is done by another, after the claim's time."""
    claims = Claims(hide_ms=50)
    dead, worker = Worked(), Worked()
    dead.stuck_in = set(range(BUCKETS))
    task = await closed_task(kit)
    killed = a_reaper(kit, {"k": dead}, claims)
    await killed.tick()
    await asyncio.sleep(0.02)
    await killed.stop()

    await asyncio.sleep(0.06)
    await a_reaper(kit, {"k": worker}, claims).reap(bucket_of(task))

    assert worker.done == [task]


async def test_a_claim_that_ran_out_settles_nothing(kit: VerbsKit) -> None:
    """A broker that was stopped for longer than its claim changes nothing when it wakes (E19)."""
    task = await closed_task(kit)
    bucket = bucket_of(task)
    (paused,) = await kit.ledger.due.claim(bucket, limit=10, hide_ms=0)
    (taken,) = await kit.ledger.due.claim(bucket, limit=10, hide_ms=60_000)

    assert not await kit.ledger.due.settle(paused)
    assert await kit.ledger.due.settle(taken)


async def test_a_poisoned_piece_keeps_nobody_from_the_rest(kit: VerbsKit) -> None:
    """It is told and put off; everything else is done now (A4)."""
    worker = Worked()
    tasks = [await closed_task(kit, 2) for _ in range(5)]
    worker.fails_at = {tasks[0], tasks[3]}

    await a_reaper(kit, {"k": worker}).reap(2)

    assert set(worker.done) >= {tasks[1], tasks[2], tasks[4]}


async def test_garbage_in_the_ledger_keeps_no_lease_from_its_end(kit: VerbsKit) -> None:
    """Malformed members, records without their fields and of another type: told, and put off."""
    task = await kit.open()
    leases = [await kit.issue(task, ttl_ms=2_100) for _ in range(5)]
    bucket = kit.ledger.keys.of(task.spec.id)
    wrong, bare = (kit.ledger.ids.lease(task.spec.id) for _ in range(2))
    wrong_task = kit.ledger.ids.child_task(task.spec.id)
    await kit.link.read("SET", bucket.lease(wrong), "x")
    await kit.link.read("HSET", bucket.lease(bare), "state", "active")
    await kit.link.read("SET", bucket.task(wrong_task), "x")
    garbage = ["l:", "l:x:y", "z:what", "k:no-id", "x:", f"t:{wrong_task}", f"k:{wrong_task}"]
    garbage += [f"l:{lease}:{task.spec.id}" for lease in (wrong, bare)]
    for member in garbage:
        await kit.link.read("ZADD", bucket.due, 1, member)
    await asyncio.sleep(2.2)

    await kit.verbs.reaper.reap(bucket_of(task.spec.id))

    assert [(await kit.ledger.leases.view(lease)).state for lease in leases] == ["ended"] * 5
    assert f"jit_reaper_failures_total {len(garbage)}.0" in kit.exposition()


async def test_a_claim_takes_no_more_than_the_settings_say(kit: VerbsKit) -> None:
    """However much is due, it comes in batches, to the end."""
    worker = Worked()
    tasks = [await closed_task(kit, 2) for _ in range(5)]

    await a_reaper(kit, {"k": worker}, Claims(batch=2)).reap(2)

    assert set(tasks) <= set(worker.done)


async def test_stopping_ends_what_is_under_way(kit: VerbsKit) -> None:
    """Nothing of the reaper runs on when the broker closes its link; the claim runs out."""
    worker = Worked()
    worker.stuck_in = set(range(BUCKETS))
    reaper = a_reaper(kit, {"k": worker})
    await closed_task(kit, 0)
    await reaper.tick()
    await asyncio.sleep(0.05)

    await reaper.stop()

    assert worker.done == []


async def test_with_wrong_clocks_orders_are_carried_out_and_nothing_ages(kit: VerbsKit) -> None:
    """Only what was ordered is done; what is due by age is done when they are right again."""
    kit.may_sweep = False
    idle = (await kit.open(idle_ms=1)).spec.id
    ordered = await closed_task(kit)
    looked, worker = Worked(), Worked()
    reaper = a_reaper(kit, {"t": looked, "k": worker}, Claims(hide_ms=3_600_000))
    await asyncio.sleep(0.01)

    for bucket in range(BUCKETS):
        await reaper.reap(bucket)

    assert (looked.done, worker.done) == ([], [ordered])
    kit.may_sweep = True
    for bucket in range(BUCKETS):
        await reaper.reap(bucket)
    assert looked.done == [idle]
