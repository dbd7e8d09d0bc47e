"""Closing a link at the moments that no server can be made to show."""

import asyncio
from typing import Any

from broker.store.mux_link import MuxLink
from tests.fakes.redis_connection import FakeConnection


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
