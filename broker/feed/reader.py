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
from broker.store.feed_log import FeedLog, Position

BLOCK_MS: Final = 500
"""How long one wait for news lasts; also how late a doubt about the log is looked into."""

DOZE_MS: Final = 1_000
"""How long a reader rests that nobody listens to."""

REST_S: Final = 0.2
"""Between attempts to read when the store is lost."""

LOGGER: Final = logging.getLogger(__name__)


class Reader:
    """Follows the log and passes on its revocation events.

    ``on_events`` gets the events of each page that was read, in order, with the epoch. ``on_break``
    is told when the log began anew for this reader: nobody may rely on what was passed on before.

    While nobody listens, as ``is_heard`` tells, it reads nothing: every now and then it looks
    whether the log still has what it had, and goes to its end. :meth:`wake` it when somebody comes.
    """

    def __init__(
        self,
        feed_log: FeedLog,
        *,
        capacity: int,
        on_events: Callable[[str, Sequence[Announcement]], None],
        on_break: Callable[[], None],
        is_heard: Callable[[], bool] = lambda: True,
        doze_ms: int = DOZE_MS,
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
            if self._is_heard():
                await self._read_on(at)
            else:
                at = await self._pass_over(at)
            if self._may_rest():
                await self._doze()

    def _may_rest(self) -> bool:
        return not (self._is_in_doubt or self._is_heard())

    async def _read_on(self, at: Continuity) -> None:
        entries = await self._log.tail(at.seq, block_ms=BLOCK_MS)
        # Looked at after reading: what went back before shows now, what later at the next.
        if entries:
            await self._refute_if_gone(at)
        self._take(at, entries)

    async def _pass_over(self, at: Continuity) -> Continuity:
        """Go to the log's end without reading what nobody here wants to hear."""
        position = await self._log.position()
        last = await self._log.entry(position.seq)
        if (position.epoch, position.seq, last) == (at.epoch, at.seq, at.last):
            return at
        await self._refute_if_gone(at)
        if position.epoch != at.epoch or at.is_refuted_by(position):
            self.doubt()
        # Somebody may have come meanwhile, who has to hear of everything from here on.
        return self._stand(position, last) if self._may_rest() else at

    async def _refute_if_gone(self, at: Continuity) -> None:
        if at.last is not None and not await self._log.still_has(at.last):
            self.refute()

    async def _doze(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._doze_ms / 1000):
                await self._woken.wait()
        self._woken.clear()

    def _begin(self, position: Position) -> Continuity:
        at = self._stand(position, None)
        self._on_break()
        return at

    def _stand(self, position: Position, last: LogEntry | None) -> Continuity:
        """Go on from a position, knowing nothing of what was before but its last entry."""
        self._at = at = Continuity(position, last)
        self._recent = Recent(self._capacity, position.seq)
        self._notify()
        return at

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
