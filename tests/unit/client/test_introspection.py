import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import pytest

from broker.client.endpoint import Endpoint, open_session
from broker.client.errors import IntrospectionUnavailableError, TokenRevokedError
from broker.client.introspection import MAX_REMEMBERED, Introspection
from broker.client.token import read_claims
from broker.client.transport import Transport
from broker.secret import Secret
from tests.fakes import broker_server
from tests.fakes import token_mint as mint
from tests.fakes.broker_server import BrokerServer
from tests.fakes.clock import FakeClock

ROUTE = "POST /oauth/introspect"
TOKEN = read_claims(mint.claims())
RAW = Secret("the-token")
YES = {"active": True, "jti": mint.LEASE}


@pytest.fixture
async def broker() -> AsyncIterator[BrokerServer]:
    """Return a running broker."""
    async with broker_server.running(BrokerServer()) as server:
        yield server


@pytest.fixture
def clock() -> FakeClock:
    """Return clocks that stand still."""
    return FakeClock()


@pytest.fixture
async def transport(broker: BrokerServer) -> AsyncIterator[Transport]:
    """Return a transport to it."""

    async def token() -> str:
        return "workload"

    async with open_session() as session:
        yield Transport(Endpoint(broker.url, token, session), timeout_seconds=0.3)


async def test_the_broker_is_asked_as_rfc_7662_says(
    broker: BrokerServer, transport: Transport, clock: FakeClock
) -> None:
    """A form with the token, authorized as this resource server."""
    broker.answer(ROUTE, YES)

    await Introspection(transport, clock).ensure_alive(TOKEN, RAW)

    (seen,) = broker.seen
    form = {"token": ["the-token"], "token_type_hint": ["access_token"]}
    assert parse_qs(seen.body.decode()) == form
    assert seen.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert seen.headers["Authorization"] == "Bearer workload"


async def test_a_dead_token_is_revoked(
    broker: BrokerServer, transport: Transport, clock: FakeClock
) -> None:
    """Inactive is the broker's word for all that is dead."""
    broker.answer(ROUTE, {"active": False})

    with pytest.raises(TokenRevokedError):
        await Introspection(transport, clock).ensure_alive(TOKEN, RAW)


@pytest.mark.parametrize("cache_ms", [0, 2_000])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"<html>"),
        (200, {}),
        (200, {"active": "true"}),
        (200, {"active": 1}),
        (200, {"active": None}),
        (200, [True]),
        (200, {"active": True, "jti": "l_03_" + "z" * 26}),
        (200, b'{"active":false,"active":true}'),
        (204, b""),
        (302, YES),
        (401, YES),
        (500, YES),
        (503, YES),
    ],
)
async def test_whatever_is_no_plain_yes_is_refused(
    broker: BrokerServer,
    transport: Transport,
    clock: FakeClock,
    *,
    status: int,
    body: object,
    cache_ms: int,
) -> None:
    """Nothing is let in, and nothing is remembered."""
    broker.answer(ROUTE, body, status=status)
    introspection = Introspection(transport, clock, cache_ms=cache_ms)

    for _ in range(2):
        with pytest.raises(IntrospectionUnavailableError):
            await introspection.ensure_alive(TOKEN, RAW)
    assert len(broker.seen) == 2


@pytest.mark.parametrize("fault", ["vanish", "hang"])
async def test_a_silent_broker_is_no_yes(
    broker: BrokerServer, transport: Transport, clock: FakeClock, fault: str
) -> None:
    """A broken and an endless request fail closed."""
    broker.vanish(ROUTE) if fault == "vanish" else broker.hang(ROUTE)

    with pytest.raises(IntrospectionUnavailableError):
        await Introspection(transport, clock, cache_ms=2_000).ensure_alive(TOKEN, RAW)


@pytest.mark.parametrize(("passed_ms", "requests"), [(1_999, 1), (2_000, 2), (2_001, 2)])
async def test_a_yes_is_remembered_for_the_stated_time(
    broker: BrokerServer, transport: Transport, clock: FakeClock, passed_ms: int, requests: int
) -> None:
    """At the end of that time the broker is asked again."""
    broker.answer(ROUTE, YES)
    introspection = Introspection(transport, clock, cache_ms=2_000)
    await introspection.ensure_alive(TOKEN, RAW)

    clock.advance(passed_ms)
    await introspection.ensure_alive(TOKEN, RAW)

    assert len(broker.seen) == requests


async def test_the_time_counts_from_before_the_question(
    broker: BrokerServer, transport: Transport, clock: FakeClock
) -> None:
    """A slow answer may be as old as its question."""
    released = broker.hang(ROUTE)
    broker.answer(ROUTE, YES)
    introspection = Introspection(transport, clock, cache_ms=2_000)
    asking = asyncio.create_task(introspection.ensure_alive(TOKEN, RAW))
    while not broker.seen:  # noqa: ASYNC110  the fake knows no events
        await asyncio.sleep(0.001)

    clock.advance(1_500)
    released.set()
    await asking
    clock.advance(500)
    await introspection.ensure_alive(TOKEN, RAW)

    assert len(broker.seen) == 2


async def test_a_no_is_not_remembered(
    broker: BrokerServer, transport: Transport, clock: FakeClock
) -> None:
    """Refusing costs nothing to repeat, and memory is for those who may come in."""
    broker.answer(ROUTE, {"active": False})
    introspection = Introspection(transport, clock, cache_ms=2_000)

    for _ in range(3):
        with pytest.raises(TokenRevokedError):
            await introspection.ensure_alive(TOKEN, RAW)

    assert len(broker.seen) == 3


async def test_without_a_stated_time_every_use_is_asked(
    broker: BrokerServer, transport: Transport, clock: FakeClock
) -> None:
    """Zero is the default."""
    broker.answer(ROUTE, YES)
    introspection = Introspection(transport, clock)

    for _ in range(3):
        await introspection.ensure_alive(TOKEN, RAW)

    assert len(broker.seen) == 3


async def test_tokens_are_remembered_apart(
    broker: BrokerServer, transport: Transport, clock: FakeClock
) -> None:
    """One token's yes is not another's."""
    broker.answer(ROUTE, YES)
    broker.answer(ROUTE, {"active": False})
    introspection = Introspection(transport, clock, cache_ms=2_000)
    await introspection.ensure_alive(TOKEN, RAW)

    with pytest.raises(TokenRevokedError):
        await introspection.ensure_alive(TOKEN, Secret("the-token."))


async def test_memory_has_an_end(
    broker: BrokerServer, transport: Transport, clock: FakeClock
) -> None:
    """The oldest answer goes first; the newest stay."""
    broker.answer(ROUTE, YES)
    introspection = Introspection(transport, clock, cache_ms=2_000)
    introspection._asked_ms = {  # noqa: SLF001  ten thousand requests would take too long
        number.to_bytes(32, "big"): clock.monotonic_ms() for number in range(MAX_REMEMBERED)
    }

    await introspection.ensure_alive(TOKEN, RAW)
    await introspection.ensure_alive(TOKEN, RAW)

    assert len(broker.seen) == 1
    assert len(introspection._asked_ms) == MAX_REMEMBERED  # noqa: SLF001  see above


async def test_a_negative_time_is_refused(transport: Transport, clock: FakeClock) -> None:
    """It would mean nothing."""
    with pytest.raises(ValueError, match="cache_ms"):
        Introspection(transport, clock, cache_ms=-1)
