"""How many connections one peer, and all together, may hold."""

import asyncio
from dataclasses import replace

import pytest

from broker.http.limits import Limits
from broker.http.routes import ADMISSION
from broker.http.server import HttpServer
from tests.fakes.samples import TASK
from tests.fakes.services import Stage
from tests.fakes.serving import serving
from tests.fakes.until import until
from tests.fakes.wire import Wire
from tests.http.conftest import Dial

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: broker\r\n\r\n"


def show(forwarded_for: str) -> bytes:
    """Ask for a task on behalf of a proxy's client."""
    return (
        f"GET /v1/tasks/{TASK} HTTP/1.1\r\nHost: broker\r\n"
        f"Authorization: Bearer token-of-agent\r\nX-Forwarded-For: {forwarded_for}\r\n\r\n"
    ).encode()


@pytest.fixture
def limits() -> Limits:
    """Two places for each peer."""
    return Limits(max_connections=4, max_connections_per_peer=2, drain_seconds=1.0)


async def until_connections(server: HttpServer, count: int) -> None:
    """Wait until the server has noticed how many connections there are."""
    await until(lambda: server.app[ADMISSION].connections == count)


async def is_served(wire: Wire) -> bool:
    """Tell whether a request over this connection has an answer."""
    try:
        await wire.send(HEALTH)
        return (await wire.answer()).status == 200
    except (ConnectionError, asyncio.IncompleteReadError):
        return False


async def test_a_peer_beyond_its_share_is_cut(dial: Dial) -> None:
    """The third connection of a peer is closed, the first two go on."""
    first, second, third = await dial(), await dial(), await dial()

    assert not await is_served(third)
    assert await is_served(first)
    await second.send(b"GET /metrics HTTP/1.1\r\nHost: broker\r\n\r\n")
    assert b'jit_connections_cut_total{reason="no-place"} 1.0' in (await second.answer()).body


async def test_a_closed_connection_gives_its_place_back(dial: Dial, server: HttpServer) -> None:
    """Places are counted by what is open now."""
    first, second = await dial(), await dial()
    assert await is_served(first)
    assert await is_served(second)

    await first.close()
    await until_connections(server, 1)

    assert await is_served(await dial())


async def test_a_refused_connection_gives_nothing_back(dial: Dial, server: HttpServer) -> None:
    """What was never counted is not subtracted."""
    first = await dial()
    second = await dial()
    for _ in range(5):
        await (await dial()).rest()

    await until_connections(server, 2)
    assert await is_served(first)
    assert await is_served(second)
    assert not await is_served(await dial())


async def test_all_peers_together_have_a_cap(stage: Stage, limits: Limits) -> None:
    """Trusted proxies have no share of their own, but count."""
    trusting = replace(limits, trusted_proxies=("127.0.0.0/8",))
    async with serving(stage, trusting) as server:
        wires = [await Wire.connect(*server.addresses[0]) for _ in range(5)]

        assert [await is_served(wire) for wire in wires] == [True] * 4 + [False]

        for wire in wires:
            await wire.close()


async def test_clients_of_a_trusted_proxy_have_a_share_each(stage: Stage, limits: Limits) -> None:
    """Behind a proxy, requests in flight are counted for the client that the proxy names."""
    trusting = replace(limits, trusted_proxies=("127.0.0.0/8",))
    stage.held = asyncio.Event()
    async with serving(stage, trusting) as server:
        wires = [await Wire.connect(*server.addresses[0]) for _ in range(4)]
        for wire in wires[:2]:
            await wire.send(show("192.0.2.9, 198.51.100.1, 127.0.0.9"))
        await calls_reach(stage, 2)

        await wires[2].send(show("198.51.100.1"))
        refused = await wires[2].answer()
        await wires[3].send(show("198.51.100.2"))
        await calls_reach(stage, 3)
        stage.held.set()

        assert refused.status == 429
        assert refused.headers["retry-after"] == "1"
        assert [(await wire.answer()).status for wire in (*wires[:2], wires[3])] == [200] * 3
        for wire in wires:
            await wire.close()


async def test_an_untrusted_peer_cannot_name_another(dial: Dial) -> None:
    """X-Forwarded-For of just anybody changes nothing."""
    first, second, third = await dial(), await dial(), await dial()

    await first.send(show("198.51.100.1"))
    await second.send(show("198.51.100.2"))

    assert (await first.answer()).status == 200
    assert (await second.answer()).status == 200
    assert not await is_served(third)


async def calls_reach(stage: Stage, count: int) -> None:
    """Wait until so many verbs have been called."""
    await until(lambda: len(stage.calls) >= count)
