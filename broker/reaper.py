"""Follows up what is due.

Leases that expire, tasks that fall silent, trees to take down, populations of cuts, records that
retention has outlived.

- Level-triggered: each tick asks the due queue what is late *now*; a stall, a crash or a missed
  tick loses nothing.
- Every step is idempotent and judged afresh by the ledger's scripts, so any number of brokers reap
  at once; a claim only keeps them from doing the same work twice.
- One poisoned piece is put off and told; the rest of the batch goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

import structlog

from broker import under_way
from broker.errors import BrokerError, StoreUnavailableError
from broker.faultpoints import FaultPoints
from broker.ids import parse_lease_id, parse_task_id
from broker.metrics import Metrics
from broker.store.due_queue import DueQueue, Work
from broker.store.lease_ledger import LeaseLedger

_QUIET: Final = frozenset("lgv")
"""Kinds of work whose outcome no verifier waits for: what dies of age says so itself."""

_ENDING: Final = frozenset("lkzc")
"""Kinds of work that may end leases, whose killing at a target is then due at once. An order's is
not among them: it is carried out piece by piece, and others have their turn in between."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claims:
    """How much of a bucket is claimed at a time, and how long it is hidden from other brokers.

    ``batch`` is what one script ends in a few milliseconds; ``hide_ms`` is longer than one piece
    should take, and how long a dead broker's work waits.
    """

    batch: int = 100
    hide_ms: int = 30_000


class Worker(Protocol):
    """Does one kind of due work."""

    async def work(self, work: Work) -> int | None:
        """Do it all; return when to look again (ms), or None when nothing is left to do."""
        ...


class BatchWorker(Protocol):
    """Does due work of one kind and one bucket, many pieces at a time."""

    async def work_all(self, works: Sequence[Work]) -> None:
        """Do it all, and take it off the queue or say when to look again."""
        ...


class News(Protocol):
    """Who moves a bucket's outbox on: at once when somebody's access ended."""

    def __call__(self, bucket: int, *, urgent: bool) -> None:
        """Say that a bucket's outbox has something."""
        ...


class Reaper:
    """Works through the due queue, bucket by bucket.

    ``workers`` by kind of work (the letter before the colon), ``many`` those that do many pieces at
    a time; ``told`` is called with the buckets
    whose outbox has news, urgent when somebody's access may have been taken. While ``may_sweep``
    says no (the clocks disagree) nothing dies of age or silence; what was ordered is carried out
    all the same.
    """

    def __init__(  # noqa: PLR0913 - one argument per collaborator
        self,
        *,
        due: DueQueue,
        leases: LeaseLedger,
        workers: Mapping[str, Worker],
        buckets: int,
        metrics: Metrics,
        faults: FaultPoints,
        told: News,
        may_sweep: Callable[[], bool],
        claims: Claims,
        many: Mapping[str, BatchWorker] = MappingProxyType({}),
    ) -> None:
        self._due = due
        self._leases = leases
        self._workers = workers
        self._buckets = buckets
        self._metrics = metrics
        self._faults = faults
        self._told = told
        self._may_sweep = may_sweep
        self._claims = claims
        self._many = many
        self._at_work: dict[int, asyncio.Task[None]] = {}
        self._more: set[int] = set()

    async def tick(self) -> None:
        """Begin to work through everything that is due now; a stuck bucket delays no other."""
        for bucket in range(self._buckets):
            self.start(bucket)

    def start(self, bucket: int) -> None:
        """Begin to work through a bucket, or have whoever is at it look once more."""
        self._more.add(bucket)
        if bucket not in self._at_work:
            self._at_work[bucket] = asyncio.create_task(self._reap(bucket))

    async def reap(self, bucket: int) -> None:
        """Work through a bucket until nothing in it is due."""
        self.start(bucket)
        await asyncio.wait([self._at_work[bucket]])

    async def rested(self) -> None:
        """Wait until nothing is under way."""
        await under_way.rested(self._at_work)

    async def stop(self) -> None:
        """End what is under way; other brokers find it when its claims run out."""
        await under_way.end(self._at_work.values())

    async def _reap(self, bucket: int) -> None:
        try:
            while bucket in self._more:
                self._more.discard(bucket)
                while await self._batch(bucket):
                    pass
        except StoreUnavailableError as error:
            _log.warning("reaper-store-unavailable", bucket=bucket, error=str(error))
        finally:
            del self._at_work[bucket]

    async def _batch(self, bucket: int) -> bool:
        claims = self._claims
        taken = await self._due.claim(
            bucket, limit=claims.batch, hide_ms=claims.hide_ms, by_age=self._may_sweep()
        )
        if not taken:
            return False
        self._faults.reach("reap.claimed")
        self._metrics.reaper_lag(max(work.late_ms for work in taken) / 1000)
        await self._expire([work for work in taken if work.kind == "l"])
        for kind, worker in self._many.items():
            if works := [work for work in taken if work.kind == kind]:
                await self._tried(works[0], worker.work_all(works))
        for work in taken:
            if work.kind != "l" and work.kind not in self._many:
                await self._tried(work, self._one(work))
        self._told(bucket, urgent=any(work.kind not in _QUIET for work in taken))
        return len(taken) == claims.batch or any(work.kind in _ENDING for work in taken)

    async def _expire(self, works: Sequence[Work]) -> None:
        if not works:
            return
        try:
            await self._end(works)
        except BrokerError:
            # One of them is poisoned, or the store is gone: alone it keeps no other from its end.
            for work in works:
                await self._tried(work, self._end([work]))
        self._faults.reach("reap.batch-ended")

    async def _end(self, works: Sequence[Work]) -> None:
        parts = [work.subject.partition(":") for work in works]
        pairs = [(parse_lease_id(lease), parse_task_id(task)) for lease, _, task in parts]
        await self._leases.end(pairs, "expired")

    async def _one(self, work: Work) -> None:
        again_at_ms = await self._workers[work.kind].work(work)
        if work.fence:
            await self._due.settle(work, again_at_ms=again_at_ms)
            self._faults.reach("reap.settled")

    async def _tried(self, work: Work, doing: Awaitable[None]) -> None:
        try:
            await doing
        except Exception as error:  # noqa: BLE001 - see below
            # The reaper's loop is one of two places that catch everything: a poisoned record must
            # not keep the others from dying on time. It stays hidden until its claim runs out.
            is_store = isinstance(error, StoreUnavailableError)
            _log.warning("reaper-work-failed", work=work.member, exc_info=not is_store)
            self._metrics.reaper_failed()
