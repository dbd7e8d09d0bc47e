"""``f``: what was granted lives only as long as it would still be granted (I15).

    floors ─ no older facts here ─ what can have changed? ─ each lease under it: decide again
                                                       ─ end what is refused ─ move the marks

- The floors are read before anything is listed: what is granted later was decided by no older
  facts, for the ledger refuses it otherwise (I4).
- The marks move only when a bucket was walked to its end; from any point it may be repeated.
- A walk is long, so it is not the reaper's: that one only begins it, and comes back to it when a
  broker died at it.
- A broker that cannot get the facts that a bucket asks for leaves the work to others, ends nothing,
  and says that it waits.
"""

import asyncio

import structlog

from broker.errors import StoreUnavailableError
from broker.faultpoints import FaultPoints
from broker.freshness import Freshness
from broker.lease_walk import EVER_MS, EVERY_TASK, LeaseWalk
from broker.metrics import Metrics
from broker.movement import Movement
from broker.reassessment import Reassessment
from broker.redeciding import Case
from broker.store.due_queue import Work
from broker.store.redo_ledger import RedoLedger, ToRedo

_log = structlog.get_logger(__name__)


class Reevaluation:
    """``f``: decides again about everything in a bucket that a change can concern."""

    def __init__(
        self,
        *,
        redo: RedoLedger,
        walk: LeaseWalk,
        reassessment: Reassessment,
        freshness: Freshness,
        movement: Movement,
        metrics: Metrics,
        faults: FaultPoints,
    ) -> None:
        self._redo = redo
        self._walk = walk
        self._reassessment = reassessment
        self._freshness = freshness
        self._movement = movement
        self._metrics = metrics
        self._faults = faults
        self._at_work: dict[int, asyncio.Task[None]] = {}

    async def work(self, work: Work) -> int | None:
        """Begin with a bucket, unless this broker is at it."""
        if work.bucket not in self._at_work:
            task = asyncio.create_task(self._bucket(work.bucket))
            self._at_work[work.bucket] = task
            task.add_done_callback(lambda done: self._finished(work.bucket, done))
        return None

    async def rested(self) -> None:
        """Wait until nothing is under way."""
        while self._at_work:
            await asyncio.wait(list(self._at_work.values()))

    async def stop(self) -> None:
        """End what is under way; other brokers find it when its claim runs out."""
        tasks = list(self._at_work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, bucket: int, task: "asyncio.Task[None]") -> None:
        del self._at_work[bucket]
        if task.cancelled() or (error := task.exception()) is None:
            return
        is_store = isinstance(error, StoreUnavailableError)
        _log.warning("redeciding-failed", bucket=bucket, exc_info=None if is_store else error)

    async def _bucket(self, bucket: int) -> None:
        """Go on until no floor was raised meanwhile; the claim of who stops halfway runs out."""
        is_done = False
        while not is_done:
            await self._redo.hold(bucket)
            to_redo = await self._redo.view(bucket)
            if not await self._freshness.reaches(to_redo.floors):
                return
            await self._walk_all(bucket, to_redo)
            self._faults.reach("redecide.walked")
            is_done, lag_ms = await self._redo.done(bucket, to_redo.floors)
            self._metrics.redecided_bucket(lag_ms / 1000)
        self._faults.reach("redecide.settled")

    async def _walk_all(self, bucket: int, to_redo: ToRedo) -> None:
        affected = await self._movement.between(to_redo.redone, to_redo.floors)
        undecided: list[Case] = []
        walks = [(index, EVER_MS) for index in affected.walks()]
        if affected.is_by_name:
            walks.append((EVERY_TASK, (to_redo.named_ms or EVER_MS) - 1))
        for index, until_ms in walks:
            async for page in self._walk.pages(bucket, index, until_ms=until_ms):
                undecided += await self._reassessment.carry_out(bucket, page.cases)
                await self._reassessment.give_up(bucket, page.unreadable)
                await self._redo.hold(bucket)
        await self._reassessment.insist(bucket, undecided, lambda: self._redo.hold(bucket))
