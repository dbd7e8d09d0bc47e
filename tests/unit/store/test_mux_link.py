"""What the multiplexed link does beyond the contract."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.errors import StoreUnavailableError
from broker.settings.store import StoreSettings
from broker.store.connect import dialler
from broker.store.link import HEADER, Script
from broker.store.mux_link import MuxLink
from tests.fakes.patience import eventually
from tests.fakes.redis_proxy import RedisProxy
from tests.fakes.redis_servers import SingleServer

KEY = "{b07}:x"
ECHO = Script("echo", HEADER + "return ARGV[1]")


@pytest.fixture
async def network(single: SingleServer, tmp_path: Path) -> AsyncIterator[RedisProxy]:
    """A network that fails on demand."""
    async with RedisProxy(single.path, str(tmp_path / "net.sock")) as proxy:
        yield proxy


@pytest.fixture
async def link(network: RedisProxy) -> AsyncIterator[MuxLink]:
    """A link with room for ten calls and little patience."""
    settings = StoreSettings(url=f"unix://{network.address}", deadline_ms=200)
    link = MuxLink(dialler(settings), deadline_ms=200, max_in_flight=10)
    await link.open()
    yield link
    await link.close()


async def test_calls_beyond_the_bound_are_refused_unsent(
    link: MuxLink, network: RedisProxy
) -> None:
    """Memory is bounded: the eleventh call does not wait, it is refused."""
    network.freeze()
    waiting = [asyncio.create_task(link.read("PING")) for _ in range(10)]
    await asyncio.sleep(0)

    with pytest.raises(StoreUnavailableError, match="10 calls wait"):
        await link.read("PING")

    network.thaw()
    assert await asyncio.gather(*waiting) == ["PONG"] * 10


async def test_while_the_server_is_silent_new_calls_are_refused_at_once(
    link: MuxLink, network: RedisProxy
) -> None:
    """After the first deadline passed, nobody else waits, and nothing more is queued."""
    network.freeze()
    with pytest.raises(StoreUnavailableError, match="no answer within"):
        await link.read("PING")

    with pytest.raises(StoreUnavailableError, match="does not answer"):
        await link.read("GET", KEY)

    network.thaw()
    assert "GET" not in network.seen


async def test_without_a_connection_calls_are_refused_at_once(
    link: MuxLink, network: RedisProxy
) -> None:
    """A call is not kept for a connection that may come: it would run when nobody wants it."""
    await network.refuse()
    with pytest.raises(StoreUnavailableError):
        await link.read("PING")

    with pytest.raises(StoreUnavailableError, match="no connection to Redis"):
        await link.read("PING")


async def test_concurrent_first_calls_load_the_script_once(
    link: MuxLink, network: RedisProxy
) -> None:
    """A script of many kilobytes is sent once, not once per caller."""
    replies = await asyncio.gather(*(link.run(ECHO, [KEY], [word]) for word in "abcdefgh"))

    assert replies == list("abcdefgh")
    assert network.seen.count("SCRIPT") == 1


async def test_opening_before_the_server_is_there_succeeds_later(
    network: RedisProxy, tmp_path: Path
) -> None:
    """A broker may start before its Redis: the link says that it has none, and goes on trying."""
    await network.refuse()
    settings = StoreSettings(url=f"unix://{tmp_path}/net.sock", deadline_ms=200)
    link = MuxLink(dialler(settings), deadline_ms=200)
    await link.open()
    with pytest.raises(StoreUnavailableError, match="no connection to Redis"):
        await link.read("PING")

    await network.accept()

    assert await eventually(lambda: link.read("PING")) == "PONG"
    await link.close()


async def test_an_unopened_link_refuses(tmp_path: Path) -> None:
    """Whoever forgets to open it is told so instead of waiting."""
    link = MuxLink(dialler(StoreSettings(url=f"unix://{tmp_path}/none.sock")))

    with pytest.raises(StoreUnavailableError, match="closed"):
        await link.read("PING")
