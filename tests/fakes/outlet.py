"""A subscriber's end of the feed, in memory: it keeps every message."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from broker.feed.messages import Framed

PATIENCE_S = 20.0
"""After this a test is stuck, and fails."""


@dataclass(frozen=True)
class Heard:
    """One message: its type, its id and its data."""

    type: str
    id: str
    data: dict[str, Any]

    @property
    def leases(self) -> list[str]:
        """The leases that it names."""
        return [event["jti"] for event in self.data.get("events", [])]


def parse_events(text: bytes) -> list[Heard]:
    """Read whole server-sent events."""
    found = []
    for block in text.decode().split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append(Heard(lines["event"], lines.get("id", ""), json.loads(lines["data"])))
    return found


@dataclass
class FakeOutlet:
    """Takes everything at once, unless ``backlog`` or ``is_closed`` say otherwise."""

    start: int = 0
    """Where the subscriber stood before it connected."""
    backlog: int = 0
    is_closed: bool = False
    is_aborted: bool = False
    heard: list[Heard] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, message: bytes) -> None:
        """Take a message that only this subscriber gets."""
        if self.is_closed:
            raise ConnectionResetError
        await asyncio.sleep(0)
        self._take(message)

    def push(self, message: Framed) -> None:
        """Take a message that others get too, out of its chunk."""
        size, _, rest = message.chunk.partition(b"\r\n")
        assert rest[int(size, 16) :] == b"\r\n"
        self._take(rest[:-2])

    def abort(self) -> None:
        """Note that the connection was dropped."""
        self.is_aborted = True
        self.is_closed = True

    def of(self, kind: str) -> list[Heard]:
        """List the messages of one type."""
        return [message for message in self.heard if message.type == kind]

    @property
    def seq(self) -> int:
        """Where the subscriber stands: alive messages do not move it."""
        told = [int(m.data["seq"]) for m in self.heard if m.type != "alive"]
        return max(told, default=self.start)

    @property
    def leases(self) -> list[str]:
        """Every lease that was named, in order."""
        return [lease for message in self.heard for lease in message.leases]

    async def until(self, check: Callable[["FakeOutlet"], object]) -> None:
        """Wait until what was heard is enough."""
        async with asyncio.timeout(PATIENCE_S):
            while not check(self):
                self._news.clear()
                await self._news.wait()

    def assert_gapless(self) -> None:
        """Check, as a verifier does, that no frame says that something is missing."""
        position = self.start
        for message in self.heard:
            if message.type == "frame":
                assert message.data["prev"] <= position, message
                assert message.data["prev"] < message.data["seq"], message
            if message.type == "alive":
                assert message.data["seq"] >= position, message
            else:
                position = max(position, message.data["seq"])

    def _take(self, message: bytes) -> None:
        self.raw.append(message)
        self.heard += parse_events(message)
        self._news.set()
