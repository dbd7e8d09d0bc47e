"""A broker over real HTTP that answers what a test has laid ready and remembers all."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Reply = Callable[["Seen"], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> object:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class BrokerServer:
    """Replies in order per route; the last one of a route is repeated."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    _replies: dict[str, list[Reply]] = field(default_factory=dict)

    def answer(
        self,
        route: str,
        body: object = None,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> None:
        """Lay an answer ready for a route (``"POST /v1/tasks"``)."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()

        async def reply(_: Seen) -> web.Response:
            return web.Response(
                status=status, body=data, headers=headers, content_type=content_type
            )

        self.reply(route, reply)

    def problem(self, route: str, status: int, code: str, **members: str) -> None:
        """Lay a refusal ready."""
        body = {"type": f"https://jit-broker.example/problems/{code}", "status": status, **members}
        self.answer(route, body, status=status)

    def vanish(self, route: str) -> None:
        """Lay a broken connection ready: the request arrives, no answer comes."""

        async def reply(_: Seen) -> web.Response:
            raise _VanishError

        self.reply(route, reply)

    def hang(self, route: str) -> asyncio.Event:
        """Lay an answer ready that comes when the returned event is set: never, by default."""
        released = asyncio.Event()
        following = len(self._replies.setdefault(route, []))

        async def reply(seen: Seen) -> web.StreamResponse:
            await released.wait()
            return await self._replies[route][following + 1](seen)

        self.reply(route, reply)
        return released

    def forget(self, route: str) -> None:
        """Take back what was laid ready for a route."""
        self._replies.pop(route, None)

    def reply(self, route: str, reply: Reply) -> None:
        """Lay any reply ready."""
        self._replies.setdefault(route, []).append(reply)

    def requests(self, route: str) -> list[Seen]:
        """Return what came for a route."""
        return [seen for seen in self.seen if f"{seen.method} {seen.path}" == route]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        seen = Seen(
            request.method,
            request.path,
            dict(request.query),
            dict(request.headers),
            await request.read(),
        )
        self.seen.append(seen)
        replies = self._replies[f"{seen.method} {seen.path}"]
        nth = min(len(self.requests(f"{seen.method} {seen.path}")), len(replies)) - 1
        try:
            return await replies[nth](seen)
        except _VanishError:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()


class _VanishError(Exception):
    pass


@asynccontextmanager
async def running(server: BrokerServer) -> AsyncIterator[BrokerServer]:
    """Serve on a free port of this machine."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
