"""Bound tokens at a resource server: verifier and guard (DP-2, DP-3, DP-5, MT-3, C7)."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDict

from broker.client.bearer import Presented
from broker.client.errors import KeyUnprovenError, ProofRefusedError, TokenMalformedError
from broker.client.liveness import OfflineLiveness
from broker.client.middleware import VERIFIED, bearer
from broker.client.possession import Possession
from broker.client.verifier import Verifier
from broker.proof.confirmation import of_certificate
from broker.proof.dpop_key import DpopKey
from tests.fakes import token_mint as mint
from tests.fakes.clock import FakeClock

BASE = "https://orders.example"
CLOCK = FakeClock(now_ms=mint.NOW_MS)
KEY, OTHER = DpopKey.generate(CLOCK), DpopKey.generate(CLOCK)
CERTIFICATE = b"pretend DER of a leaf"

BOUND = mint.token(cnf={"jkt": KEY.thumbprint})
CERTIFIED = mint.token(cnf=of_certificate(CERTIFICATE).to_claim())
FREE = mint.token()


def verifier(base_url: str = BASE) -> Verifier:
    """Make a verifier that can check proofs."""
    return Verifier(
        mint.ISSUER,
        mint.AUDIENCE,
        keys=mint.fixed_keys(),
        liveness=OfflineLiveness(),
        clock=CLOCK,
        possession=Possession(CLOCK, base_url=base_url),
    )


def presented(authorization: str, *proofs: str, certificate: bytes = b"") -> Presented:
    """Make a request to read the orders."""
    return Presented(
        (authorization,),
        method="GET",
        path="/orders",
        proofs=proofs,
        certificate=certificate,
    )


def proof(token: str = BOUND, *, key: DpopKey = KEY, url: str = BASE + "/orders") -> str:
    """Make a proof for it."""
    return key.proof("GET", url, token=token)


async def test_a_bound_token_with_its_proof_is_admitted() -> None:
    """Under the scheme DPoP; the verified token says what it is bound to."""
    admitted = await verifier().admit(presented(f"DPoP {BOUND}", proof()))

    assert admitted.confirmation is not None
    assert admitted.confirmation.to_claim() == {"jkt": KEY.thumbprint}


async def test_a_certified_token_over_its_connection_is_admitted() -> None:
    """It stays a bearer token in name (RFC 8705 §3)."""
    assert await verifier().admit(presented(f"Bearer {CERTIFIED}", certificate=CERTIFICATE))


REFUSED: dict[str, Callable[[], Presented]] = {
    "C7 bearer downgrade": lambda: presented(f"Bearer {BOUND}"),
    "C7 bearer downgrade with a proof": lambda: presented(f"Bearer {BOUND}", proof()),
    "an unbound token under DPoP": lambda: presented(f"DPoP {FREE}", proof(FREE)),
    "a certified token under DPoP": lambda: presented(
        f"DPoP {CERTIFIED}", proof(CERTIFIED), certificate=CERTIFICATE
    ),
    "MT-3 another certificate": lambda: presented(f"Bearer {CERTIFIED}", certificate=b"other"),
    "no certificate": lambda: presented(f"Bearer {CERTIFIED}"),
    "a certificate for a key": lambda: presented(f"Bearer {BOUND}", certificate=CERTIFICATE),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_token_whose_key_is_not_proven_is_refused(case: str) -> None:
    """A stolen token alone is of no use."""
    with pytest.raises(KeyUnprovenError):
        await verifier().admit(REFUSED[case]())


BAD_PROOFS: dict[str, Callable[[], list[str]]] = {
    "none": list,
    "DP-3 two": lambda: [proof(), proof()],
    "DP-5 another key": lambda: [proof(key=OTHER)],
    "another token": lambda: [proof(FREE)],
    "C7 without ath": lambda: [KEY.proof("GET", BASE + "/orders")],
    "C7 another method": lambda: [KEY.proof("POST", BASE + "/orders", token=BOUND)],
    "C7 another path": lambda: [proof(url=BASE + "/admin")],
    "C7 another host": lambda: [proof(url="https://evil.example/orders")],
    "nonsense": lambda: ["nonsense"],
}


@pytest.mark.parametrize("case", BAD_PROOFS)
async def test_a_bad_proof_is_refused(case: str) -> None:
    """Each as RFC 9449 §4.3 says."""
    with pytest.raises(ProofRefusedError):
        await verifier().admit(presented(f"DPoP {BOUND}", *BAD_PROOFS[case]()))


async def test_dp2_a_proof_is_good_once() -> None:
    """A captured request cannot be sent again."""
    one, request = verifier(), presented(f"DPoP {BOUND}", proof())
    assert await one.admit(request)

    with pytest.raises(ProofRefusedError):
        await one.admit(request)


async def test_host_case_and_default_port_are_the_same_url() -> None:
    """Clients write URLs in different ways."""
    shown = proof(url="https://Orders.Example:443/orders")

    assert await verifier().admit(presented(f"DPoP {BOUND}", shown))


async def test_a_server_that_does_not_know_its_url_takes_no_proof() -> None:
    """Nor does one that judges a token without its request."""
    with pytest.raises(KeyUnprovenError):
        await verifier("").admit(presented(f"DPoP {BOUND}", proof()))
    for token in (BOUND, CERTIFIED):
        with pytest.raises(KeyUnprovenError):
            await verifier().verify(token)


@pytest.mark.parametrize("cnf", [None, {}, "x", {"jkt": "x"}, {"kid": "k"}, {"jkt": "x", "a": "b"}])
async def test_a_restriction_that_cannot_be_checked_refuses_the_token(cnf: object) -> None:
    """Whatever else the request shows."""
    with pytest.raises(TokenMalformedError):
        await verifier().verify(mint.token(cnf=cnf))


@pytest.mark.parametrize(
    "url", ["orders.example", "https://orders.example?x=y", "ftp://x", "https:"]
)
def test_the_servers_url_must_be_one(url: str) -> None:
    """A mistake shows at start, not at the first request."""
    with pytest.raises(ValueError, match="base_url"):
        Possession(CLOCK, base_url=url)


@dataclass
class Guarded:
    """A guarded application, and its URL."""

    client: TestClient[web.Request, web.Application]

    async def get(self, *headers: tuple[str, str]) -> Any:
        """Ask for the orders."""
        return await self.client.get("/orders?page=2", headers=CIMultiDict(headers))


@pytest.fixture
async def guarded() -> AsyncIterator[Guarded]:
    """Serve the orders behind the guard."""

    async def orders(request: web.Request) -> web.Response:
        return web.json_response({"agent": request[VERIFIED].agent})

    app = web.Application(middlewares=[bearer(verifier(), realm="orders")])
    app.router.add_get("/orders", orders)
    async with TestClient(TestServer(app)) as client:
        yield Guarded(client)


async def test_the_guard_admits_a_bound_token_with_its_proof(guarded: Guarded) -> None:
    """Over HTTP; the query is no part of what a proof names."""
    answer = await guarded.get(("Authorization", f"DPoP {BOUND}"), ("DPoP", proof()))

    assert (answer.status, await answer.json()) == (200, {"agent": "helper"})


async def test_the_guard_says_how_a_bound_token_is_shown(guarded: Guarded) -> None:
    """RFC 9449 §7.1: a DPoP challenge that names algorithms and error."""
    plain = await guarded.get(("Authorization", f"Bearer {BOUND}"))
    twice = await guarded.get(
        ("Authorization", f"DPoP {BOUND}"), ("DPoP", proof()), ("DPoP", proof())
    )

    for answer, error in ((plain, "invalid_token"), (twice, "invalid_dpop_proof")):
        challenge = answer.headers["WWW-Authenticate"]
        assert answer.status == 401
        assert challenge.startswith('DPoP realm="orders"')
        assert f'error="{error}"' in challenge
        assert 'algs="ES256 EdDSA"' in challenge
