"""``f``: what was granted lives only as long as it would still be granted (I15).

    floors ─ no older facts here ─ what can have changed? ─ each lease under it: decide again
                                                       ─ end what is refused ─ move the marks

- The floors are read before anything is listed: what is granted later was decided by no older
  facts, for the ledger refuses it otherwise (I4).
- The marks move only when a bucket was walked to its end; from any point it may be repeated.
- A walk is long, so it is not the reaper's: that one only begins it, and comes back to it when a
  broker died at it. It is done in slices, which give way to requests (:mod:`broker.pace`).
- A broker is at a few buckets at a time; the others stay due, for it or for any other broker.
- A broker that cannot get the facts that a bucket asks for leaves the work to others, ends nothing,
  and says that it waits.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import structlog

from broker import under_way
from broker.errors import StoreUnavailableError
from broker.faultpoints import FaultPoints
from broker.freshness import Freshness
from broker.lease_walk import EVER_MS, LeaseWalk, WalkPage
from broker.metrics import Metrics
from broker.movement import Movement
from broker.narrowing import Narrowing
from broker.pace import Pace
from broker.reassessment import Reassessment
from broker.redeciding import Case
from broker.store.due_queue import Work
from broker.store.redo_ledger import RedoLedger, ToRedo

AT_ONCE: Final = 4
"""Buckets that one broker is at: one is decided on while another is read."""

_log = structlog.get_logger(__name__)


class Reevaluation:
    """``f``: decides again about everything in a bucket that a change can concern.

    ``due`` is called with buckets that were left while others were at work, when there is room.
    """

    def __init__(  # noqa: PLR0913 - one argument per collaborator
        self,
        *,
        redo: RedoLedger,
        walk: LeaseWalk,
        reassessment: Reassessment,
        freshness: Freshness,
        movement: Movement,
        narrowing: Narrowing,
        pace: Pace,
        due: Callable[[Sequence[int]], None],
        metrics: Metrics,
        faults: FaultPoints,
    ) -> None:
        self._redo = redo
        self._walk = walk
        self._reassessment = reassessment
        self._freshness = freshness
        self._movement = movement
        self._narrowing = narrowing
        self._pace = pace
        self._due = due
        self._metrics = metrics
        self._faults = faults
        self._at_work: dict[int, asyncio.Task[None]] = {}
        self._left: set[int] = set()

    async def work(self, work: Work) -> int | None:
        """Begin with a bucket, unless this broker is at it, or at enough others.

        Raises:
            StoreUnavailableError: it could not be left to others; its claim runs out.
        """
        if work.bucket in self._at_work:
            return None
        if len(self._at_work) >= AT_ONCE:
            self._left.add(work.bucket)
            await self._redo.leave(work.bucket)
            return None
        task = asyncio.create_task(self._bucket(work.bucket))
        self._at_work[work.bucket] = task
        task.add_done_callback(lambda done: self._finished(work.bucket, done))
        return None

    async def rested(self) -> None:
        """Wait until nothing is under way."""
        await under_way.rested(self._at_work)

    async def stop(self) -> None:
        """End what is under way; other brokers find it when its claim runs out."""
        await under_way.end(self._at_work.values())

    def _finished(self, bucket: int, task: "asyncio.Task[None]") -> None:
        del self._at_work[bucket]
        left = sorted(self._left)[:AT_ONCE]
        self._left.difference_update(left)
        if task.cancelled() or (error := task.exception()) is None:
            self._due(left)
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
        # What was opened later was decided by these facts, all of it: the walk has an end, however
        # fast tasks are opened.
        last_ms = to_redo.raised_ms or EVER_MS
        for index, until_ms in await self._narrowing.walks(bucket, affected):
            pages = self._walk.pages(bucket, index, until_ms=min(until_ms, last_ms))
            while (more := await self._pace.slice(self._page(bucket, pages))) is not None:
                undecided += more
        await self._reassessment.insist(bucket, undecided, lambda: self._redo.hold(bucket))

    async def _page(self, bucket: int, pages: AsyncIterator[WalkPage]) -> list[Case] | None:
        """Read a page and decide on it; return of which nobody knows, or None at the end."""
        page = await anext(pages, None)
        if page is None:
            return None
        undecided = await self._reassessment.carry_out(bucket, page.cases)
        await self._reassessment.give_up(bucket, page.unreadable)
        await self._redo.hold(bucket)
        return undecided
