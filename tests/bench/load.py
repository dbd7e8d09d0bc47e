"""Load for one server on the loopback interface, from a process of its own.

It must never be what is measured: every request is encoded before the first one is sent, a response
is read no further than its status and length, and one thread serves all connections. It is a
closed loop: each connection sends its next request when it has the answer to the last one, so the
latencies of many connections are mostly queueing.

It ends by itself: when the time is over, when the requests are used up, or when the server has not
answered for a while.
"""

import argparse
import selectors
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

PATIENCE_S: Final = 10.0
"""A server that answers nothing for this long has failed."""

MAX_SECONDS: Final = 60.0
MAX_CONNECTIONS: Final = 512

_READ: Final = 65_536
_LENGTH: Final = b"Content-Length: "
_SHOWN: Final = 600
"""How much of the first refusal is reported."""


class LoadFailedError(Exception):
    """The server closed a connection, fell silent, or did not speak HTTP."""


@dataclass(frozen=True, slots=True)
class Response:
    """The status of an answer, and where in the bytes its body lies."""

    status: int
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run brought. ``refused`` counts answers other than 2xx, which fail a benchmark."""

    answered: int
    refused: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_us: float
    first_refusal: str

    @property
    def per_second(self) -> float:
        """Answers in a second."""
        return self.answered / self.seconds


@dataclass(slots=True)
class Connection:
    """One connection and the request that is under way on it."""

    door: socket.socket
    sent_at: float = 0.0
    received: bytes = b""

    def send(self, request: bytes) -> None:
        """Send a request."""
        self.sent_at = time.perf_counter()
        self.door.sendall(request)

    def receive(self) -> Response | None:
        """Read what is there; return the response once it is whole.

        Raises:
            LoadFailedError: the server hung up, or this is no HTTP.
        """
        data = self.door.recv(_READ)
        if not data:
            raise LoadFailedError("the server closed a connection")
        self.received += data
        return parse(self.received)


@dataclass(slots=True)
class Tally:
    """What has been answered so far."""

    latencies: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    refused: int = 0
    first_refusal: str = ""

    def note(self, connection: Connection, response: Response, *, keeps: bool) -> None:
        """Count one answer."""
        self.latencies.append(time.perf_counter() - connection.sent_at)
        if not 200 <= response.status < 300:
            self.refused += 1
            self.first_refusal = self.first_refusal or _text(connection.received)
        elif keeps:
            self.bodies.append(connection.received[response.body : response.end])
        connection.received = connection.received[response.end :]


def parse(data: bytes) -> Response | None:
    """Find the end of a response; None while it is not all there.

    Raises:
        LoadFailedError: it has no status or no Content-Length.
    """
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return None
    length_at = data.find(_LENGTH, 0, head)
    if not data.startswith(b"HTTP/1.1 ") or length_at < 0:
        raise LoadFailedError(f"not a plain HTTP answer: {_text(data)}")
    length = int(data[length_at + len(_LENGTH) : data.find(b"\r\n", length_at)])
    end = head + 4 + length
    return Response(int(data[9:12]), head + 4, end) if len(data) >= end else None


def run(
    port: int,
    requests: Sequence[bytes],
    *,
    connections: int,
    seconds: float,
    keeps_bodies: bool = False,
) -> tuple[Outcome, list[bytes]]:
    """Send each request once, until all are answered or the time is over.

    Returns what came of it, and the bodies of all 2xx answers if they are to be kept.

    Raises:
        LoadFailedError: the server cannot be measured.
    """
    tally, waiting = Tally(), iter(requests)
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        doors = [stack.enter_context(_connected(port)) for _ in range(connections)]
        cpu, started = time.process_time(), time.perf_counter()
        under_way = sum(_start(Connection(door), waiting, selector) for door in doors)
        _drive(selector, waiting, tally, under_way, ends=started + seconds, keeps=keeps_bodies)
        elapsed = time.perf_counter() - started
        cpu = time.process_time() - cpu
    return _outcome(tally, elapsed, cpu), tally.bodies


def _drive(
    selector: selectors.BaseSelector,
    waiting: Iterator[bytes],
    tally: Tally,
    under_way: int,
    *,
    ends: float,
    keeps: bool,
) -> None:
    while under_way:
        ready = selector.select(PATIENCE_S)
        if not ready:
            raise LoadFailedError(f"no answer within {PATIENCE_S:g} s")
        for key, _ in ready:
            connection: Connection = key.data
            response = connection.receive()
            if response is None:
                continue
            tally.note(connection, response, keeps=keeps)
            request = next(waiting, None) if time.perf_counter() < ends else None
            if request is None:
                under_way -= 1
            else:
                connection.send(request)


def _start(
    connection: Connection, waiting: Iterator[bytes], selector: selectors.BaseSelector
) -> bool:
    """Send the first request of a connection; False when there is none left for it."""
    request = next(waiting, None)
    if request is None:
        return False
    selector.register(connection.door, selectors.EVENT_READ, connection)
    connection.send(request)
    return True


def _connected(port: int) -> socket.socket:
    door = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return door


def _outcome(tally: Tally, seconds: float, cpu_s: float) -> Outcome:
    if not tally.latencies:
        raise LoadFailedError("nothing was asked")
    latencies = sorted(tally.latencies)
    count = len(latencies)
    return Outcome(
        answered=count,
        refused=tally.refused,
        seconds=seconds,
        p50_ms=at_share(latencies, 0.5) * 1000,
        p99_ms=at_share(latencies, 0.99) * 1000,
        max_ms=latencies[-1] * 1000,
        cpu_us=cpu_s / count * 1e6,
        first_refusal=tally.first_refusal,
    )


def at_share(ascending: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    return ascending[min(len(ascending) - 1, int(len(ascending) * share))]


def _text(data: bytes) -> str:
    return data[:_SHOWN].decode("utf-8", "backslashreplace")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run once; print the outcome as one line of JSON."""
    parser = argparse.ArgumentParser(prog="tests.bench.load", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--requests", type=Path, required=True, help="a msgpack list of bytes")
    parser.add_argument("--bodies", type=Path, help="where to write the bodies of the answers")
    options = parser.parse_args(arguments)
    requests = msgspec.msgpack.decode(options.requests.read_bytes(), type=list[bytes])
    try:
        outcome, bodies = run(
            options.port,
            requests,
            connections=min(options.connections, MAX_CONNECTIONS),
            seconds=min(options.seconds, MAX_SECONDS),
            keeps_bodies=options.bodies is not None,
        )
    except (LoadFailedError, OSError) as error:
        sys.stderr.write(f"load: {error}\n")
        return 1
    if options.bodies is not None:
        options.bodies.write_bytes(msgspec.msgpack.encode(bodies))
    sys.stdout.write(f"{msgspec.json.encode(outcome).decode()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
