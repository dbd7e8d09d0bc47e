"""Waiting until every credential of a report has come as far as is asked.

The whole report is read once; then the first page that is behind is asked for again, and the broker
holds its answer back until there is something new (``wait``, ``If-None-Match``). Nothing is ordered
here: whoever calls again reads the same report, further along.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from msgspec.structs import replace

from broker.client.api_errors import TooManyRequestsError
from broker.client.backoff import Backoff
from broker.client.errors import FollowedTooLongError
from broker.client.levels import Level, Standing, has_come, reached, standing
from broker.client.results import Receipt, Report
from broker.client.transport import Tagged
from broker.clock import Clock, SystemClock

LONGEST_SECONDS: Final = 20
"""How long the broker is asked to hold an answer back; it allows 30."""

WITHIN_SECONDS: Final = 30.0


class ReadPage(Protocol):
    """Reads a page of a report."""

    def __call__(
        self, cursor: str, *, known: str = "", wait_seconds: int = 0
    ) -> Awaitable[Tagged[Report]]:
        """Return it, with its tag; ``known`` is the tag that was seen before."""
        ...


Told = Callable[[int, int], None]
"""Is told how many of how many receipts have come so far."""


Reading = Callable[[int, int | None], None]
"""Is told how many receipts have been read, of how many: None where that is not known."""


def tell_nobody(_done: int, _total: int | None) -> None:
    """Tell nobody."""


class NotReachedError(FollowedTooLongError):
    """Not everything has come as far as was asked. ``report`` has all of it, as last seen.

    ``is_irrevocable``: the rest never will, it dies of age.
    """

    def __init__(self, report: Report, level: Level, *, is_irrevocable: bool) -> None:
        done, total = reached(report.receipts, level), len(report.receipts)
        why = "the others die only of age" if is_irrevocable else "the time is up"
        super().__init__(f"{done} of {total} credentials are {level}: {why}")
        self.report = report
        self.is_irrevocable = is_irrevocable


@dataclass(frozen=True, slots=True)
class Reached:
    """A whole report, and how far it is."""

    report: Report
    standing: Standing

    def require(self, level: Level) -> Report:
        """Return the report if all of it has come so far.

        Raises:
            NotReachedError: it has not.
        """
        if self.standing is not Standing.DONE:
            is_irrevocable = self.standing is Standing.IRREVOCABLE
            raise NotReachedError(self.report, level, is_irrevocable=is_irrevocable)
        return self.report


class Reaching:
    """Follows one report."""

    def __init__(
        self,
        read: ReadPage,
        level: Level,
        *,
        told: Told = tell_nobody,
        reading: Reading = tell_nobody,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._read = read
        self._level = level
        self._told = told
        self._reading = reading
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._pages: list[Tagged[Report]] = []
        self._cursors: list[str] = []
        self._most = 0
        self._backoff = Backoff(first_seconds=0.05, cap_seconds=2.0)

    async def follow(self, within_seconds: float) -> Reached:
        """Read until everything has come so far, or cannot, or the time is up."""
        ends_ms = self._clock.monotonic_ms() + int(within_seconds * 1000)
        await self._add("")
        await self._read_from(self._pages[0].value.cursor)
        while True:
            now = self._now()
            left = (ends_ms - self._clock.monotonic_ms()) / 1000
            if now.standing is not Standing.NOT_YET or left <= 0:
                return now
            # Each change of a busy page is news: they are gathered for a moment.
            await self._sleep(min(self._backoff.next_seconds(), left))
            await self._look(max(0, min(LONGEST_SECONDS, int(left))))

    def _now(self) -> Reached:
        receipts = tuple(receipt for page in self._pages for receipt in page.value.receipts)
        done = reached(receipts, self._level)
        self._told(done, len(receipts))
        if done > self._most:
            self._most = done
            self._backoff.reset()
        counts = Counter(receipt.state for receipt in receipts)
        whole = replace(self._pages[-1].value, receipts=receipts, counts=dict(counts), next=None)
        now = standing(receipts, self._level) if self._is_whole else Standing.NOT_YET
        return Reached(whole, now)

    @property
    def _is_whole(self) -> bool:
        """Whether the report can be complete: an order's is when it stands everywhere."""
        order = self._pages[0].value.revocation
        return order is None or order.acknowledged

    async def _look(self, wait_seconds: int) -> None:
        """Look again at the first page that is behind."""
        behind = (n for n, page in enumerate(self._pages) if self._is_behind(page.value))
        at = next(behind, 0) if self._is_whole else 0
        former, was_whole = self._pages[at], self._is_whole
        try:
            page = await self._read(self._cursors[at], known=former.tag, wait_seconds=wait_seconds)
        except TooManyRequestsError:
            page = await self._read(self._cursors[at])  # no place to wait: it is only looked at
        self._pages[at] = page
        if page.value.cursor != former.value.cursor or not was_whole:
            del self._pages[at + 1 :], self._cursors[at + 1 :]
            await self._read_from(page.value.cursor)

    def _is_behind(self, page: Report) -> bool:
        return any(_may_come(receipt, self._level) for receipt in page.receipts)

    async def _read_from(self, cursor: str) -> None:
        while cursor:
            await self._add(cursor)
            cursor = self._pages[-1].value.cursor
            self._reading(sum(len(page.value.receipts) for page in self._pages), self._total)

    @property
    def _total(self) -> int | None:
        order = self._pages[0].value.revocation
        return order.progress.total if order is not None and order.progress is not None else None

    async def _add(self, cursor: str) -> None:
        self._pages.append(await self._read(cursor))
        self._cursors.append(cursor)


def _may_come(receipt: Receipt, level: Level) -> bool:
    return receipt.state != "irrevocable" and not has_come(receipt, level)
