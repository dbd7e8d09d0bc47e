"""The broker's side of the feed over real HTTP, with switches for what can go wrong on the way.

It keeps a log of dense numbers of which each audience sees its own, sends snapshots by pages and
tails by ``prev``, says when it last read the ledger, and takes acknowledgements: all as
``docs/architecture.md`` writes it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import web

from broker.client.deny import Denial, digest_of
from broker.client.frames import Frame, Snapshot, parse_message
from broker.client.sse import SseEvent
from broker.clock import SystemClock

EVERYBODY = "*"
LEDGER_AHEAD_MS = 7_777_777
"""The ledger's clock is hours off, because that must not matter."""


@dataclass
class Faults:
    """What goes wrong. A new one goes wrong in nothing."""

    cut_after: int | None = None
    """Drop the connection after so many more bytes, once."""
    duplicate: bool = False
    """Send every frame twice."""
    swap: bool = False
    """Send each pair of frames in the wrong order."""
    drop_next: int = 0
    """Leave out so many frames."""
    silent: bool = False
    """Give no sign of life."""
    held_back_ms: Callable[[], int] = lambda: 0
    """By how much a sign of life is late."""
    lie_next: int = 0
    """Put a wrong epoch on so many frames."""
    drip: bool = False
    """Send one byte at a time."""
    huge_next: int = 0
    """Send so many frames that never end."""
    refuse: int = 0
    """Answer so many connections with 503."""
    refuse_acks: int = 0
    """Answer so many acknowledgements with 503."""


@dataclass
class FeedServer:
    """One ledger's feed. Enter :func:`running` to reach it over HTTP."""

    audience: str = "https://orders.example"
    page_size: int = 100
    alive_seconds: float = 0.005
    epoch: str = "e1"
    faults: Faults = field(default_factory=Faults)
    url: str = ""
    floor: int = 0
    """The log reaches back to here: who stands before it needs a snapshot."""

    def __post_init__(self) -> None:
        self._log: list[tuple[dict[str, object], str]] = []
        self._news = asyncio.Event()
        self._clock = SystemClock()
        self.acknowledged: list[tuple[str, int]] = []
        self.authorizations: list[str] = []
        self.requests: list[dict[str, str]] = []
        self.snapshots = 0
        self.cut_connections = 0

    @property
    def seq(self) -> int:
        """The last number of the log."""
        return len(self._log)

    @property
    def audience_seq(self) -> int:
        """The last number that this audience sees."""
        return max((seq for seq, _ in self._visible(0)), default=0)

    def kill(self, event: dict[str, object], audience: str = EVERYBODY) -> int:
        """Write one event for one audience and return its number."""
        self._log.append((event, audience))
        self._news.set()
        return self.seq

    def forget_log(self) -> None:
        """Trim the log: everybody who reconnects needs a snapshot."""
        self.floor = self.seq + 1

    def begin_another_life(self, epoch: str) -> None:
        """Change the epoch, as a restored ledger does; what was killed stays killed."""
        self.epoch = epoch
        self._news.set()

    def denials(self) -> list[Denial]:
        """Return all that this audience must deny."""
        events = [event for _, event in self._visible(0)]
        page = _parsed("snapshot", self._snapshot(events, more=False))
        assert isinstance(page, Snapshot)
        return list(page.denials)

    def digest(self, at_ms: int) -> str:
        """Return the digest of all that this audience must deny at an instant."""
        return digest_of(self.denials(), at_ms)

    def application(self) -> web.Application:
        """Build the routes."""
        app = web.Application()
        app.router.add_get("/v1/feed", self._feed)
        app.router.add_post("/v1/feed/ack", self._acknowledge)
        return app

    async def _acknowledge(self, request: web.Request) -> web.Response:
        self.authorizations.append(request.headers["Authorization"])
        body = await request.json()
        assert body["seq"] <= self.seq, "nobody can have applied what does not exist"
        if body["epoch"] not in (self.epoch, "a lie"):
            return web.Response(status=400)
        if self.faults.refuse_acks:
            self.faults.refuse_acks -= 1
            return web.Response(status=503)
        self.acknowledged.append((body["subscriber"], body["seq"]))
        return web.Response(status=204)

    async def _feed(self, request: web.Request) -> web.StreamResponse:
        self.authorizations.append(request.headers["Authorization"])
        self.requests.append(dict(request.query))
        if self.faults.refuse:
            self.faults.refuse -= 1
            return web.Response(status=503)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with suppress(ConnectionError):
            await self._stream(_Wire(self, request, response), request.query)
        return response

    async def _stream(self, wire: "_Wire", query: Mapping[str, str]) -> None:
        after, epoch = query.get("after"), query.get("epoch")
        position = int(after) if after is not None else -1
        if epoch != self.epoch or not self.floor <= position <= self.seq:
            position = await self._send_snapshot(wire)
        epoch = self.epoch
        while epoch == self.epoch:
            self._news.clear()
            position = await self._send_tail(wire, position)
            await self._send_alive(wire)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self.alive_seconds)

    async def _send_snapshot(self, wire: "_Wire") -> int:
        self.snapshots += 1
        position = self.seq
        events = [event for _, event in self._visible(0)]
        pages = [events[at : at + self.page_size] for at in range(0, len(events), self.page_size)]
        for number, page in enumerate(pages or [[]], start=1):
            more = number < len(pages)
            await wire.send("snapshot", {**self._snapshot(page, more=more), "seq": position})
        return position

    async def _send_tail(self, wire: "_Wire", position: int) -> int:
        frames = []
        for seq, event in self._visible(position):
            frames.append({"seq": seq, "prev": position, "epoch": self.epoch, "events": [event]})
            position = seq
        if self.faults.swap:
            frames = [frame for pair in _pairs(frames) for frame in reversed(pair)]
        for frame in frames:
            await self._send_frame(wire, frame)
        return position

    async def _send_frame(self, wire: "_Wire", frame: dict[str, object]) -> None:
        if self.faults.drop_next:
            self.faults.drop_next -= 1
            return
        if self.faults.lie_next:
            self.faults.lie_next -= 1
            frame = {**frame, "epoch": "a lie"}
        if self.faults.huge_next:
            self.faults.huge_next -= 1
            await wire.write(b"event: frame\ndata: " + b"[" * 1_100_000)
        for _ in range(2 if self.faults.duplicate else 1):
            await wire.send("frame", frame)

    async def _send_alive(self, wire: "_Wire") -> None:
        if self.faults.silent:
            await wire.write(b": still here\n\n")
            return
        read_at = self._clock.now_ms() + LEDGER_AHEAD_MS - self.faults.held_back_ms()
        await wire.send("alive", {"read_at": read_at, "seq": self.seq, "epoch": self.epoch})

    def _snapshot(self, events: list[dict[str, object]], *, more: bool) -> dict[str, object]:
        return {"epoch": self.epoch, "seq": self.seq, "events": events, "more": more}

    def _visible(self, after: int) -> list[tuple[int, dict[str, object]]]:
        start = max(after, 0)
        return [
            (seq, event)
            for seq, (event, audience) in enumerate(self._log[start:], start=start + 1)
            if audience in (EVERYBODY, self.audience)
        ]


class _Wire:
    """One connection, as far as the faults let it be one."""

    def __init__(
        self, server: FeedServer, request: web.Request, response: web.StreamResponse
    ) -> None:
        self._server = server
        self._request = request
        self._response = response

    async def send(self, kind: str, data: dict[str, object]) -> None:
        """Send one message."""
        head = f"id: {data['seq']}\n" if kind == "frame" else ""
        text = f"event: {kind}\n{head}data: {json.dumps(data)}\n\n"
        await self.write(text.encode())

    async def write(self, data: bytes) -> None:
        """Send bytes, or as many of them as the cut leaves."""
        faults = self._server.faults
        room = faults.cut_after
        if room is not None and len(data) > room:
            await self._write(data[:room])
            faults.cut_after = None
            self._server.cut_connections += 1
            if self._request.transport is not None:
                self._request.transport.abort()
            raise ConnectionResetError
        if room is not None:
            faults.cut_after = room - len(data)
        await self._write(data)

    async def _write(self, data: bytes) -> None:
        step = 1 if self._server.faults.drip else max(len(data), 1)
        for start in range(0, len(data), step):
            await self._response.write(data[start : start + step])
            await asyncio.sleep(0)


@asynccontextmanager
async def running(server: FeedServer) -> AsyncIterator[FeedServer]:
    """Serve on a free port of this machine."""
    runner = web.AppRunner(server.application(), shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()


def _pairs(frames: list[dict[str, object]]) -> list[list[dict[str, object]]]:
    return [frames[at : at + 2] for at in range(0, len(frames), 2)]


def _parsed(kind: str, data: dict[str, object]) -> object:
    message = parse_message(SseEvent(kind, "", json.dumps(data).encode()))
    assert isinstance(message, (Snapshot, Frame))
    return message
