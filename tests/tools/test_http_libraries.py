"""httpx, requests and aiohttp show a credential: to its own servers alone, and once more if needed.

All of it over real HTTP, with each library itself.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import aiohttp
import httpx
import pytest
import requests

from broker.client.aiohttp_auth import AiohttpAuth
from broker.client.api_errors import CredentialEndedError, refusal
from broker.client.held import HeldCredential
from broker.client.httpx_auth import AsyncHttpxAuth, HttpxAuth
from broker.client.loop_thread import LoopThread
from broker.client.origins import ForeignServerError
from broker.client.requests_auth import RequestsAuth
from broker.client.sync_api import SyncHeldCredential
from tests.fakes.clock import FakeClock
from tests.fakes.guarded_orders import GuardedOrders, orders
from tests.unit.client.test_held import Broker, hold

Ask = Callable[[HeldCredential, str, str, str], int]
"""Has a library send a request with a credential that is for one server; returns the status."""

NO_CONTENT = b""


def _stream() -> Iterator[bytes]:
    yield b"a body "
    yield b"that is gone"


async def _async_stream() -> AsyncIterator[bytes]:
    for piece in _stream():
        yield piece


async def by_httpx(held: HeldCredential, only_for: str, url: str, body: str = "") -> int:
    """With its client for event loops."""
    auth = AsyncHttpxAuth(held, only_for)
    async with httpx.AsyncClient(auth=auth, follow_redirects=True, trust_env=False) as client:
        content = _async_stream() if body == "stream" else body.encode()
        return (await client.post(url, content=content)).status_code


async def by_aiohttp(held: HeldCredential, only_for: str, url: str, body: str = "") -> int:
    """As a middleware of a session."""
    auth = AiohttpAuth(held, only_for)
    async with aiohttp.ClientSession(middlewares=(auth,)) as session:
        data = _async_stream() if body == "stream" else body.encode()
        async with session.post(url, data=data) as answer:
            return answer.status


async def by_sync_httpx(held: HeldCredential, only_for: str, url: str, body: str = "") -> int:
    """With its client without an event loop."""

    def send(credential: SyncHeldCredential) -> int:
        auth = HttpxAuth(credential, only_for)
        with httpx.Client(auth=auth, follow_redirects=True, trust_env=False) as client:
            content = _stream() if body == "stream" else body.encode()
            return client.post(url, content=content).status_code

    return await _in_thread(held, send)


async def by_requests(held: HeldCredential, only_for: str, url: str, body: str = "") -> int:
    """With a session."""

    def send(credential: SyncHeldCredential) -> int:
        with requests.Session() as session:
            session.trust_env = False
            data = _stream() if body == "stream" else body.encode()
            auth = RequestsAuth(credential, only_for)
            return session.post(url, data=data, auth=auth, timeout=30).status_code

    return await _in_thread(held, send)


async def _in_thread(held: HeldCredential, send: Callable[[SyncHeldCredential], int]) -> int:
    thread = LoopThread()
    try:
        return await asyncio.to_thread(send, SyncHeldCredential(held, thread))
    finally:
        thread.close()


LIBRARIES = [by_httpx, by_sync_httpx, by_requests, by_aiohttp]

pytestmark = pytest.mark.parametrize("ask", LIBRARIES)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that a test moves."""
    return FakeClock()


@pytest.fixture
def broker() -> Broker:
    """A broker that renews."""
    return Broker()


@pytest.fixture
def held(broker: Broker, clock: FakeClock) -> HeldCredential:
    """A credential that is old enough to be renewed."""
    held = hold(broker, clock)
    clock.advance(5_000)
    return held


@pytest.fixture
def foreign() -> Iterator[GuardedOrders]:
    """A server of somebody else's, which would take anything."""
    with orders("token-1", "token-2", "") as server:
        yield server


async def test_a_request_shows_the_token(ask: Ask, held: HeldCredential) -> None:
    """Of a credential for this server."""
    with orders("token-1") as here:
        status = await ask(held, here.url, f"{here.url}/orders", "body")  # type: ignore[misc]

        assert status == 200
        assert here.shown == ["Bearer token-1"]
        assert here.bodies == [b"body"]


async def test_a_refused_request_is_sent_once_more_with_the_next_token(
    ask: Ask, held: HeldCredential, broker: Broker
) -> None:
    """With its whole body."""
    with orders("token-2") as here:
        status = await ask(held, here.url, f"{here.url}/orders", "body")  # type: ignore[misc]

        assert status == 200
        assert here.shown == ["Bearer token-1", "Bearer token-2"]
        assert here.bodies == [b"body", b"body"]
        assert len(broker.keys) == 1


async def test_a_server_that_refuses_whatever_it_is_shown_is_left_alone(
    ask: Ask, held: HeldCredential, broker: Broker
) -> None:
    """One more try for a token, and one renewal: however often it is asked."""
    with orders() as here:
        for _ in range(3):
            assert await ask(held, here.url, f"{here.url}/orders", "") == 401  # type: ignore[misc]

        assert here.shown == ["Bearer token-1"] + ["Bearer token-2"] * 3
        assert len(broker.keys) == 1


async def test_a_stream_is_not_sent_once_more(
    ask: Ask, held: HeldCredential, broker: Broker
) -> None:
    """It is gone; half of it would be another request."""
    with orders("token-2") as here:
        status = await ask(held, here.url, f"{here.url}/orders", "stream")  # type: ignore[misc]

        assert status == 401
        assert here.bodies == [b"a body that is gone"]
        assert broker.keys == []


async def test_another_server_is_refused_before_it_hears_anything(
    ask: Ask, held: HeldCredential, foreign: GuardedOrders
) -> None:
    """Also one on another port of the same machine."""
    with orders("token-1") as here, pytest.raises(ForeignServerError):
        await ask(held, here.url, f"{foreign.url}/orders", "")  # type: ignore[misc]

    assert foreign.shown == []


async def test_a_redirect_takes_the_token_nowhere_else(
    ask: Ask, held: HeldCredential, foreign: GuardedOrders
) -> None:
    """It is refused, or followed without; and a server that then wants a token gets none."""
    foreign.good.clear()
    with orders("token-1", elsewhere=foreign.url) as here:
        try:
            status = await ask(held, here.url, f"{here.url}/away", "")  # type: ignore[misc]
        except ForeignServerError:
            status = 401

        assert status == 401
        assert here.shown == ["Bearer token-1"]
    assert not any(foreign.shown)


async def test_a_redirect_within_the_server_goes_on(ask: Ask, held: HeldCredential) -> None:
    """With the token."""
    with orders("token-1") as here:
        assert await ask(held, here.url, f"{here.url}/here", "") == 200  # type: ignore[misc]

        assert here.shown == ["Bearer token-1"] * 2


async def test_a_credential_that_has_ended_is_shown_no_more(
    ask: Ask, held: HeldCredential, broker: Broker
) -> None:
    """The first refusal comes back as it is; the next request is not even sent."""
    broker.failures = [refusal(410, b'{"type": "https://x/credential-ended"}')]
    with orders() as here:
        assert await ask(held, here.url, f"{here.url}/orders", "") == 401  # type: ignore[misc]
        with pytest.raises(CredentialEndedError):
            await ask(held, here.url, f"{here.url}/orders", "")  # type: ignore[misc]

        assert here.shown == ["Bearer token-1"]
