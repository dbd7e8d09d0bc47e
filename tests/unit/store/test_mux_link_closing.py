"""Closing a link at the moments that no server can be made to show."""

import asyncio
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError

from broker.store.mux_link import MuxLink


class FakeParser:
    """Waits for a reply until it is told that there will be none."""

    def __init__(self) -> None:
        self.reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def read_response(self) -> object:
        """Wait."""
        return await self.reply


class FakeConnection:
    """A connection that is made already, and reads nothing."""

    is_connected = True

    def __init__(self) -> None:
        self._parser = FakeParser()

    def breaks(self) -> None:
        """Let the connection be lost."""
        self._parser.reply.set_exception(RedisConnectionError("gone"))

    async def disconnect(self, *, nowait: bool) -> None:
        """Take note of nothing."""


async def test_a_link_whose_connection_breaks_while_it_is_closed_is_closed() -> None:
    """Else its keeper would connect anew for ever, and a broker that stops would never end."""
    connections: list[FakeConnection] = []

    def dial() -> Any:
        connections.append(FakeConnection())
        return connections[-1]

    link = MuxLink(dial)
    await link.open()
    for _ in range(3):
        await asyncio.sleep(0)

    connections[0].breaks()

    async with asyncio.timeout(20):
        await link.close()
    assert len(connections) == 1
