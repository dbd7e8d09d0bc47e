"""Moves what every bucket says into the feed log, soon and completely.

Any number of brokers ship at once, and each may die at any line: the log recognises repetitions,
and whatever a broker left behind the sweep of another finds.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable
from typing import Final

from broker.clock import Clock
from broker.errors import StoreUnavailableError
from broker.faultpoints import FaultPoints
from broker.feed.lane import Lane, Pace
from broker.store.feed_log import FeedLog, Housekeeping

LOGGER: Final = logging.getLogger(__name__)

_RANDOM: Final = secrets.SystemRandom()


def _ignore(_lag_ms: int) -> None:
    """Measure nothing."""


class _Pokes:
    """The buckets that were poked, each once, however often."""

    def __init__(self) -> None:
        self._buckets: set[int] = set()
        self._some = asyncio.Event()

    def add(self, bucket: int) -> None:
        self._buckets.add(bucket)
        self._some.set()

    async def take(self) -> set[int]:
        await self._some.wait()
        self._some.clear()
        taken, self._buckets = self._buckets, set()
        return taken


class Shipper:
    """Ships a bucket when it is poked, and all of them regularly.

    ``on_lag`` hears, for what was shipped, how many milliseconds the oldest entry had waited.
    ``spread`` draws a number from 0 to 1: what is not urgent waits for half the usual time at 0,
    for one and a half times it at 1. Were the times alike, brokers that get work together would
    ship the same entries together, each of them for nothing but one, and all buckets at once.
    """

    def __init__(
        self,
        feed_log: FeedLog,
        buckets: int,
        *,
        clock: Clock,
        pace: Pace | None = None,
        on_lag: Callable[[int], None] = _ignore,
        faults: FaultPoints | None = None,
        spread: Callable[[], float] = _RANDOM.random,
    ) -> None:
        self._log = feed_log
        self._pace = pace or Pace()
        self._lanes = [
            Lane(
                feed_log,
                bucket,
                clock=clock,
                pace=self._pace,
                on_lag=on_lag,
                faults=faults or FaultPoints(),
            )
            for bucket in range(buckets)
        ]
        self._spread = spread
        self._urgent = _Pokes()
        self._patient = [asyncio.Event() for _ in self._lanes]
        self._kept = Housekeeping(0, "", 0, is_done=True)

    def poke(self, bucket: int, urgent: bool) -> None:  # noqa: FBT001 - "poke(b, True)" is the port
        """Say that a bucket's outbox has something: a revocation (urgent), or anything else."""
        if urgent:
            self._urgent.add(bucket)
        else:
            self._patient[bucket].set()

    async def run(self) -> None:
        """Ship until cancelled, whatever the store does."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ship_urgently(tasks))
            for lane, poked in zip(self._lanes, self._patient, strict=True):
                tasks.create_task(self._ship_patiently(lane, poked))
            tasks.create_task(self._sweep(tasks))

    async def drain(self) -> None:
        """Ship everything that every outbox has now.

        Raises:
            StoreUnavailableError: some bucket, or the feed, cannot be reached.
        """
        outcomes = await asyncio.gather(
            *(lane.ship() for lane in self._lanes), return_exceptions=True
        )
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    def reasons(self) -> tuple[str, ...]:
        """Say, for readiness, what keeps records from being shipped or stored; empty when nothing.

        An audit sink is named when it lacks half of what the log can hold: from then on nothing
        should be minted, so that revocations still find room.
        """
        reasons = [reason for lane in self._lanes if (reason := lane.reason())]
        kept, longest = self._kept, self._log.limits.longest
        if kept.sink and kept.lag >= longest // 2:
            reasons.append(
                f"audit sink {kept.sink} has not stored the last {kept.lag} records: "
                f"let it catch up, or `broker feed forget-trail {kept.sink}`; "
                f"at {longest} shipping stops"
            )
        return tuple(reasons)

    async def _ship_urgently(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            self._start(await self._urgent.take(), tasks)

    async def _ship_patiently(self, lane: Lane, poked: asyncio.Event) -> None:
        while True:
            await poked.wait()
            await asyncio.sleep(self._pace.coalesce_ms * (0.5 + self._spread()) / 1000)
            poked.clear()
            lane.poke()
            await lane.work()

    async def _sweep(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            unseen = [bucket for bucket, lane in enumerate(self._lanes) if lane.is_unseen()]
            self._start(unseen, tasks)
            await self._tidy()
            await asyncio.sleep(self._pace.sweep_ms / 1000)

    def _start(self, buckets: Iterable[int], tasks: asyncio.TaskGroup) -> None:
        for bucket in buckets:
            self._lanes[bucket].poke()
            tasks.create_task(self._lanes[bucket].work())

    async def _tidy(self) -> None:
        try:
            self._kept = await self._log.tidy()
            while not self._kept.is_done:
                self._kept = await self._log.tidy()
        except StoreUnavailableError as error:
            LOGGER.warning("the feed log cannot be tidied: %s", error)
