import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from broker.client.endpoint import open_session
from broker.client.errors import KeysUnavailableError
from broker.client.jwks import MAX_SET_BYTES, RETRY_MS, JwksKeys
from tests.fakes import broker_server
from tests.fakes import token_mint as mint
from tests.fakes.broker_server import BrokerServer, Seen
from tests.fakes.clock import FakeClock

ROUTE = "GET /.well-known/jwks.json"
ED, P256 = mint.key_set()["keys"]
COOLDOWN_MS = 10_000
MAX_STALE_MS = 3_600_000


@pytest.fixture
async def broker() -> AsyncIterator[BrokerServer]:
    """Return a running broker."""
    async with broker_server.running(BrokerServer()) as server:
        yield server


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return a session that is fit to carry tokens."""
    async with open_session() as session:
        yield session


@pytest.fixture
def clock() -> FakeClock:
    """Return clocks that stand still."""
    return FakeClock()


@pytest.fixture
def keys(broker: BrokerServer, session: aiohttp.ClientSession, clock: FakeClock) -> JwksKeys:
    """Return keys that have not been fetched."""
    return JwksKeys(
        f"{broker.url}/.well-known/jwks.json",
        session,
        clock,
        cooldown_ms=COOLDOWN_MS,
        max_stale_ms=MAX_STALE_MS,
    )


async def test_a_known_key_costs_no_request(broker: BrokerServer, keys: JwksKeys) -> None:
    """The first one fetches the set; after that finding is a look into memory."""
    broker.answer(ROUTE, mint.key_set())

    for _ in range(100):
        key = await keys.find(mint.ED_KID)
        assert key is not None
        assert key.alg == "EdDSA"

    assert len(broker.seen) == 1
    assert "Authorization" not in broker.seen[0].headers


async def test_many_callers_share_one_fetch(broker: BrokerServer, keys: JwksKeys) -> None:
    """A burst of tokens at the start is one request."""
    broker.answer(ROUTE, mint.key_set())

    found = await asyncio.gather(*(keys.find(mint.ED_KID) for _ in range(200)))

    assert None not in found
    assert len(broker.seen) == 1


async def test_a_caller_that_goes_away_does_not_take_the_fetch_along(
    broker: BrokerServer, keys: JwksKeys
) -> None:
    """Whoever started it may be cancelled; the others still get the key."""
    released = broker.hang(ROUTE)
    broker.answer(ROUTE, mint.key_set())
    first = asyncio.create_task(keys.find(mint.ED_KID))
    second = asyncio.create_task(keys.find(mint.ED_KID))
    while not broker.seen:  # noqa: ASYNC110  the fake knows no events
        await asyncio.sleep(0.001)

    first.cancel()
    released.set()

    assert await second is not None
    assert len(broker.seen) == 1


@pytest.mark.parametrize(("passed_ms", "requests"), [(9_999, 1), (10_000, 2), (10_001, 2)])
async def test_unknown_names_fetch_once_per_cool_down(
    broker: BrokerServer, keys: JwksKeys, clock: FakeClock, passed_ms: int, requests: int
) -> None:
    """A thousand invented names are no thousand requests, and known names never wait."""
    broker.answer(ROUTE, mint.key_set())
    assert await keys.find("invented") is None

    clock.advance(passed_ms)
    found = await asyncio.gather(*(keys.find(f"invented-{number}") for number in range(1_000)))

    assert set(found) == {None}
    assert await keys.find(mint.ED_KID) is not None
    assert len(broker.seen) == requests


async def test_a_new_key_is_found_after_the_cool_down(
    broker: BrokerServer, keys: JwksKeys, clock: FakeClock
) -> None:
    """Rotation needs nobody's help."""
    broker.answer(ROUTE, {"keys": [ED]})
    broker.answer(ROUTE, {"keys": [ED, P256]})
    assert await keys.find(mint.EC_KID) is None

    clock.advance(COOLDOWN_MS)

    assert await keys.find(mint.EC_KID) is not None


async def test_a_removed_key_is_gone_with_the_next_set(
    broker: BrokerServer, keys: JwksKeys, clock: FakeClock
) -> None:
    """A key that the broker no longer shows verifies nothing."""
    broker.answer(ROUTE, {"keys": [ED, P256]})
    broker.answer(ROUTE, {"keys": [P256]})
    assert await keys.find(mint.ED_KID) is not None

    clock.advance(COOLDOWN_MS)
    await keys.find("invented")

    assert await keys.find(mint.ED_KID) is None


async def redirect(_: Seen) -> web.Response:
    """Point elsewhere."""
    return web.Response(status=302, headers={"Location": "/elsewhere"})


async def garbage_gzip(_: Seen) -> web.Response:
    """Claim an encoding that nobody asked for."""
    return web.Response(body=json.dumps(mint.key_set()), headers={"Content-Encoding": "gzip"})


async def endless(_: Seen) -> web.Response:
    """Send more than any key set."""
    return web.Response(body=b" " * (MAX_SET_BYTES + 1) + json.dumps(mint.key_set()).encode())


def lay(broker: BrokerServer, fault: str) -> None:
    """Lay a fault ready."""
    match fault:
        case "vanish":
            broker.vanish(ROUTE)
            broker.vanish(ROUTE)  # aiohttp itself repeats a GET once
        case "redirect":
            broker.reply(ROUTE, redirect)
        case "endless":
            broker.reply(ROUTE, endless)
        case "500":
            broker.answer(ROUTE, mint.key_set(), status=500)
        case "empty":
            broker.answer(ROUTE, {"keys": []})
        case "twice":
            broker.answer(ROUTE, b'{"keys":[],"keys":[]}')
        case _:
            broker.answer(ROUTE, b"<html>")


FAULTS = ["vanish", "redirect", "endless", "500", "empty", "twice", "html"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_last_good_set_outlives_a_failed_fetch(
    broker: BrokerServer, keys: JwksKeys, clock: FakeClock, fault: str
) -> None:
    """Known keys serve until they are too old, and not a millisecond longer."""
    broker.answer(ROUTE, mint.key_set())
    lay(broker, fault)
    assert await keys.find(mint.ED_KID) is not None

    for passed_ms in (MAX_STALE_MS - 1, 1):
        clock.advance(passed_ms)
        assert await keys.find(mint.ED_KID) is not None
    clock.advance(1)
    with pytest.raises(KeysUnavailableError):
        await keys.find(mint.ED_KID)


@pytest.mark.parametrize("fault", FAULTS)
async def test_without_a_set_nothing_can_be_verified(
    broker: BrokerServer, keys: JwksKeys, clock: FakeClock, fault: str
) -> None:
    """It is refused with its own reason, tried again soon, and then works."""
    lay(broker, fault)
    broker.answer(ROUTE, mint.key_set())

    with pytest.raises(KeysUnavailableError):
        await keys.find(mint.ED_KID)
    before = len(broker.seen)
    with pytest.raises(KeysUnavailableError):
        await keys.find(mint.ED_KID)
    assert len(broker.seen) == before
    clock.advance(RETRY_MS)

    assert await keys.find(mint.ED_KID) is not None
    assert {seen.path for seen in broker.seen} == {"/.well-known/jwks.json"}


async def test_a_task_of_its_own_keeps_the_set_fresh(
    broker: BrokerServer, session: aiohttp.ClientSession
) -> None:
    """Entered, it fetches by itself, and leaves no task behind."""
    broker.answer(ROUTE, mint.key_set())
    before = asyncio.all_tasks()
    url = f"{broker.url}/.well-known/jwks.json"

    async with JwksKeys(url, session, FakeClock()) as keys:
        await keys.wait_current()
        assert await keys.find(mint.ED_KID) is not None

    left = {repr(task) for task in asyncio.all_tasks() - before}
    assert not any("jwks" in task for task in left)


async def test_leaving_ends_a_fetch_that_hangs(
    broker: BrokerServer, session: aiohttp.ClientSession
) -> None:
    """Who waits for a key then learns that there is none."""
    broker.hang(ROUTE)
    url = f"{broker.url}/.well-known/jwks.json"
    async with JwksKeys(url, session, FakeClock()) as keys:
        waiting = asyncio.create_task(keys.find(mint.ED_KID))
        while not broker.seen:  # noqa: ASYNC110  the fake knows no events
            await asyncio.sleep(0.001)

    with pytest.raises(KeysUnavailableError):
        await waiting


async def test_keys_are_not_fetched_in_clear_text(session: aiohttp.ClientSession) -> None:
    """Whoever changes a key set on its way owns every token."""
    with pytest.raises(ValueError, match="https"):
        JwksKeys("http://broker.example/jwks.json", session, FakeClock())
