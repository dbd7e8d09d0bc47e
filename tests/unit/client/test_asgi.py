import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from broker.client.asgi import BearerGuard, Receive, Scope, Send
from broker.client.errors import (
    ScopeMissingError,
    TokenRevokedError,
    VerifierNotOpenError,
    ViewStaleError,
)
from broker.client.passage import current_token
from broker.client.requires import granted, in_path, requires
from broker.client.token import VerifiedToken
from broker.client.verifier import Verifier
from broker.secret import Secret
from tests.fakes import token_mint as mint
from tests.fakes.asgi import Connection, ask
from tests.fakes.clock import FakeClock

Endpoint = Callable[[Scope, Receive, Send], Awaitable[None]]


class Switch:
    """A liveness that raises what a test has laid ready."""

    failure: Exception | None = None

    async def ensure_alive(self, token: VerifiedToken, raw: Secret) -> None:
        """Raise it."""
        assert raw.reveal().count(".") == 2
        assert token.agent == "helper"
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def switch() -> Switch:
    """Return a liveness that lets everything live."""
    return Switch()


@pytest.fixture
def verifier(switch: Switch) -> Verifier:
    """Return a verifier of the usual tokens."""
    clock = FakeClock(now_ms=mint.NOW_MS)
    return Verifier(
        mint.ISSUER, mint.AUDIENCE, keys=mint.fixed_keys(), liveness=switch, clock=clock
    )


async def whoami(scope: Scope, _: Receive, send: Send) -> None:
    """Say who calls."""
    body = json.dumps({"agent": scope["broker.token"].agent}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def http(*authorization: str, path: str = "/orders", query: bytes = b"", **more: Any) -> Scope:
    """Return the scope of a request."""
    headers = [(b"Authorization", value.encode("latin-1")) for value in authorization]
    return {
        "type": "http", "method": "GET", "path": path, "query_string": query,
        "headers": headers, **more,
    }  # fmt: skip


def good(**claims: object) -> str:
    """Return the value of a good header."""
    return f"Bearer {mint.token(**claims)}"


async def test_a_good_token_reaches_the_application(verifier: Verifier) -> None:
    """With the token in the scope, and in the context."""
    seen: list[VerifiedToken] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(current_token())
        await whoami(scope, receive, send)

    answer = await ask(BearerGuard(app, verifier=verifier, realm="orders"), http(good()))

    assert answer.status == 200
    assert json.loads(answer.said[1]["body"]) == {"agent": "helper"}
    assert seen[0].task == mint.CHILD


@pytest.mark.parametrize(
    ("scope", "status", "error"),
    [
        (http(), 401, ""),
        (http("Basic x"), 401, ""),
        (http("Bearer"), 400, "invalid_request"),
        (http("Bearer a.b.c"), 401, "invalid_token"),
        (http("Bearer \xe4"), 400, "invalid_request"),
        (http(good(), good()), 400, "invalid_request"),
        (http(good(), query=b"access_token=x"), 400, "invalid_request"),
        (http(good(aud="https://other.example")), 401, "invalid_token"),
    ],
)
async def test_everything_else_gets_the_answer_of_rfc_6750(
    verifier: Verifier, scope: Scope, status: int, error: str
) -> None:
    """And the application never runs."""

    async def app(*_: object) -> None:
        pytest.fail("it must not run")

    answer = await ask(BearerGuard(app, verifier=verifier, realm="orders"), scope)

    assert answer.status == status
    challenge = answer.header(b"www-authenticate")
    assert challenge.startswith('Bearer realm="orders"')
    assert (f'error="{error}"' in challenge) is bool(error)
    assert answer.header(b"cache-control") == "no-store"
    assert answer.header(b"content-length") == str(len(answer.said[1]["body"]))


async def test_a_stale_view_is_503_and_not_the_tokens_fault(
    verifier: Verifier, switch: Switch
) -> None:
    """Come again; there is no challenge."""
    switch.failure = ViewStaleError()

    answer = await ask(BearerGuard(whoami, verifier=verifier, realm="orders"), http(good()))

    assert (answer.status, answer.header(b"retry-after")) == (503, "1")
    assert answer.header(b"www-authenticate") == ""


async def test_only_a_path_that_is_listed_whole_is_public(verifier: Verifier) -> None:
    """No prefix, no other spelling, and no websocket."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    guard = BearerGuard(app, verifier=verifier, realm="orders", public_paths=["/healthz"])

    assert (await ask(guard, http(path="/healthz"))).status == 204
    for path in ["/healthz/", "/healthz/x", "/Healthz", "//healthz", "/healthz?x", ""]:
        assert (await ask(guard, http(path=path))).status == 401
    socket = Connection({"type": "websocket.connect"})
    await guard(http(path="/healthz") | {"type": "websocket"}, socket.receive, socket.send)
    assert [each["type"] for each in socket.said] == ["websocket.close"]


@pytest.mark.parametrize("paths", ["/healthz", ["healthz"], [""]])
def test_public_paths_that_make_no_sense_are_refused(verifier: Verifier, paths: list[str]) -> None:
    """One text would open every path that is one of its letters."""
    with pytest.raises(ValueError, match="public_paths"):
        BearerGuard(whoami, verifier=verifier, realm="orders", public_paths=paths)


@pytest.mark.parametrize("kind", ["smtp", "http2", "WebSocket"])
async def test_an_unknown_kind_of_connection_is_refused(verifier: Verifier, kind: str) -> None:
    """It is never handed on unguarded."""
    with pytest.raises(ValueError, match="not guarded"):
        await ask(BearerGuard(whoami, verifier=verifier, realm="orders"), http() | {"type": kind})


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        ({"scope": "orders:read"}, 200),
        ({"scope": "orders:admin"}, 403),
        ({"tenant": "globex"}, 403),
        ({"task": in_path("task")}, 200),
    ],
)
async def test_conditions_hold_on_a_bare_asgi_endpoint(
    verifier: Verifier, conditions: dict[str, str], status: int
) -> None:
    """The same decorator as everywhere."""
    guard = BearerGuard(requires(**conditions)(whoami), verifier=verifier, realm="orders")

    answer = await ask(guard, http(good(), path_params={"task": mint.CHILD}))

    assert answer.status == status
    assert ("insufficient_scope" in answer.header(b"www-authenticate")) is (status == 403)


async def test_conditions_hold_on_endpoints_of_any_shape(verifier: Verifier) -> None:
    """Sync ones in a thread, ones that take their parts as arguments, and dependencies."""

    @requires(task=in_path("task"), scope="orders:read")
    def in_thread(task: str) -> str:
        return task + current_token().agent

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert await asyncio.to_thread(in_thread, mint.CHILD) == mint.CHILD + "helper"
        assert (await granted(scope="orders:read")()).agent == "helper"
        with pytest.raises(ScopeMissingError):
            await granted(scope="orders:admin")()
        await whoami(scope, receive, send)

    answer = await ask(BearerGuard(app, verifier=verifier, realm="orders"), http(good()))

    assert answer.status == 403


async def test_an_error_page_of_the_application_does_not_hide_a_refusal(
    verifier: Verifier,
) -> None:
    """A framework that answers 500 for it and raises it again, or one that answers 200."""

    @requires(scope="orders:admin")
    async def endpoint(*_: object) -> None:
        pytest.fail("it must not run")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await endpoint(scope, receive, send)
        except Exception:
            await whoami(scope, receive, send)
            if scope["path"] == "/again":
                raise

    for path in ("/once", "/again"):
        answer = await ask(
            BearerGuard(app, verifier=verifier, realm="orders"), http(good(), path=path)
        )
        assert answer.status == 403
        assert len(answer.said) == 2


async def test_an_answer_that_has_begun_is_broken_off(verifier: Verifier) -> None:
    """It cannot be taken back, but nothing more of it is sent as if it were whole."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await requires(scope="orders:admin")(whoami)(scope, receive, send)

    with pytest.raises(ScopeMissingError):
        await ask(BearerGuard(app, verifier=verifier, realm="orders"), http(good()))


def ws(*authorization: str, **more: Any) -> Scope:
    """Return the scope of a websocket."""
    return http(*authorization, **more) | {"type": "websocket"}


async def echo(_: Scope, receive: Receive, send: Send) -> None:
    """Accept, and say again whatever comes, until the end."""
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def test_a_websocket_without_a_good_token_is_never_accepted(verifier: Verifier) -> None:
    """With the whole answer, where the server knows how; else closed, which is a 403."""
    guard = BearerGuard(echo, verifier=verifier, realm="orders")
    plain = Connection({"type": "websocket.connect"})
    await guard(ws(), plain.receive, plain.send)
    able = Connection({"type": "websocket.connect"})
    await guard(ws(extensions={"websocket.http.response": {}}), able.receive, able.send)

    assert plain.said == [{"type": "websocket.close", "code": 1008}]
    assert (able.status, able.said[0]["type"]) == (401, "websocket.http.response.start")


async def test_a_websocket_ends_with_its_token(verifier: Verifier, switch: Switch) -> None:
    """What comes after the revocation is neither heard nor said."""
    guard = BearerGuard(echo, verifier=verifier, realm="orders")
    socket = Connection({"type": "websocket.connect"}, {"type": "websocket.receive", "text": "one"})
    serving = asyncio.create_task(guard(ws(good()), socket.receive, socket.send))
    for _ in range(20):
        await asyncio.sleep(0)
    assert [each.get("text") for each in socket.said] == [None, "one"]

    switch.failure = TokenRevokedError()
    socket.events.append({"type": "websocket.receive", "text": "two"})
    socket.more.set()
    await serving

    assert [each["type"] for each in socket.said] == [
        "websocket.accept", "websocket.send", "websocket.close",
    ]  # fmt: skip


async def test_an_application_that_only_talks_is_stopped_too(
    verifier: Verifier, switch: Switch
) -> None:
    """It is told like one whose client has gone."""

    async def talk(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for count in range(1000):
            await send({"type": "websocket.send", "text": str(count)})
            if count == 1:
                switch.failure = TokenRevokedError()
        pytest.fail("it must not go on")

    socket = Connection({"type": "websocket.connect"})
    await BearerGuard(talk, verifier=verifier, realm="o")(ws(good()), socket.receive, socket.send)

    assert [each.get("text") for each in socket.said] == [None, "0", "1", None]
    assert socket.said[-1] == {"type": "websocket.close", "code": 1008}


async def test_a_condition_refuses_a_websocket_before_it_is_accepted(verifier: Verifier) -> None:
    """Scopes hold for websockets as well."""
    guard = BearerGuard(requires(scope="orders:admin")(echo), verifier=verifier, realm="orders")
    socket = Connection({"type": "websocket.connect"})
    await guard(ws(good()), socket.receive, socket.send)

    assert socket.said == [{"type": "websocket.close", "code": 1008}]


class Opener:
    """Opens a verifier and counts."""

    def __init__(self, verifier: Verifier) -> None:
        self.log: list[str] = []
        self.verifier = verifier
        self.failure: Exception | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Verifier]:
        """Open it."""
        if self.failure is not None:
            raise self.failure
        self.log.append("opened")
        yield self.verifier
        self.log.append("closed")


async def lifespan_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Take part in the lifespan as a framework does."""
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await whoami(scope, receive, send)


async def bare_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Know nothing of lifespans."""
    assert scope["type"] == "http"
    await whoami(scope, receive, send)


@pytest.mark.parametrize("app", [lifespan_app, bare_app])
async def test_the_verifier_lives_as_long_as_the_application(
    verifier: Verifier, app: Endpoint
) -> None:
    """503 before the start and after the end; closed before the server hears of the end."""
    opener = Opener(verifier)
    guard = BearerGuard(app, verifier=opener.open(), realm="orders")
    assert (await ask(guard, http(good()))).status == 503
    life = Connection({"type": "lifespan.startup"})
    running = asyncio.create_task(guard({"type": "lifespan"}, life.receive, life.send))
    for _ in range(20):
        await asyncio.sleep(0)

    assert [each["type"] for each in life.said] == ["lifespan.startup.complete"]
    assert (await ask(guard, http(good()))).status == 200

    life.events.append({"type": "lifespan.shutdown"})
    life.more.set()
    await running
    assert opener.log == ["opened", "closed"]
    assert [each["type"] for each in life.said][1:] == ["lifespan.shutdown.complete"]
    assert (await ask(guard, http(good()))).status == 503


async def test_a_verifier_that_cannot_be_opened_stops_the_start(verifier: Verifier) -> None:
    """The server is told, and shows no secret of the failure."""
    opener = Opener(verifier)
    opener.failure = ValueError("canary")
    guard = BearerGuard(lifespan_app, verifier=opener.open(), realm="orders")
    life = Connection({"type": "lifespan.startup"})

    with pytest.raises(ValueError, match="canary"):
        await guard({"type": "lifespan"}, life.receive, life.send)

    assert [each["type"] for each in life.said] == ["lifespan.startup.failed"]
    assert "canary" not in life.said[0]["message"]


async def test_a_start_that_fails_closes_the_verifier(verifier: Verifier) -> None:
    """Whether the application says so or raises."""

    async def failing(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})
        raise ZeroDivisionError

    opener = Opener(verifier)
    life = Connection({"type": "lifespan.startup"})
    with pytest.raises(ZeroDivisionError):
        await BearerGuard(failing, verifier=opener.open(), realm="o")(
            {"type": "lifespan"}, life.receive, life.send
        )

    assert opener.log == ["opened", "closed"]


async def test_an_open_verifier_leaves_the_lifespan_to_the_application(verifier: Verifier) -> None:
    """Nothing is in between."""
    life = Connection({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    guard = BearerGuard(lifespan_app, verifier=verifier, realm="orders")
    await guard({"type": "lifespan"}, life.receive, life.send)

    assert len(life.said) == 2
    assert VerifierNotOpenError.status == 503
