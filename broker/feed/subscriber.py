"""One connected subscriber, and the way out to it."""

import asyncio
from enum import StrEnum
from typing import Final, Protocol

from broker.feed.messages import Framed
from broker.store.feed_subscribers import Connection

BACKLOG_MAX: Final = 1_048_576
"""Bytes that may wait for a slow subscriber. It is cut off then, and resumes when it can."""


class Ending(StrEnum):
    """Why a subscriber's connection ends."""

    GONE = "gone"
    SLOW = "slow"
    EXPIRED = "evidence expired"
    REPLACED = "connected anew"
    CHANGED = "its registration changed"
    BROKEN = "the feed began anew"
    CLOSING = "the broker stops"


class Outlet(Protocol):
    """Where a subscriber's messages go."""

    async def send(self, message: bytes) -> None:
        """Write one message and wait until the subscriber keeps up.

        Raises:
            ConnectionError: it is gone.
        """
        ...

    def push(self, message: Framed) -> None:
        """Write one message that many get, without waiting. Does nothing when it is gone."""
        ...

    @property
    def backlog(self) -> int:
        """How many bytes wait to be sent."""
        ...

    @property
    def is_closed(self) -> bool:
        """Whether the subscriber is gone."""
        ...

    def abort(self) -> None:
        """Drop the connection with all that waits."""
        ...


class Subscriber:
    """A subscriber that has caught up. Nothing here waits for it."""

    def __init__(self, connection: Connection, outlet: Outlet, *, ends_at_ms: int) -> None:
        self.connection = connection
        self.ending = Ending.GONE
        self._outlet = outlet
        self._ends_at_ms = ends_at_ms
        self._ended = asyncio.Event()

    def push(self, message: Framed) -> None:
        """Send a message, or end the connection if the subscriber does not keep up."""
        if self._ended.is_set():
            return
        if self._outlet.is_closed:
            self.end(Ending.GONE)
            return
        self._outlet.push(message)
        if self._outlet.backlog > BACKLOG_MAX:
            self._outlet.abort()
            self.end(Ending.SLOW)

    def check(self, now_ms: int) -> None:
        """End the connection if the subscriber is gone, or the evidence that opened it has expired.

        So nobody listens for ever on a token that was once stolen.
        """
        if self._outlet.is_closed:
            self.end(Ending.GONE)
        elif now_ms >= self._ends_at_ms:
            self.end(Ending.EXPIRED)

    def end(self, ending: Ending) -> None:
        """End the connection; the first reason stands."""
        if not self._ended.is_set():
            self.ending = ending
            self._ended.set()

    @property
    def has_ended(self) -> bool:
        """Tell whether nothing more is sent."""
        return self._ended.is_set()

    async def wait(self) -> None:
        """Wait for the end."""
        await self._ended.wait()
