"""The one reader of the feed log in this process, and what it has read lately."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final

from broker.errors import StoreUnavailableError
from broker.feed.continuity import Continuity
from broker.feed.recent import Recent
from broker.model.capability import ResourceServer
from broker.store.feed_entry import LogEntry
from broker.store.feed_event import Announcement, announcement
from broker.store.feed_log import PAGE, FeedLog, Position

BLOCK_MS: Final = 500
"""How long one wait for news lasts, and how long a reader rests that nobody listens to; also how
late a doubt about the log is looked into."""

REST_S: Final = 0.2
"""Between attempts to read when the store is lost."""

LOGGER: Final = logging.getLogger(__name__)


class Reader:
    """Follows the log and passes on its revocation events.

    ``on_events`` gets the events of each page that was read, in order, with the epoch. ``on_break``
    is told when the log began anew for this reader: nobody may rely on what was passed on before.

    While nobody listens, as ``is_heard`` tells, it reads all the same, for it must notice what the
    log lost; but much at a time, and seldom. :meth:`wake` it when somebody comes.
    """

    def __init__(
        self,
        feed_log: FeedLog,
        *,
        capacity: int,
        on_events: Callable[[str, Sequence[Announcement]], None],
        on_break: Callable[[], None],
        is_heard: Callable[[], bool] = lambda: True,
        doze_ms: int = BLOCK_MS,
    ) -> None:
        self._log = feed_log
        self._capacity = capacity
        self._on_events = on_events
        self._on_break = on_break
        self._is_heard = is_heard
        self._doze_ms = doze_ms
        self._woken = asyncio.Event()
        self._at: Continuity | None = None
        self._recent = Recent(capacity, 0)
        self._moved = asyncio.Event()
        self._is_in_doubt = False

    @property
    def epoch(self) -> str:
        """The epoch that is being read; empty before the first reading."""
        return self._at.epoch if self._at else ""

    @property
    def seq(self) -> int:
        """Up to where everything was passed on."""
        return self._at.seq if self._at else 0

    @property
    def last_read(self) -> LogEntry | None:
        """The entry at ``seq``; None before any was read."""
        return self._at.last if self._at else None

    @property
    def floor(self) -> int:
        """Beyond where :meth:`after` knows everything."""
        return self._recent.floor

    def after(self, seq: int, server: ResourceServer) -> list[Announcement]:
        """List what a resource server must hear beyond ``seq`` (at least ``floor``)."""
        return self._recent.after(seq, server)

    def at(self, seq: int) -> Announcement | None:
        """Return the event with this number, if it is remembered."""
        return self._recent.at(seq)

    def last(self, server: ResourceServer) -> int:
        """Return the seq of the last event for a resource server, or what it cannot be beyond."""
        return self._recent.last(server)

    def doubt(self) -> None:
        """Say that the log seems to be another one: it is looked at before anything is passed."""
        self._is_in_doubt = True

    def refute(self) -> None:
        """Say that the log no longer has what was read of it last."""
        if self._at is not None:
            self._at.refute()
        self.doubt()

    async def reach(self, epoch: str, seq: int) -> None:
        """Wait until everything up to ``seq`` of an epoch has been passed on."""
        self.wake()
        while self.epoch != epoch or self.seq < seq:
            moved = self._moved
            await moved.wait()

    def wake(self) -> None:
        """Read at once what has come while nobody listened."""
        self._woken.set()

    async def run(self) -> None:
        """Read until cancelled, whatever the store does."""
        while True:
            try:
                await self._follow()
            except StoreUnavailableError as error:
                LOGGER.warning("the feed log cannot be read: %s", error)
                await asyncio.sleep(REST_S)

    async def _follow(self) -> None:
        position = await self._log.position()
        if self._at is not None and self._at.is_refuted_by(position):
            LOGGER.error("the feed log lost what was read of it: a new epoch begins")
            await self._log.rotate(self._at.epoch)
            position = await self._log.position()
        at = self._at
        if at is None or not at.goes_on_at(position):
            at = self._begin(position)
        self._is_in_doubt = False
        while not self._is_in_doubt:
            entries = await self._log.tail(at.seq, block_ms=BLOCK_MS)
            # Looked at after reading: what went back before shows now, what later at the next.
            if entries and at.last is not None and not await self._log.still_has(at.last):
                self.refute()
            self._take(at, entries)
            if len(entries) < PAGE and not self._is_heard():
                await self._doze()

    async def _doze(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._doze_ms / 1000):
                await self._woken.wait()
        self._woken.clear()

    def _begin(self, position: Position) -> Continuity:
        self._at = Continuity(position)
        self._recent = Recent(self._capacity, position.seq)
        self._on_break()
        self._notify()
        return self._at

    def _take(self, at: Continuity, entries: Sequence[LogEntry]) -> None:
        events = []
        for entry in entries:
            if self._is_in_doubt or not at.follow(entry):
                self._is_in_doubt = True
                break
            event = announcement(entry.seq, entry.change)
            if event is not None:
                events.append(event)
                self._recent.add(event)
            elif entry.change.feed:
                LOGGER.error("entry %d of the feed log cannot be read by verifiers", entry.seq)
        if events:
            self._on_events(at.epoch, events)
        self._notify()

    def _notify(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
