"""Who may call what: the route table, walked."""

import re
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from broker.errors import AttestationError, KeySetUnavailableError
from broker.http.edge import PUBLIC
from broker.http.end_routes import ENDS
from broker.http.keys import PRINCIPAL
from broker.http.limits import Limits
from broker.http.routes import build
from broker.http.server import HttpServer
from broker.http.session_routes import BACKCHANNEL
from broker.http.signal_routes import SIGNALS
from tests.fakes.fake_glass import GLASS
from tests.fakes.review_verbs import REVIEW
from tests.fakes.samples import APPROVAL, DECISION, LEASE, REVOCATION, TASK
from tests.fakes.services import CALLERS, Stage, make_services
from tests.fakes.serving import serving

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
IDS = {
    "task": TASK,
    "credential": LEASE,
    "revocation": REVOCATION,
    "decision": DECISION,
    "approval": APPROVAL,
    "review": REVIEW,
    "glass": GLASS,
    "selection": "ab" * 32,
    "orchestrator": "ci-orchestrator",
    "finding": f"f_07_{'f' * 26}",
    "problem": "not-found",
    "revision": "1",
    "agent": "invoice-bot",
    "kind": "ticket",
    "tenant": "acme",
    "name": "T-1",
}


async def extra(request: web.Request) -> web.Response:
    """Stand for a route of another package."""
    return web.Response(text=request[PRINCIPAL].name)


EXTRA = (web.get("/v1/feed", extra), web.post("/v1/feed/ack", extra))


def table() -> list[tuple[str, str]]:
    """List every route that an application serves, as method and template."""
    app = build(make_services(Stage(), extra_routes=EXTRA))
    return sorted(
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None
    )


def documented() -> set[tuple[str, str]]:
    """List every route that docs/api.md has in its table."""
    found: set[tuple[str, str]] = set()
    for row in re.findall(r"^\| `(?:GET|POST|DELETE) .*", DOCS.read_text(), re.MULTILINE):
        method = row[3:].split(" ")[0]
        found |= {(method, path) for path in re.findall(rf"`(?:{method} )?(/[^`? ]+)", row)}
    return found


def filled(template: str) -> str:
    """Put ids into a path template."""
    return re.sub(r"\{(\w+)\}", lambda match: IDS[match[1]], template)


def test_every_documented_route_is_served_and_no_other() -> None:
    """The table of docs/api.md is the route table."""
    heads = {("HEAD", path) for path in PUBLIC}

    assert set(table()) - heads == documented()


@pytest.mark.parametrize(("method", "template"), table())
async def test_every_route_but_the_public_ones_asks_who_calls(
    stage: Stage, limits: Limits, method: str, template: str
) -> None:
    """Without a token nothing happens, whatever route was added and by whom."""
    async with (
        serving(stage, limits, extra_routes=EXTRA) as server,
        session(server) as client,
        client.request(method, filled(template)) as answer,
    ):
        expected = 200 if template in PUBLIC else 401
        if template in {SIGNALS, BACKCHANNEL, ENDS}:
            expected = 415  # what is sent there vouches for itself, and here nothing is sent

        assert answer.status == expected
        assert stage.calls == []


async def test_extra_routes_get_the_principal(stage: Stage, limits: Limits) -> None:
    """Routes of other packages stand behind the same door."""
    stage.off_contract = True
    headers = {"Authorization": "Bearer token-of-resource"}
    async with (
        serving(stage, limits, extra_routes=EXTRA) as server,
        session(server) as client,
        client.get("/v1/feed", headers=headers) as answer,
    ):
        assert await answer.text() == CALLERS["token-of-resource"].name


@pytest.mark.parametrize(
    "error",
    [
        AttestationError("expired", "exp was 3 s ago"),
        AttestationError("signature", "canary-detail"),
        KeySetUnavailableError("keys-stale", "no keys of https://issuer.example since 10:00"),
    ],
)
async def test_every_reason_not_to_believe_a_token_looks_the_same(
    stage: Stage, limits: Limits, error: AttestationError
) -> None:
    """The reason is in the log and in the metrics, never in the answer."""

    async def authenticate(_token: str) -> object:
        raise error

    headers = {"Authorization": "Bearer some.token.here"}
    async with (
        serving(stage, limits, authenticate=authenticate) as server,
        session(server) as client,
        client.get("/v1/tasks", headers=headers) as answer,
    ):
        body = await answer.json(content_type=None)

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer, DPoP algs="ES256 EdDSA"'
    assert body == {
        "type": "https://jit-broker.example/problems/unauthenticated",
        "title": "Not authenticated",
        "status": 401,
        "detail": "Send one valid workload token as 'Authorization: Bearer'.",
    }
    assert stage.logs.entries[-1]["reason"] == error.reason
    assert stage.logs.entries[-1]["detail"] == str(error)
    assert "some.token.here" not in str(stage.logs.entries)


async def test_a_broken_attestor_lets_nobody_in(stage: Stage, limits: Limits) -> None:
    """Unsure means no (I5)."""

    async def authenticate(_token: str) -> object:
        raise RuntimeError("canary in a library's message")

    headers = {"Authorization": "Bearer x"}
    async with (
        serving(stage, limits, authenticate=authenticate) as server,
        session(server) as client,
        client.get("/v1/tasks", headers=headers) as answer,
    ):
        assert answer.status == 500
        assert "canary" not in await answer.text()

    assert stage.calls == []


async def test_attestations_are_counted_by_reason(client: ClientSession) -> None:
    """Success, absence, and each reason from the closed set."""
    for token in ("token-of-agent", "token-of-nobody", ""):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with client.get(f"/v1/tasks/{TASK}", headers=headers):
            pass

    async with client.get("/metrics") as answer:
        text = await answer.text()

    for reason in ("ok", "no-token", "signature"):
        assert f'jit_attestations_total{{reason="{reason}"}} 1.0' in text


async def test_unknown_paths_and_methods_are_told_apart(
    client: ClientSession, stage: Stage
) -> None:
    """404 for what is not there, 405 with Allow for what is there otherwise."""
    async with client.get("/v1/nothing") as absent:
        assert absent.status == 404
        assert absent.content_type == "application/problem+json"
    async with client.put("/v1/tasks") as other:
        assert other.status == 405
        assert other.headers["Allow"] == "GET,POST"
    async with client.head("/v1/tasks") as head:
        assert head.status == 405
    async with client.get("/oauth/introspect") as oauth:
        assert oauth.status == 405
        assert (await oauth.json())["error"] == "invalid_request"
    assert stage.calls == []


async def test_every_answer_carries_the_same_precautions(client: ClientSession) -> None:
    """Not stored, not sniffed, named by us, and silent about the software."""
    names = set()
    for path in ("/healthz", "/nothing", "/v1/tasks", "/metrics"):
        async with client.get(path, headers={"X-Request-Id": "theirs"}) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "Server" not in answer.headers
            names.add(answer.headers["X-Request-Id"])

    assert len(names) == 4
    assert "theirs" not in names


def session(server: HttpServer) -> ClientSession:
    """Open a client that knows where the server is."""
    host, port = server.addresses[0]
    return ClientSession(f"http://{host}:{port}")


async def test_each_request_is_told_before_it_is_judged(
    client: ClientSession, stage: Stage
) -> None:
    """What can wait gives way to it, whoever asks and whatever it comes to."""
    for path, token in (
        ("/v1/tasks", "token-of-agent"),
        ("/v1/tasks", "none"),
        ("/nowhere", "none"),
    ):
        async with client.get(path, headers={"Authorization": f"Bearer {token}"}):
            pass

    assert stage.requests == 3
