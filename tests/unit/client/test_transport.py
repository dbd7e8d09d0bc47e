import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec
import pytest
from aiohttp import web

from broker.client.api_errors import BrokerUnavailableError, QuotaError
from broker.client.backoff import Backoff
from broker.client.endpoint import MAX_ANSWER_BYTES, Endpoint, open_session
from broker.client.errors import (
    BrokerAnswerError,
    BrokerUnreachableError,
    ClientError,
    WrongLoopError,
)
from broker.client.transport import MAX_ATTEMPTS, Call, Transport, read
from broker.secret import Secret
from tests.fakes import answers, broker_server
from tests.fakes.broker_server import BrokerServer, Seen
from tests.fakes.clock import FakeClock

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


class Waits:
    """Sleeps for nothing, writes down for how long, and moves a clock by it."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.clock = FakeClock()

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds.append(seconds)
        self.clock.advance(int(seconds * 1000))


@pytest.fixture
def waits() -> Waits:
    """Return a recorder of pauses."""
    return Waits()


@pytest.fixture
async def patient(broker: BrokerServer, waits: Waits) -> AsyncIterator[Transport]:
    """Return a transport with ten seconds of patience whose pauses are written down."""

    async def token() -> str:
        return "workload"

    async with open_session() as session:
        yield Transport(
            Endpoint(broker.url, token, session),
            patience_seconds=10,
            new_backoff=lambda: Backoff(first_seconds=0),
            clock=waits.clock,
            sleep=waits.sleep,
        )


@pytest.mark.parametrize(("header", "pause"), [("3", 3), ("0", 0), ("soon", 0), ("-4", 0)])
async def test_the_broker_says_how_long_to_wait(
    broker: BrokerServer, patient: Transport, waits: Waits, header: str, pause: int
) -> None:
    """Retry-After is the least; nonsense in it is none."""
    broker.answer("GET /x", status=503, headers={"Retry-After": header})
    broker.answer("GET /x", {"n": 1})

    assert await patient.fetch(Call("GET", ("x",)), Thing) == Thing(1)

    assert waits.seconds == [pause]


@pytest.mark.parametrize(("asked", "tries"), [("9", 2), ("10", 1), ("999999999", 1)])
async def test_nobody_waits_beyond_the_calls_patience(
    broker: BrokerServer, patient: Transport, waits: Waits, asked: str, tries: int
) -> None:
    """The refusal comes at once instead, and says how long it would have been."""
    broker.answer("GET /x", status=503, headers={"Retry-After": asked})

    with pytest.raises(BrokerUnavailableError) as caught:
        await patient.fetch(Call("GET", ("x",)), Thing)

    assert caught.value.problem.retry_after_seconds == int(asked)
    assert len(broker.seen) == tries
    assert sum(waits.seconds) < 10


@pytest.mark.parametrize(
    ("status", "code", "tries"),
    [(429, "too-many-requests", 2), (502, "issuance-failed", 2), (429, "quota-exceeded", 1)],
)
async def test_only_what_passes_by_itself_is_asked_again(
    broker: BrokerServer, patient: Transport, status: int, code: str, tries: int
) -> None:
    """A full quota is the caller's to mend: it hears of it at once."""
    body = answers.problem(status, code)
    broker.answer("POST /x", body, status=status, headers={"Retry-After": "1"})
    broker.answer("POST /x", {"n": 1})

    with suppress(QuotaError):
        await patient.fetch(Call("POST", ("x",), idempotency_key="k"), Thing)

    assert len(broker.seen) == tries


@pytest.mark.parametrize("seconds", [0, -1])
async def test_times_that_make_no_sense_are_refused(seconds: float) -> None:
    """A mistake in the code shows when it is loaded."""
    async with open_session() as session:
        endpoint = Endpoint("https://broker.example", lambda: asyncio.sleep(0, "x"), session)
        with pytest.raises(ValueError, match="positive"):
            Transport(endpoint, timeout_seconds=seconds)
        with pytest.raises(ValueError, match="positive"):
            Transport(endpoint, patience_seconds=seconds)


async def test_another_event_loop_is_refused_before_anything_is_sent(
    broker: BrokerServer, transport: Transport
) -> None:
    """Connections belong to the loop that made them."""
    broker.answer("GET /x", {"n": 1})
    await transport.fetch(Call("GET", ("x",)), Thing)

    def elsewhere() -> None:
        asyncio.run(transport.fetch(Call("GET", ("x",)), Thing))

    with pytest.raises(WrongLoopError):
        await asyncio.to_thread(elsewhere)
    assert len(broker.seen) == 1


FORKS = """
import asyncio, os, sys, warnings
from broker.client import BrokerClient, open_session
from broker.client.errors import ForkedError
warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads: that is the point
async def token():
    return "workload"
async def main():
    async with open_session() as session:
        client = BrokerClient(sys.argv[1], token, session)
        assert await client.is_healthy()
        child = os.fork()
        if child == 0:
            try:
                await client.is_healthy()
            except ForkedError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert await client.is_healthy()
asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
async def test_a_forked_child_does_not_write_into_its_parents_connections(
    broker: BrokerServer,
) -> None:
    """It is refused before anything is sent; the parent goes on."""
    broker.answer("GET /healthz", {})

    program = await asyncio.create_subprocess_exec(sys.executable, "-c", FORKS, broker.url)

    assert await program.wait() == 0
    assert len(broker.seen) == 2
