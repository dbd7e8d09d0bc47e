import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web

from broker.client.api_errors import BrokerUnavailableError
from broker.client.backoff import Backoff
from broker.client.endpoint import MAX_ANSWER_BYTES, Endpoint, open_session
from broker.client.errors import BrokerAnswerError, BrokerUnreachableError, ClientError
from broker.client.transport import MAX_ATTEMPTS, Call, Transport, read
from broker.secret import Secret
from tests.fakes import broker_server
from tests.fakes.broker_server import BrokerServer, Seen

KEY = "Idempotency-Key"


class Thing(msgspec.Struct):
    """What the fake answers."""

    n: int


class Delivered(msgspec.Struct):
    """An answer with a secret in it."""

    access_token: Secret


@pytest.fixture
async def broker() -> AsyncIterator[BrokerServer]:
    """Return a running broker."""
    async with broker_server.running(BrokerServer()) as server:
        yield server


@pytest.fixture
async def transport(broker: BrokerServer) -> AsyncIterator[Transport]:
    """Return a transport to it that waits for nothing."""

    async def token() -> str:
        return "workload"

    async with open_session() as session:
        yield Transport(
            Endpoint(broker.url, token, session),
            timeout_seconds=0.5,
            new_backoff=lambda: Backoff(first_seconds=0),
        )


async def test_a_call_arrives_as_it_was_written(broker: BrokerServer, transport: Transport) -> None:
    """Method, path, query, body, key and who calls."""
    broker.answer("POST /v1/x", {"n": 1})

    call = Call("POST", ("v1", "x"), params={"a": "b c"}, json={"k": 1}, idempotency_key="key-1")
    assert await transport.fetch(call, Thing) == Thing(1)

    seen = broker.seen[0]
    assert (seen.query, seen.json) == ({"a": "b c"}, {"k": 1})
    assert seen.headers["Authorization"] == "Bearer workload"
    assert seen.headers[KEY] == "key-1"
    assert seen.headers["Content-Type"] == "application/json"
    assert seen.headers["Accept-Encoding"] == "identity"


async def test_a_public_call_does_not_say_who_calls(
    broker: BrokerServer, transport: Transport
) -> None:
    """A token goes only where it is needed."""
    broker.answer("GET /healthz", {"n": 1})

    await transport.fetch(Call("GET", ("healthz",), is_public=True), Thing)

    assert "Authorization" not in broker.seen[0].headers


SAFE = [Call("GET", ("x",)), Call("DELETE", ("x",)), Call("POST", ("x",), idempotency_key="k")]
UNSAFE = [Call("POST", ("x",)), Call("GET", ("x",), is_probe=True)]


@pytest.mark.parametrize("call", SAFE)
async def test_a_safe_call_is_repeated_while_the_broker_is_unavailable(
    broker: BrokerServer, transport: Transport, call: Call
) -> None:
    """The same request, byte for byte, until it works."""
    for _ in range(MAX_ATTEMPTS - 1):
        broker.answer(f"{call.method} /x", status=503)
    broker.answer(f"{call.method} /x", {"n": 7})

    assert await transport.fetch(call, Thing) == Thing(7)

    assert len(broker.seen) == MAX_ATTEMPTS
    assert len({seen.headers.get(KEY) for seen in broker.seen}) == 1


@pytest.mark.parametrize("call", SAFE)
async def test_patience_has_an_end(broker: BrokerServer, transport: Transport, call: Call) -> None:
    """After the last attempt the refusal is the answer."""
    broker.answer(f"{call.method} /x", status=503)

    with pytest.raises(BrokerUnavailableError):
        await transport.fetch(call, Thing)

    assert len(broker.seen) == MAX_ATTEMPTS


@pytest.mark.parametrize("call", UNSAFE)
async def test_an_unsafe_call_is_never_repeated(
    broker: BrokerServer, transport: Transport, call: Call
) -> None:
    """Nobody knows what the first one did."""
    broker.answer(f"{call.method} /x", status=503)

    with pytest.raises(BrokerUnavailableError):
        await transport.fetch(call, Thing)

    assert len(broker.seen) == 1


async def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    broker: BrokerServer, transport: Transport
) -> None:
    """The broker acted, the connection broke: the repeat gets what the first one made."""
    broker.vanish("POST /x")
    broker.vanish("POST /x")
    broker.answer("POST /x", {"n": 7})

    answer = await transport.fetch(Call("POST", ("x",), idempotency_key="k"), Thing)

    assert answer == Thing(7)
    assert [seen.headers[KEY] for seen in broker.seen] == ["k", "k", "k"]


async def test_a_lost_answer_of_an_unsafe_call_is_an_unknown_outcome(
    broker: BrokerServer, transport: Transport
) -> None:
    """It was sent once, and the error says that nothing is known."""
    broker.vanish("POST /x")

    with pytest.raises(BrokerUnreachableError):
        await transport.fetch(Call("POST", ("x",)), Thing)

    assert len(broker.seen) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 502])
async def test_other_refusals_are_not_repeated(
    broker: BrokerServer, transport: Transport, status: int
) -> None:
    """What will be refused again is not asked again."""
    broker.answer("GET /x", status=status)

    with pytest.raises(ClientError):
        await transport.fetch(Call("GET", ("x",)), Thing)

    assert len(broker.seen) == 1


async def test_an_answer_that_never_comes_is_given_up(
    broker: BrokerServer, transport: Transport
) -> None:
    """Each try has its time."""
    broker.hang("POST /x")

    with pytest.raises(BrokerUnreachableError):
        await transport.fetch(Call("POST", ("x",)), Thing)


async def test_a_redirect_is_not_followed(broker: BrokerServer, transport: Transport) -> None:
    """The token would go to wherever an answer points."""

    async def elsewhere(_: Seen) -> web.Response:
        return web.Response(status=307, headers={"Location": f"{broker.url}/canary"})

    broker.reply("GET /x", elsewhere)

    with pytest.raises(ClientError):
        await transport.fetch(Call("GET", ("x",)), Thing)

    assert [seen.path for seen in broker.seen] == ["/x"]


async def test_cookies_are_not_kept(broker: BrokerServer, transport: Transport) -> None:
    """Nothing of one answer is in the next request but what the caller put there."""
    broker.answer("GET /x", {"n": 1}, headers={"Set-Cookie": "canary=1; Path=/"})

    for _ in range(2):
        await transport.fetch(Call("GET", ("x",)), Thing)

    assert all("Cookie" not in seen.headers for seen in broker.seen)


@pytest.mark.parametrize("extra", [-1, 0, 1])
async def test_an_answer_has_a_bound(
    broker: BrokerServer, transport: Transport, extra: int
) -> None:
    """The bound itself is read, one byte more is not."""
    body = b'{"n":1}'.ljust(MAX_ANSWER_BYTES + extra)
    broker.answer("GET /x", body)

    if extra <= 0:
        assert await transport.fetch(Call("GET", ("x",)), Thing) == Thing(1)
    else:
        with pytest.raises(BrokerAnswerError):
            await transport.fetch(Call("GET", ("x",)), Thing)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"n":"1"}', b'{"n":1,"n":2}', b'{"n":NaN}', b'{"m":1}']
)
def test_another_shape_is_an_error_of_its_own(body: bytes) -> None:
    """A proxy's page is not taken for the broker's answer."""
    with pytest.raises(BrokerAnswerError):
        read(body, Thing)


def test_a_secret_is_wrapped_where_it_arrives() -> None:
    """It does not print; and a malformed one is not quoted."""
    delivered = read(b'{"access_token":"canary"}', Delivered)
    assert delivered.access_token.reveal() == "canary"
    assert "canary" not in repr(delivered)

    with pytest.raises(BrokerAnswerError) as caught:
        read(b'{"access_token":["canary"]}', Delivered)
    assert "canary" not in repr(caught.value)
    assert caught.value.__cause__ is None


async def test_cancelling_ends_the_waiting(broker: BrokerServer, transport: Transport) -> None:
    """A caller that is told to stop, stops."""
    broker.answer("GET /x", status=503)
    waiting = asyncio.create_task(transport.fetch(Call("GET", ("x",)), Thing))
    await asyncio.sleep(0)

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_a_call_in_a_log_shows_no_body() -> None:
    """Bodies carry handles and tokens."""
    call = Call("POST", ("x",), json={"handle": "canary"}, form={"token": "canary"})

    assert "canary" not in repr(call)
