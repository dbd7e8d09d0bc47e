"""A server that decides, as real HTTP: it says whatever a test lets it say."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

from broker.clock import Clock, SystemClock
from broker.engines.chosen import ChosenEngine
from broker.policy.decider import Decider
from broker.policy.engine import Engine
from broker.settings.policy import PolicySettings
from tests.fakes.policy import PERMIT_ALL, engine

Say = Callable[[Any], Any]
"""From what was asked to what is answered: a document, or a whole response."""

PERMIT: Final = {"allow": True, "obligations": {}, "policies": ["all"]}
OPA_PATH: Final = "/v1/data/jit/decision"


class EngineServer:
    """Answers by ``say``, once ``go`` is set; remembers what it was asked."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.asked: list[Any] = []
        self.paths: list[str] = []
        self.shown: list[Mapping[str, str]] = []
        self.under_way = 0
        self.most = 0
        self.go = asyncio.Event()
        self.go.set()
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        """Listen."""
        application = web.Application(client_max_size=16_000_000)
        application.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening, and let those who wait go."""
        self.go.set()
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = json.loads(await request.read())
        self.asked.append(asked)
        self.paths.append(request.path)
        self.shown.append(dict(request.headers))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.go.wait()
            said = self.say(asked)
        finally:
            self.under_way -= 1
        return said if isinstance(said, web.StreamResponse) else web.json_response(said)


@asynccontextmanager
async def serving(say: Say) -> AsyncIterator[EngineServer]:
    """Run one."""
    server = EngineServer(say)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def opa(url: str, **changes: Any) -> PolicySettings:
    """Name an OPA there. Patient, so that only what hangs is not waited for."""
    return PolicySettings(
        **{"engine": "opa", "url": url + OPA_PATH, "deadline_ms": 10_000} | changes
    )


def authzen(url: str, **changes: Any) -> PolicySettings:
    """Name a server of AuthZEN there."""
    return PolicySettings(**{"engine": "authzen", "url": url, "deadline_ms": 10_000} | changes)


@asynccontextmanager
async def deciding(
    settings: PolicySettings, behind: Engine | None = None, clock: Clock | None = None
) -> AsyncIterator[Decider]:
    """Decide by what the settings name."""
    chosen = ChosenEngine(settings, clock or SystemClock())
    try:
        yield chosen.decider(behind or engine(PERMIT_ALL))
    finally:
        await chosen.close()
