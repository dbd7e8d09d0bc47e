"""Brings one subscriber from where it stands to where the reader stands, without a hole.

First the position was read, then come the pages of what is in force there, then everything beyond
it; the last step runs without giving way, so that no event falls between it and the live stream.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from broker.feed import messages
from broker.feed.channel import Registration
from broker.feed.messages import PAGE
from broker.feed.reader import Reader
from broker.feed.subscriber import Outlet
from broker.store.feed_event import Announcement, announcement
from broker.store.feed_log import FeedLog
from broker.store.feed_subscribers import Connection, Joined

REACH_S: Final = 5.0
"""How long the reader may take to come to where the subscriber joined. Longer means that it reads
another epoch, or nothing."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A registered connection that has not been served yet.

    ``after`` is the seq that it resumes from, or None when it needs a snapshot first.
    """

    registration: Registration
    connection: Connection
    joined: Joined
    after: int | None
    ends_at_ms: int


class LostTrackError(Exception):
    """The log moved on beyond what this subscriber can be brought up to: it has to connect anew."""


class CatchUp:
    """One subscriber's way to the present."""

    def __init__(self, feed_log: FeedLog, reader: Reader, ticket: Ticket, outlet: Outlet) -> None:
        self._log = feed_log
        self._reader = reader
        self._ticket = ticket
        self._outlet = outlet
        self._epoch = ticket.joined.epoch
        self._view = ticket.registration.view

    async def run(self) -> bytes:
        """Send all but the last of it, and return that: send it and attach, without giving way.

        It is empty when there is nothing left to send.

        Raises:
            LostTrackError: another epoch began meanwhile, or the log was trimmed.
            StoreUnavailableError: the store is lost.
            ConnectionError: the subscriber is gone.
        """
        await self._meet_reader()
        if self._ticket.after is None:
            await self._send_snapshot()
            sent = self._ticket.joined.seq
        else:
            sent = self._ticket.after
        return await self._close_up(sent)

    async def _meet_reader(self) -> None:
        try:
            async with asyncio.timeout(REACH_S):
                await self._reader.reach(self._epoch, self._ticket.joined.seq)
        except TimeoutError as error:
            raise LostTrackError from error

    async def _send_snapshot(self) -> None:
        seq = self._ticket.joined.seq
        page: list[Announcement] = []
        async for event in self._in_force(seq):
            if len(page) == PAGE:
                await self._outlet.send(messages.snapshot(self._epoch, seq, page, more=True))
                page = []
            page.append(event)
        await self._outlet.send(messages.snapshot(self._epoch, seq, page, more=False))

    async def _in_force(self, up_to: int) -> AsyncIterator[Announcement]:
        after: int | None = 0
        while after is not None:
            events, after = await self._log.in_force(after=after, up_to=up_to)
            for event in events:
                if event.reaches(self._view):
                    yield event

    async def _close_up(self, sent: int) -> bytes:
        known = sent
        while True:
            if self._reader.epoch != self._epoch:
                raise LostTrackError
            if known < self._reader.floor:
                known, events = await self._from_log(known)
            else:
                events = self._reader.after(known, self._view)
                if len(events) <= PAGE:
                    return self._last(sent, events)
                events = events[:PAGE]
                known = events[-1].seq
            if events:
                await self._outlet.send(messages.frame(self._epoch, known, sent, events))
                sent = known

    async def _from_log(self, known: int) -> tuple[int, list[Announcement]]:
        entries = await self._log.after(known)
        # Nobody else may have read them, so a hole between them was found by nobody either.
        expected = list(range(known + 1, known + 1 + len(entries)))
        if not entries or [entry.seq for entry in entries] != expected:
            raise LostTrackError
        # Not beyond the reader: what it passes on next would be news of the past.
        entries = [entry for entry in entries if entry.seq <= self._reader.seq]
        events = [
            event
            for entry in entries
            if (event := announcement(entry.seq, entry.change)) is not None
            and event.reaches(self._view)
        ]
        return entries[-1].seq, events

    def _last(self, sent: int, events: list[Announcement]) -> bytes:
        """Say where the subscriber stands now, even when there is no event: frames go on there."""
        seq = self._reader.seq
        return messages.frame(self._epoch, seq, sent, events) if seq > sent else b""
