"""Takes what is to be told out of the feed log, and puts it before those who want it.

The place in the log is its own, and holds nothing up: what the log has dropped by then is counted
as lost, which only a broker can make happen that is away while others ship many thousands of
entries.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from broker.notices.notice import notice_of
from broker.notices.outcome import Receiver
from broker.store.feed_entry import LogEntry
from broker.store.feed_log import PAGE, FeedLog, Position
from broker.store.notice_ledger import NoticeLedger

BLOCK_MS: Final = 1_000
"""How long one wait for news lasts."""

LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Everything up to ``seq`` of ``epoch`` was taken up; ``mark`` names that entry."""

    seq: int
    epoch: str
    mark: str

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """Read one; None where nothing was taken up yet."""
        seq, _, rest = text.partition(" ")
        epoch, _, mark = rest.partition(" ")
        return cls(int(seq), epoch, mark) if seq.isdigit() and epoch else None

    def __str__(self) -> str:
        return f"{self.seq} {self.epoch} {self.mark}"


def mark_of(entry: LogEntry) -> str:
    """Name an entry, so that one that took its number is known from it."""
    return f"{entry.change.bucket}:{entry.change.n}:{entry.change.op}"


class Collecting:
    """Follows the log while it has the turn."""

    def __init__(self, log: FeedLog, ledger: NoticeLedger, receivers: Sequence[Receiver]) -> None:
        self._log = log
        self._ledger = ledger
        self._receivers = receivers

    async def step(self, fence: int) -> frozenset[str]:
        """Take up a page of what is new; return who has something to be told by it.

        Raises:
            TurnLostError: another broker tells by now.
            StoreUnavailableError: nobody knows how far it came; call it again.
        """
        stood = await self._ledger.cursor()
        place = await self._confirmed(Place.parse(stood))
        if place is None:
            position = await self._log.position()
            await self._ledger.collect(fence, stood, str(_end(position)), [])
            return frozenset()
        entries = await self._log.tail(place.seq, block_ms=BLOCK_MS)
        if not entries:
            if str(place) != stood:
                await self._ledger.collect(fence, stood, str(place), [])
            return frozenset()
        return await self._take_up(fence, stood, place, entries)

    async def _take_up(
        self, fence: int, stood: str, place: Place, entries: Sequence[LogEntry]
    ) -> frozenset[str]:
        if (lost := entries[0].seq - place.seq - 1) > 0:
            LOGGER.error("%d entries of the feed log are gone before anybody was told", lost)
        last = entries[-1]
        messages = [
            (receiver.name, msgspec.json.encode(notice_of(entry)).decode())
            for entry in entries[:PAGE]
            for receiver in self._receivers
            if receiver.wishes.include(entry.change.type, entry.change.tenant)
        ]
        now = Place(last.seq, place.epoch, mark_of(last))
        await self._ledger.collect(fence, stood, str(now), messages)
        return frozenset(name for name, _ in messages)

    async def _confirmed(self, place: Place | None) -> Place | None:
        """Return where to go on; None: from the end of the log, for nobody was told before.

        A log of another epoch that still has the entry in its place goes on with it; one that went
        back is told from its beginning, for an id that comes again is known to who is told.
        """
        if place is None:
            return None
        position = await self._log.position()
        if place.epoch == position.epoch:
            return place
        last = await self._log.entry(place.seq)
        if last is not None and mark_of(last) == place.mark:
            return Place(place.seq, position.epoch, place.mark)
        return Place(position.first - 1, position.epoch, "")


def _end(position: Position) -> Place:
    return Place(position.seq, position.epoch, "")
