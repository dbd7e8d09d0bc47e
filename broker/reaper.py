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
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import structlog

from broker.errors import StoreUnavailableError
from broker.faultpoints import FaultPoints
from broker.ids import parse_lease_id, parse_task_id
from broker.metrics import Metrics
from broker.store.due_queue import DueQueue, Work
from broker.store.lease_ledger import LeaseLedger

HIDE_MS: Final = 30_000
"""How long claimed work is hidden from other brokers: longer than one piece should take."""

BATCH: Final = 100
"""Pieces claimed of one bucket at a time: what one script ends in a few milliseconds."""

_BY_AGE: Final = frozenset("ltg")
"""Kinds of work that are due because time has passed."""

_QUIET: Final = frozenset("lg")
"""Kinds of work whose outcome no verifier waits for: what dies of age says so itself."""

_log = structlog.get_logger(__name__)


class Worker(Protocol):
    """Does one kind of due work."""

    async def work(self, work: Work) -> int | None:
        """Do it all; return when to look again (ms), or None when nothing is left to do."""
        ...


class News(Protocol):
    """Who moves a bucket's outbox on: at once when somebody's access ended."""

    def __call__(self, bucket: int, *, urgent: bool) -> None:
        """Say that a bucket's outbox has something."""
        ...


class Reaper:
    """Works through the due queue, bucket by bucket.

    ``workers`` by kind of work (the letter before the colon); ``told`` is called with the buckets
    whose outbox has news, urgent when somebody's access may have been taken. While ``may_sweep``
    says no (the clocks disagree) nothing dies of age or silence; what was ordered is carried out
    all the same.
    """

    def __init__(
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
    ) -> None:
        self._due = due
        self._leases = leases
        self._workers = workers
        self._buckets = buckets
        self._metrics = metrics
        self._faults = faults
        self._told = told
        self._may_sweep = may_sweep
        self._busy: set[int] = set()

    async def tick(self) -> None:
        """Work through everything that is due now."""
        await asyncio.gather(*(self.reap(bucket) for bucket in range(self._buckets)))

    async def reap(self, bucket: int) -> None:
        """Work through one bucket until nothing in it is due; at once returns while it is at it."""
        if bucket in self._busy:
            return
        self._busy.add(bucket)
        try:
            while await self._batch(bucket):
                pass
        except StoreUnavailableError as error:
            _log.warning("reaper-store-unavailable", bucket=bucket, error=str(error))
        finally:
            self._busy.discard(bucket)

    async def _batch(self, bucket: int) -> bool:
        taken = await self._due.claim(bucket, limit=BATCH, hide_ms=HIDE_MS)
        if not taken:
            return False
        self._faults.reach("reap.claimed")
        self._metrics.reaper_lag(max(work.late_ms for work in taken) / 1000)
        ordered = [work for work in taken if work.kind not in _BY_AGE or self._may_sweep()]
        await self._expire([work for work in ordered if work.kind == "l"])
        for work in ordered:
            if work.kind != "l":
                await self._one(work)
        self._told(bucket, urgent=any(work.kind not in _QUIET for work in ordered))
        return len(taken) == BATCH

    async def _expire(self, works: Sequence[Work]) -> None:
        pairs = []
        for work in works:
            lease, _, task = work.subject.partition(":")
            pairs.append((parse_lease_id(lease), parse_task_id(task)))
        if pairs:
            await self._leases.end(pairs, "expired")
            self._faults.reach("reap.batch-ended")

    async def _one(self, work: Work) -> None:
        try:
            worker = self._workers[work.kind]
            again_at_ms = await worker.work(work)
        except StoreUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - see below
            # The reaper's loop is one of two places that catch everything: a poisoned record must
            # not keep the others from dying on time. It stays hidden until its claim runs out.
            _log.exception("reaper-work-failed", work=work.member)
            self._metrics.reaper_failed()
            return
        if work.fence:
            await self._due.settle(work, again_at_ms=again_at_ms)
            self._faults.reach("reap.settled")
