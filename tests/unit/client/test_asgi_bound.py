"""Bound tokens at the ASGI guard (RFC 8705 §3, RFC 9449 §7): what the scope must bring with it."""

import json
import ssl
from typing import Any

import pytest

from broker.client.asgi import BearerGuard, Receive, Scope, Send
from broker.client.liveness import OfflineLiveness
from broker.client.possession import Possession
from broker.client.verifier import Verifier
from broker.proof.confirmation import of_certificate
from broker.proof.dpop_key import DpopKey
from tests.fakes import token_mint as mint
from tests.fakes.asgi import Connection, ask
from tests.fakes.clock import FakeClock

BASE = "https://orders.example"
CLOCK = FakeClock(now_ms=mint.NOW_MS)
KEY, OTHER = DpopKey.generate(CLOCK), DpopKey.generate(CLOCK)
LEAF, ISSUER_CERTIFICATE = b"pretend DER of a leaf", b"pretend DER of its issuer"

BOUND = mint.token(cnf={"jkt": KEY.thumbprint})
CERTIFIED = mint.token(cnf=of_certificate(LEAF).to_claim())


def guard(base_url: str = BASE) -> BearerGuard:
    """Guard an application that says who calls."""
    verifier = Verifier(
        mint.ISSUER,
        mint.AUDIENCE,
        keys=mint.fixed_keys(),
        liveness=OfflineLiveness(),
        clock=CLOCK,
        possession=Possession(CLOCK, base_url=base_url),
    )
    return BearerGuard(whoami, verifier=verifier, realm="orders")


async def whoami(scope: Scope, _: Receive, send: Send) -> None:
    """Say who calls, on whichever kind of connection."""
    agent = scope["broker.token"].agent
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": agent})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": agent.encode()})


def scope(authorization: str, *proofs: str, tls: object = None, **more: Any) -> Scope:
    """Return the scope of a request to read the orders."""
    headers = [(b"authorization", authorization.encode())]
    headers += [(b"dpop", proof.encode()) for proof in proofs]
    return {
        "type": "http",
        "method": "GET",
        "path": "/orders/ä",
        "raw_path": b"/orders/%C3%A4",
        "query_string": b"page=2",
        "headers": headers,
        "extensions": {} if tls is None else {"tls": tls},
        **more,
    }


def proof(method: str = "GET", url: str = BASE + "/orders/%C3%A4", key: DpopKey = KEY) -> str:
    """Make a proof for it."""
    return key.proof(method, url, token=BOUND)


async def answered(guard: BearerGuard, scope: Scope) -> tuple[int, str, str]:
    """Return status, scheme of the challenge and error."""
    answer = await ask(guard, scope)
    words = json.loads(answer.said[1]["body"]) if answer.status != 200 else {}
    return (
        answer.status,
        answer.header(b"www-authenticate").partition(" ")[0],
        words.get("error", ""),
    )


async def test_a_bound_token_with_its_proof_is_let_in() -> None:
    """The proof names the path as it was sent, without the query."""
    assert await answered(guard(), scope(f"DPoP {BOUND}", proof())) == (200, "", "")


async def test_the_path_is_escaped_where_the_server_has_no_raw_one() -> None:
    """``raw_path`` is optional in ASGI."""
    without = scope(f"DPoP {BOUND}", proof(), raw_path=None)

    assert (await answered(guard(), without))[0] == 200


async def test_c7_a_bound_token_is_no_plain_bearer_token() -> None:
    """Whether or not a proof comes along."""
    for proofs in ((), (proof(),)):
        refused = await answered(guard(), scope(f"Bearer {BOUND}", *proofs))
        assert refused == (401, "DPoP", "invalid_token")


async def test_dp2_a_proof_is_good_once() -> None:
    """The guard's verifier remembers it."""
    one, request = guard(), scope(f"DPoP {BOUND}", proof())
    assert (await answered(one, request))[0] == 200

    assert await answered(one, request) == (401, "DPoP", "invalid_dpop_proof")


@pytest.mark.parametrize(
    "proofs",
    [
        (),
        (proof(), proof()),
        (proof("POST"),),
        (proof(url=BASE + "/orders"),),
        (proof(url="https://evil.example/orders/%C3%A4"),),
        (proof(key=OTHER),),
        ("nonsense",),
    ],
    ids=["none", "two", "method", "path", "host", "key", "nonsense"],
)
async def test_a_proof_for_anything_else_is_refused(proofs: tuple[str, ...]) -> None:
    """Also when ``Host`` says what the proof says."""
    request = scope(f"DPoP {BOUND}", *proofs)
    request["headers"].append((b"host", b"evil.example"))

    assert await answered(guard(), request) == (401, "DPoP", "invalid_dpop_proof")


async def test_a_guard_that_does_not_know_its_url_takes_no_proof() -> None:
    """Nothing that the caller says stands in for it."""
    refused = await answered(guard(""), scope(f"DPoP {BOUND}", proof()))

    assert refused == (401, "DPoP", "invalid_token")


async def test_a_websocket_is_opened_with_a_proof_for_its_handshake() -> None:
    """Which is a GET of the same path over https; without one it is closed."""
    connections = []
    for request in (scope(f"DPoP {BOUND}", proof()), scope(f"Bearer {BOUND}")):
        socket = Connection({"type": "websocket.connect"})
        handshake = {**request, "type": "websocket"}
        del handshake["method"]
        await guard()(handshake, socket.receive, socket.send)
        connections.append([said["type"] for said in socket.said])

    assert connections == [["websocket.accept", "websocket.send"], ["websocket.close"]]


def pem(der: bytes) -> str:
    """Write a certificate as the TLS extension has it."""
    return ssl.DER_cert_to_PEM_cert(der)


async def test_a_certified_token_over_its_connection_is_let_in() -> None:
    """Where the server hands the certificate over; the first of the chain is the client's."""
    tls = {"client_cert_chain": (pem(LEAF), pem(ISSUER_CERTIFICATE)), "client_cert_error": None}

    assert await answered(guard(), scope(f"Bearer {CERTIFIED}", tls=tls)) == (200, "", "")


@pytest.mark.parametrize(
    "tls",
    [
        None,
        {},
        {"client_cert_chain": None},
        {"client_cert_chain": ()},
        {"client_cert_chain": [pem(ISSUER_CERTIFICATE), pem(LEAF)]},
        {"client_cert_chain": [pem(LEAF)], "client_cert_error": "expired"},
        {"client_cert_chain": ["nonsense"]},
        {"client_cert_chain": [LEAF]},
    ],
    ids=["no extension", "silent", "unable", "none", "another", "unverified", "nonsense", "bytes"],
)
async def test_mt3_a_certified_token_without_its_certificate_is_refused(tls: object) -> None:
    """The reason says what is missing; no header of the request stands in for the certificate."""
    request = scope(f"Bearer {CERTIFIED}", tls=tls)
    request["headers"].append((b"x-forwarded-client-cert", pem(LEAF).encode()))

    answer = await ask(guard(), request)

    said = json.loads(answer.said[1]["body"])
    assert (answer.status, said["error"]) == (401, "invalid_token")
    assert "bound to a client certificate" in said["error_description"]
    assert answer.header(b"www-authenticate").startswith('Bearer realm="orders"')


async def test_a_certificate_is_no_proof_of_a_dpop_key() -> None:
    """Each kind of binding is proven in its own way."""
    tls = {"client_cert_chain": [pem(LEAF)], "client_cert_error": None}

    refused = await answered(guard(), scope(f"Bearer {BOUND}", tls=tls))

    assert refused == (401, "DPoP", "invalid_token")
