"""Many subscribers of the feed, in a process of their own: when did each hear of what?

Instants are the monotonic clock's, which all processes of a Linux machine share.
"""

import argparse
import re
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

_NAMED: Final = re.compile(rb'"(?:jti|task)":"([a-z0-9_]+)"')
_READ: Final = 65_536
_PATIENCE_S: Final = 1.0

Heard = dict[str, list[int]]
"""For each id that was told of: when every subscriber heard of it, in nanoseconds."""


@dataclass(slots=True)
class Subscriber:
    """One connection to the feed."""

    door: socket.socket
    is_ready: bool = False
    rest: bytes = b""

    def take(self) -> list[str]:
        """Read what is there; return the ids that it tells of."""
        data = self.door.recv(_READ)
        if not data:
            raise ConnectionError("the broker ended a connection")
        lines, end, self.rest = (self.rest + data).rpartition(b"\n")
        whole = lines + end
        self.is_ready = self.is_ready or b"event: alive" in whole
        return [name.decode() for name in _NAMED.findall(whole)]


@dataclass(slots=True)
class Audience:
    """All of them, and what they have heard since all were ready."""

    subscribers: list[Subscriber]
    heard: Heard = field(default_factory=dict)
    count: int = 0

    def take(self, subscriber: Subscriber) -> None:
        """Let one of them read."""
        names = subscriber.take()
        now_ns = time.monotonic_ns()
        for name in names:
            self.heard.setdefault(name, []).append(now_ns)
            self.count += 1

    @property
    def is_ready(self) -> bool:
        """Whether every one of them follows the feed."""
        return all(subscriber.is_ready for subscriber in self.subscribers)


def listen(port: int, token: str, *, count: int, events: int, seconds: float, ready: Path) -> Heard:
    """Connect, say when all follow, and listen until all have heard of so many events.

    Raises:
        ConnectionError: a subscriber was cut off.
    """
    ends = time.monotonic() + seconds
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        doors = [stack.enter_context(_connected(port, token, number)) for number in range(count)]
        audience = Audience([Subscriber(door) for door in doors])
        for subscriber in audience.subscribers:
            selector.register(subscriber.door, selectors.EVENT_READ, subscriber)
        while audience.count < count * events and time.monotonic() < ends:
            for key, _ in selector.select(_PATIENCE_S):
                audience.take(key.data)
            if audience.is_ready and not ready.exists():
                ready.touch()
    return audience.heard


def _connected(port: int, token: str, number: int) -> socket.socket:
    door = socket.create_connection(("127.0.0.1", port), _PATIENCE_S)
    door.sendall(
        f"GET /v1/feed?subscriber=bench-{number:06d} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    return door


def main(arguments: Sequence[str] | None = None) -> int:
    """Listen once, and write down what was heard."""
    parser = argparse.ArgumentParser(prog="tests.bench.subscribers", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token", type=Path, required=True, help="the resource server's token")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="give up after so long")
    parser.add_argument("--ready", type=Path, required=True, help="made when all follow")
    parser.add_argument("--heard", type=Path, required=True, help="where to write it")
    options = parser.parse_args(arguments)
    heard = listen(
        options.port,
        options.token.read_text(encoding="ascii"),
        count=options.count,
        events=options.events,
        seconds=options.seconds,
        ready=options.ready,
    )
    options.heard.write_bytes(msgspec.msgpack.encode(heard))
    return 0


if __name__ == "__main__":
    sys.exit(main())
