import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest

from broker.client.api import BrokerClient
from broker.client.api_errors import ApiError
from broker.client.backoff import Backoff
from broker.client.endpoint import MAX_ANSWER_BYTES, Endpoint, open_session
from broker.client.errors import (
    BrokerAnswerError,
    ClientError,
    NotSentError,
    ReplyLostError,
)
from broker.client.results import Ceiling
from broker.client.transport import MAX_ATTEMPTS, Call, Transport
from tests.fakes import answers, broker_server, raw_server
from tests.fakes import token_mint as mint
from tests.fakes.broker_server import BrokerServer
from tests.fakes.raw_server import Play, RawServer, for_ever, saying

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Thing(msgspec.Struct):
    """What is asked for."""

    n: int


async def token() -> str:
    """Return a workload token that must not go anywhere else."""
    return "canary"


@asynccontextmanager
async def calls_to(url: str, *, seconds: float = 1.0) -> AsyncIterator[Transport]:
    """Return a transport that waits for nothing between its tries."""
    async with open_session() as session:
        yield Transport(
            Endpoint(url, token, session),
            timeout_seconds=seconds,
            new_backoff=lambda: Backoff(first_seconds=0),
        )


ENDLESS: list[tuple[str, Play]] = [
    ("nothing", saying(then_hang=True)),
    ("half a status line", saying(b"HTTP/1.1 2", then_hang=True)),
    ("a head without end", for_ever(b"X-Drip: 1\r\n", pause=0.01, head=OK)),
    (
        "a body that drips",
        for_ever(b"1\r\n \r\n", pause=0.01, head=OK + b"Transfer-Encoding: chunked\r\n\r\n"),
    ),
    ("only 103s", for_ever(b"HTTP/1.1 103 Early Hints\r\n\r\n", pause=0.01)),
    ("only 100s", for_ever(b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.01)),
]


@pytest.mark.parametrize("play", [play for _, play in ENDLESS], ids=[name for name, _ in ENDLESS])
async def test_a_server_that_never_comes_to_an_end_is_given_up(play: Play) -> None:
    """Each try has its time, whatever trickles in; what became of the call is unknown."""
    async with raw_server.running(play) as server, calls_to(server.url) as transport:
        with pytest.raises((ReplyLostError, BrokerAnswerError)):
            await transport.fetch(Call("POST", ("x",)), Thing)

        assert len(server.heads) == 1


BROKEN: list[tuple[str, Play]] = [
    ("no answer", saying()),
    ("a body that is cut off", saying(OK + b"Content-Length: 100\r\n\r\n{")),
    ("a chunk that is cut off", saying(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{")),
    ("a chunk of no size", saying(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n")),
    ("no HTTP", saying(b"SSH-2.0-OpenSSH_9.2\r\n")),
    ("a huge header", saying(OK + b"X: " + b"a" * 100_000 + b"\r\n\r\n{}")),
    ("two lengths", saying(OK + b"Content-Length: 7\r\nContent-Length: 2\r\n\r\n{}     ")),
]


@pytest.mark.parametrize("play", [play for _, play in BROKEN], ids=[name for name, _ in BROKEN])
@pytest.mark.parametrize(("key", "tries"), [("", 1), ("k", MAX_ATTEMPTS)])
async def test_an_answer_that_breaks_off_is_a_lost_reply(play: Play, key: str, tries: int) -> None:
    """Never half an answer; and only a call with a key is sent again."""
    async with raw_server.running(play) as server, calls_to(server.url, seconds=5) as transport:
        with pytest.raises(ReplyLostError):
            await transport.fetch(Call("POST", ("x",), idempotency_key=key), Thing)

        assert len(server.heads) == tries


def framed(body: bytes, head: bytes = OK) -> Play:
    """Return a part that answers this body whole."""
    return saying(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


DEEP = b'{"n":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
BOMB = gzip.compress(b'{"n":1}' + b" " * 5_000_000)
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
GARBAGE: list[tuple[str, Play]] = [
    ("no JSON", framed(b"{")),
    ("another shape", framed(b'{"n":"1"}')),
    ("a member twice", framed(b'{"n":1,"n":2}')),
    ("a number too big", framed(b'{"n":1e999}')),
    ("a lone surrogate", framed(b'{"n":1,"m":"\\ud800"}')),
    ("no UTF-8", framed(b'{"n":1,"m":"\xff"}')),
    ("nested deeply", framed(DEEP)),
    ("a page of a proxy", framed(b'{"n":1}', HTML)),
    ("no type at all", framed(b'{"n":1}', b"HTTP/1.1 200 OK\r\n")),
    ("compressed", framed(BOMB, OK + b"Content-Encoding: gzip\r\n")),
    ("too long, as it says", framed(b" " * (MAX_ANSWER_BYTES + 1))),
    (
        "too long, without saying",
        for_ever(
            b"10000\r\n" + b" " * 65_536 + b"\r\n", head=OK + b"Transfer-Encoding: chunked\r\n\r\n"
        ),
    ),
]


@pytest.mark.parametrize("play", [play for _, play in GARBAGE], ids=[name for name, _ in GARBAGE])
async def test_garbage_is_no_answer(play: Play) -> None:
    """It is refused once, within bounds, and never asked for again."""
    async with raw_server.running(play) as server, calls_to(server.url, seconds=20) as transport:
        with pytest.raises(BrokerAnswerError):
            await transport.fetch(Call("GET", ("x",)), Thing)

        assert len(server.heads) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_error_and_the_token_stays_here(status: int) -> None:
    """Even to the same host: who answers so is not the broker's API."""
    async with raw_server.running(saying()) as elsewhere:
        head = b"HTTP/1.1 %d Go\r\nLocation: %s/x\r\nContent-Length: 0\r\n\r\n"
        play = saying(head % (status, elsewhere.url.encode()))
        async with raw_server.running(play) as server, calls_to(server.url) as transport:
            with pytest.raises(BrokerAnswerError, match="redirect"):
                await transport.fetch(Call("GET", ("x",)), Thing)

        assert elsewhere.heads == []


async def test_a_protocol_switch_is_no_answer() -> None:
    """101 to a plain request is refused."""
    play = saying(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    async with raw_server.running(play) as server, calls_to(server.url) as transport:
        with pytest.raises(ClientError):
            await transport.fetch(Call("GET", ("x",)), Thing)


def unused_port() -> int:
    """Return a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("call", [Call("POST", ("x",)), Call("GET", ("x",))])
async def test_a_refused_connection_has_done_nothing_and_is_tried_again(call: Call) -> None:
    """Also for a call that may not be sent twice: it was not sent once."""
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    async with open_session() as session:
        endpoint = Endpoint(f"http://127.0.0.1:{unused_port()}", token, session)
        with pytest.raises(NotSentError):
            await Transport(endpoint, sleep=note).fetch(call, Thing)

    assert len(waits) == MAX_ATTEMPTS - 1


async def test_a_broker_that_comes_up_meanwhile_is_reached() -> None:
    """A restart between two tries costs the caller nothing."""
    port = unused_port()
    listeners: list[asyncio.Server] = []
    server = RawServer(framed(b'{"n":7}'))

    async def come_up(_: float) -> None:
        if not listeners:
            listeners.append(await asyncio.start_server(server.serve, "127.0.0.1", port))

    async with open_session() as session:
        transport = Transport(Endpoint(f"http://127.0.0.1:{port}", token, session), sleep=come_up)
        assert await transport.fetch(Call("POST", ("x",)), Thing) == Thing(7)
    listeners[0].close()


OTHER_TASK = "t_03_" + "z" * 26
OTHER_LEASE = "l_03_" + "z" * 26
LIES = [
    (
        f"GET /v1/tasks/{answers.TASK}",
        answers.task(id=OTHER_TASK),
        lambda c: c.tasks.show(answers.TASK),
    ),
    (
        f"POST /v1/tasks/{answers.TASK}/heartbeat",
        answers.task(id=OTHER_TASK),
        lambda c: c.tasks.heartbeat(answers.TASK),
    ),
    (
        f"POST /v1/tasks/{answers.TASK}/complete",
        answers.report(task=answers.task(id=OTHER_TASK)),
        lambda c: c.tasks.complete(answers.TASK),
    ),
    (
        f"POST /v1/tasks/{answers.TASK}/credentials",
        answers.issued() | {"task": OTHER_TASK},
        lambda c: c.credentials.issue(answers.TASK, "x", scopes=["a"]),
    ),
    (
        f"POST /v1/tasks/{answers.TASK}/credentials",
        answers.issued() | {"id": "../../x"},
        lambda c: c.credentials.issue(answers.TASK, "x", scopes=["a"]),
    ),
    (
        f"GET /v1/credentials/{mint.LEASE}",
        answers.credential(id=OTHER_LEASE),
        lambda c: c.credentials.show(mint.LEASE),
    ),
    (
        f"POST /v1/credentials/{mint.LEASE}/renew",
        answers.issued() | {"id": OTHER_LEASE},
        lambda c: c.credentials.renew(mint.LEASE),
    ),
    (
        f"GET /v1/revocations/{answers.REVOCATION}",
        answers.revocation(id="r_03_" + "z" * 26),
        lambda c: c.operator.revocation(answers.REVOCATION),
    ),
    (
        "POST /v1/tasks",
        answers.task(id="../../etc"),
        lambda c: c.tasks.open(
            name="n", agent="a", tenant="t", ceiling=[Ceiling("x", ("a",))], ttl_seconds=9
        ),
    ),
    (
        "POST /v1/revocations",
        answers.revocation(id="nonsense"),
        lambda c: c.operator.revoke({"all": True}, reason="x"),
    ),
]


@pytest.mark.parametrize(("route", "answer", "ask"), LIES)
async def test_an_answer_about_something_else_is_refused(route, answer, ask) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """An id that is not the one asked for, or none at all, never reaches the caller."""
    async with broker_server.running(BrokerServer()) as broker, open_session() as session:
        broker.answer(route, answer)
        with pytest.raises(BrokerAnswerError):
            await ask(BrokerClient(broker.url, token, session))


async def test_pages_that_go_round_in_a_circle_come_to_an_end() -> None:
    """A list is finite whatever the links say."""
    async with broker_server.running(BrokerServer()) as broker, open_session() as session:
        route = f"GET /v1/tasks/{answers.TASK}/report"
        broker.answer(route, answers.report(following="/v1/x?cursor=a"))
        client = BrokerClient(broker.url, token, session)
        with pytest.raises(BrokerAnswerError, match="circle"):
            async for _ in client.tasks.receipts(answers.TASK):
                pass

        assert len(broker.requests(route)) == 2


@pytest.mark.parametrize("link", ["http://[", "/x?cursor=" + "a" * 5_000, "\x00", "/x"])
async def test_a_link_that_makes_no_sense_ends_the_list_or_is_refused(link: str) -> None:
    """Never an exception that is not ours."""
    async with broker_server.running(BrokerServer()) as broker, open_session() as session:
        broker.answer("GET /v1/tasks", {"tasks": [], "next": link})
        client = BrokerClient(broker.url, token, session)
        page = await client.tasks.find()
        with suppress(BrokerAnswerError):
            assert page.cursor == ""


async def test_errors_show_nothing_of_what_was_sent() -> None:
    """Neither the token nor a handle is in any rendering of any failure."""
    async with raw_server.running(saying()) as server, calls_to(server.url) as transport:
        with pytest.raises(ClientError) as caught:
            await transport.fetch(Call("POST", ("x",), json={"handle": "canary"}), Thing)

    whole = "".join(repr(each) + str(each) for each in _chain(caught.value))
    assert "canary" not in whole
    assert not isinstance(caught.value, ApiError)


def _chain(error: BaseException | None) -> list[BaseException]:
    return [] if error is None else [error, *_chain(error.__cause__ or error.__context__)]
