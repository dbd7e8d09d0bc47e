"""The Python client of a world's broker, as somebody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from broker.client.api import BrokerClient
from tests.fakes.cast import AGENT, Who
from tests.fakes.world import World

BROKER = "http://localhost"


@asynccontextmanager
async def client_of(world: World, who: Who = AGENT) -> AsyncIterator[BrokerClient]:
    """Call the broker as somebody, by its unix socket."""

    async def source() -> str:
        return world.token(who)

    wire = aiohttp.UnixConnector(str(world.config.settings(0).listen.unix))
    async with aiohttp.ClientSession(
        connector=wire, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as session:
        yield BrokerClient(BROKER, source, session)
