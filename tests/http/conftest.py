"""A whole server over doubles of the verbs, and ways to talk to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import ClientSession, DummyCookieJar

from broker.http.limits import Limits
from broker.http.server import HttpServer
from tests.fakes.services import Stage
from tests.fakes.serving import serving
from tests.fakes.wire import Wire


@pytest.fixture
def stage() -> Stage:
    """What the doubles record, and what they are told to do."""
    return Stage()


@pytest.fixture
def limits() -> Limits:
    """The bounds; a test module overrides them."""
    return Limits(drain_seconds=1.0)


@pytest.fixture
def changes() -> dict[str, Any]:
    """What a test module replaces among the services."""
    return {}


@pytest.fixture
async def server(
    stage: Stage, limits: Limits, changes: dict[str, Any]
) -> AsyncIterator[HttpServer]:
    """The server, on a port of 127.0.0.1."""
    async with serving(stage, limits, **changes) as server:
        yield server


@pytest.fixture
async def client(server: HttpServer) -> AsyncIterator[ClientSession]:
    """An HTTP client that knows where the server is."""
    host, port = server.addresses[0]
    base = f"http://{host}:{port}"
    async with ClientSession(base, cookie_jar=DummyCookieJar()) as session:
        yield session


Dial = Callable[[], Any]


@pytest.fixture
async def dial(server: HttpServer) -> AsyncIterator[Dial]:
    """Open raw connections to the server; they are closed at the end."""
    async with AsyncExitStack() as open_connections:

        async def connect() -> Wire:
            return await open_connections.enter_async_context(Wire.to(*server.addresses[0]))

        yield connect
