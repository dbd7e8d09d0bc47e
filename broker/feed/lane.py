"""One bucket's way into the feed log."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from broker.clock import Clock
from broker.errors import StoreUnavailableError
from broker.faultpoints import FaultPoints
from broker.store.feed_keys import bucket_tag
from broker.store.feed_log import FeedLog, Refusal, Refused
from broker.store.feed_outbox import BATCH

LOGGER: Final = logging.getLogger(__name__)

TROUBLED: Final = 3
"""From how many failures in a row on a bucket that is not shipped is worth a reason: one lost
reply is not."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How eagerly outboxes are emptied, in milliseconds.

    ``coalesce_ms`` is how long a poke that is not urgent waits for others, give or take a half (at
    a thousand issues a second and 16 buckets, thirty entries travel together); ``sweep_ms`` how
    often every outbox is looked at for what a broker left that died; after a failure the next
    attempt comes no earlier than ``rest_ms``, doubling up to ``longest_rest_ms``.
    """

    coalesce_ms: int = 500
    sweep_ms: int = 1_000
    rest_ms: int = 100
    longest_rest_ms: int = 5_000


class Lane:
    """Ships one bucket. A stuck bucket holds up no other (I11)."""

    def __init__(
        self,
        feed_log: FeedLog,
        bucket: int,
        *,
        clock: Clock,
        pace: Pace,
        on_lag: Callable[[int], None],
        faults: FaultPoints,
    ) -> None:
        self._log = feed_log
        self._bucket = bucket
        self._tag = bucket_tag(bucket)
        self._clock = clock
        self._pace = pace
        self._on_lag = on_lag
        self._faults = faults
        self._is_due = False
        self._is_busy = False
        self.failures = 0
        """How many attempts in a row have failed."""
        self._rests_until_ms = 0
        self._shipped_at_ms: int | None = None
        self._refused: Refused | None = None

    def poke(self) -> None:
        """Note that the outbox may have something."""
        self._is_due = True

    def is_unseen(self) -> bool:
        """Tell whether to look at the outbox though nobody says that it has something.

        Not if all that it had was shipped less than half a sweep ago.
        """
        if self._shipped_at_ms is None:
            return True
        return self._clock.monotonic_ms() - self._shipped_at_ms >= self._pace.sweep_ms // 2

    async def work(self) -> None:
        """Ship until nothing is due. At once done when it is at work already, or resting."""
        if self._is_busy:
            return
        self._is_busy = True
        try:
            while self._is_due and self._clock.monotonic_ms() >= self._rests_until_ms:
                self._is_due = False
                await self._attempt()
        finally:
            self._is_busy = False

    async def ship(self) -> None:
        """Take over all that the outbox has.

        Raises:
            StoreUnavailableError: the bucket or the feed cannot be reached; some may be shipped.
        """
        refused = await self._ship_pages()
        if refused is not None:
            # What was read may be out of date: another broker may have shipped and trimmed it.
            refused = await self._ship_pages()
        if refused is not None and refused != self._refused:
            LOGGER.error("bucket %s: %s at %d", self._tag, refused.why, refused.number)
        self._refused = refused

    def reason(self) -> str:
        """Say why the bucket is not shipped; empty when it is."""
        name = f"bucket {self._tag}"
        remedy = f"`broker feed accept-loss {self._bucket}`"
        match self._refused:
            case Refused(Refusal.GAP, number):
                return f"{name} lost outbox entries from {number} on: {remedy}"
            case Refused(Refusal.FORK, number):
                return f"{name} gave outbox number {number} twice: {remedy}"
            case Refused(Refusal.FULL, length):
                return f"{name} is not shipped: the feed log is full with {length} entries"
            case _ if self.failures >= TROUBLED:
                return f"{name} is not shipped: the store does not answer"
        return ""

    async def _attempt(self) -> None:
        began_ms = self._clock.monotonic_ms()
        try:
            await self.ship()
        except StoreUnavailableError as error:
            LOGGER.warning("bucket %s cannot be shipped: %s", self._tag, error)
            self._rest()
            return
        if self._refused is not None:
            self._rest()
        else:
            self.failures = 0
            self._shipped_at_ms = began_ms

    async def _ship_pages(self) -> Refused | None:
        after = 0
        while page := await self._log.outboxes.page(self._bucket, after=after):
            outcome = await self._log.append(self._bucket, page)
            if isinstance(outcome, Refused):
                return outcome
            self._faults.reach("ship.appended")
            await self._log.outboxes.trim(page[-1])
            self._faults.reach("ship.trimmed")
            if outcome.fresh:
                self._on_lag(max(0, outcome.now_ms - page[-outcome.fresh].at_ms))
            after = page[-1].n
            if len(page) < BATCH:
                break
        return None

    def _rest(self) -> None:
        rest_ms = min(self._pace.rest_ms << min(self.failures, 16), self._pace.longest_rest_ms)
        self._rests_until_ms = self._clock.monotonic_ms() + rest_ms
        self.failures += 1
        self._is_due = True
