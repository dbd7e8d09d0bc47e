from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDict

from broker.client.errors import (
    KeysUnavailableError,
    RefusalError,
    TokenExpiredError,
    TokenMalformedError,
    TokenRevokedError,
    TokenUntrustedError,
    ViewStaleError,
)
from broker.client.liveness import OfflineLiveness
from broker.client.middleware import VERIFIED, bearer, public, require
from broker.client.token import VerifiedToken
from broker.client.verifier import Verifier
from broker.secret import Secret
from tests.fakes import token_mint as mint
from tests.fakes.clock import FakeClock

Client = TestClient[web.Request, web.Application]


class Switch:
    """A liveness that raises what a test has laid ready."""

    failure: Exception | None = None

    async def ensure_alive(self, token: VerifiedToken, raw: Secret) -> None:
        """Raise it."""
        assert raw.reveal().count(".") == 2
        assert token.agent == "helper"
        if self.failure is not None:
            raise self.failure


async def whoami(request: web.Request) -> web.Response:
    """Say who calls."""
    return web.json_response({"agent": request[VERIFIED].agent})


@require("orders:read")
async def read_orders(request: web.Request) -> web.Response:
    """Need one scope that the token has."""
    return await whoami(request)


@require("orders:admin", "orders:read")
async def administrate(request: web.Request) -> web.Response:
    """Need two scopes, one of which the token lacks."""
    return await whoami(request)


@public
async def health(_: web.Request) -> web.Response:
    """Need nothing."""
    return web.Response(text="ok")


async def broken(_: web.Request) -> web.Response:
    """Fail by itself."""
    raise web.HTTPConflict


def application(liveness: Switch | OfflineLiveness) -> web.Application:
    """Return a guarded application."""
    verifier = Verifier(
        mint.ISSUER,
        mint.AUDIENCE,
        keys=mint.fixed_keys(),
        liveness=liveness,
        clock=FakeClock(now_ms=mint.NOW_MS),
    )
    app = web.Application(middlewares=[bearer(verifier, realm="orders")])
    app.router.add_get("/me", whoami)
    app.router.add_get("/orders", read_orders)
    app.router.add_get("/admin", administrate)
    app.router.add_get("/health", health)
    app.router.add_get("/broken", broken)
    return app


@pytest.fixture
def switch() -> Switch:
    """Return a liveness that lets everything live."""
    return Switch()


@pytest.fixture
async def client(switch: Switch) -> AsyncIterator[Client]:
    """Return a client of the application."""
    async with TestClient(TestServer(application(switch))) as client:
        yield client


def auth(*values: str) -> CIMultiDict[str]:
    """Return so many Authorization headers."""
    return CIMultiDict([("Authorization", value) for value in values])


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
@pytest.mark.parametrize("path", ["/me", "/orders"])
async def test_a_good_token_reaches_the_handler(client: Client, path: str, scheme: str) -> None:
    """The handler finds who calls under a typed key."""
    answer = await client.get(path, headers=auth(f"{scheme} {mint.token()}"))

    assert (answer.status, await answer.json()) == (200, {"agent": "helper"})


@pytest.mark.parametrize(
    "headers", [auth(), auth("Basic dXNlcjpwdw=="), auth("Digest x"), auth("")]
)
async def test_without_a_bearer_token_the_challenge_names_no_error(
    client: Client, headers: CIMultiDict[str]
) -> None:
    """RFC 6750 §3.1: who sent nothing did nothing wrong."""
    answer = await client.get("/me", headers=headers)

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="orders"'
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        auth("Bearer"),
        auth("Bearer "),
        auth("Bearer a b"),
        auth("Bearer a,b"),
        auth('Bearer token="a"'),
        auth(f"Bearer {mint.token()}", f"Bearer {mint.token()}"),
        auth(f"Bearer {mint.token()}", "Basic dXNlcjpwdw=="),
        auth("Basic dXNlcjpwdw==", f"Bearer {mint.token()}"),
    ],
)
async def test_anything_but_one_credential_is_a_bad_request(
    client: Client, headers: CIMultiDict[str]
) -> None:
    """Two identities in one request are none."""
    answer = await client.get("/me", headers=headers)

    assert answer.status == 400
    assert 'error="invalid_request"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("headers", [auth(), auth(f"Bearer {mint.token()}")])
async def test_a_token_in_the_url_is_a_bad_request(
    client: Client, headers: CIMultiDict[str]
) -> None:
    """It would be in every log on the way."""
    answer = await client.get(f"/me?access_token={mint.token()}", headers=headers)

    assert answer.status == 400


async def test_a_missing_scope_is_forbidden_and_named(client: Client) -> None:
    """403, insufficient_scope, and what would have been enough."""
    answer = await client.get("/admin", headers=auth(f"Bearer {mint.token()}"))

    assert answer.status == 403
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="orders:admin orders:read"' in challenge
    assert (await answer.json())["error"] == "insufficient_scope"


@pytest.mark.parametrize(
    "failure",
    [
        TokenMalformedError("canary"),
        TokenUntrustedError("canary"),
        TokenExpiredError("canary"),
        TokenRevokedError("canary"),
    ],
)
async def test_every_refusal_of_a_token_is_401_and_says_what_to_do(
    client: Client, switch: Switch, failure: RefusalError
) -> None:
    """The advice is the class's own, the detail stays here."""
    switch.failure = failure

    answer = await client.get("/me", headers=auth(f"Bearer {mint.token()}"))

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer realm="orders", error="invalid_token", error_description="{failure.advice}"'
    )
    assert "canary" not in await answer.text()
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize("failure", [ViewStaleError("canary"), KeysUnavailableError("canary")])
async def test_a_server_that_cannot_tell_refuses_without_blaming_the_token(
    client: Client, switch: Switch, failure: RefusalError
) -> None:
    """503 and when to come again; no challenge, after which a caller would drop a good token."""
    switch.failure = failure

    answer = await client.get("/me", headers=auth(f"Bearer {mint.token()}"))

    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert "WWW-Authenticate" not in answer.headers
    assert (await answer.json())["error"] == "temporarily_unavailable"
    assert "canary" not in await answer.text()


async def test_hostile_bytes_are_refused_and_never_an_error_of_the_server(client: Client) -> None:
    """Whatever can be sent in a header: 400 or 401."""
    good = mint.token()
    for text in ["x", "a.b.c", good[:-2], good + "==", good.replace(".", "..", 1), "~" * 9_000]:
        answer = await client.get("/me", headers=auth(f"Bearer {text}"))
        assert answer.status in (400, 401)


async def test_a_public_route_needs_nothing(client: Client) -> None:
    """And only the marked one is public."""
    answer = await client.get("/health", headers=auth("Bearer nonsense", "Basic x"))

    assert answer.status == 200


async def test_a_route_that_does_not_exist_is_closed_as_well(client: Client) -> None:
    """Who has no token does not learn what there is."""
    assert (await client.get("/nowhere")).status == 401
    authorized = await client.get("/nowhere", headers=auth(f"Bearer {mint.token()}"))
    assert authorized.status == 404


async def test_the_handlers_own_answers_pass(client: Client) -> None:
    """Only refusals are turned into challenges."""
    answer = await client.get("/broken", headers=auth(f"Bearer {mint.token()}"))

    assert answer.status == 409


async def test_a_scoped_handler_without_the_middleware_is_closed() -> None:
    """Forgetting the middleware does not open the route."""
    app = web.Application()
    app.router.add_get("/orders", read_orders)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/orders", headers=auth(f"Bearer {mint.token()}"))

    assert answer.status == 500


def test_require_keeps_the_handlers_name() -> None:
    """Logs and tables of routes show whose handler it is."""
    assert read_orders.__name__ == "read_orders"


@pytest.mark.parametrize("scopes", [(), ("",), ('a"b',), ("a\\b",), ("ä",), ("a\nb",)])
def test_a_scope_must_fit_into_a_challenge(scopes: tuple[str, ...]) -> None:
    """A mistake in the code shows when it is loaded."""
    with pytest.raises(ValueError, match=r"scope|header"):
        require(*scopes)


@pytest.mark.parametrize("realm", ["", 'a"b', "a\r\nX: y"])
def test_a_realm_must_fit_into_a_challenge(realm: str) -> None:
    """It stands between quotes in a header."""
    with pytest.raises(ValueError, match="header"):
        bearer(_verifier(), realm=realm)


def _verifier() -> Verifier:
    return Verifier("i", "a", keys=mint.fixed_keys(), liveness=OfflineLiveness(), clock=FakeClock())


def _subclasses(kind: type[RefusalError]) -> list[type[RefusalError]]:
    found = [kind]
    for child in kind.__subclasses__():
        found += _subclasses(child)
    return found


@pytest.mark.parametrize("kind", _subclasses(RefusalError))
def test_every_refusal_has_an_answer_of_rfc_6750(kind: type[RefusalError]) -> None:
    """Status and code belong together, and the advice fits between quotes."""
    expected = {
        "": 401,
        "invalid_request": 400,
        "invalid_token": 401,
        "invalid_dpop_proof": 401,
        "use_dpop_nonce": 401,
        "insufficient_scope": 403,
    }
    expected["temporarily_unavailable"] = 503  # not the RFC's: no challenge is sent with it
    assert kind.status == expected[kind.error]
    assert kind.advice
    assert kind.advice.isascii()
    assert not set(kind.advice) & set('"\\')
