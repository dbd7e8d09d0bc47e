"""Resource servers that want nonces in proofs (RFC 9449 §9), and clients that heed them."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from msgspec.structs import replace

from broker.client.asgi import BearerGuard, Receive, Scope, Send
from broker.client.bearer import Presented
from broker.client.errors import NonceMissingError, ProofRefusedError
from broker.client.held import Asked, HeldCredential
from broker.client.liveness import OfflineLiveness
from broker.client.middleware import bearer
from broker.client.possession import Possession
from broker.client.results import IssuedCredential
from broker.client.verifier import Verifier
from broker.proof.dpop_key import DpopKey
from broker.proof.nonces import NONCE_HEADER, DpopNonces
from broker.secret import Secret
from tests.fakes import token_mint as mint
from tests.fakes.asgi import ask
from tests.fakes.clock import FakeClock
from tests.fakes.delivered import issued

BASE = "https://orders.example"
URL = f"{BASE}/orders"
SHARED = b"s" * 32


class Bench:
    """One resource server's verifier, a key, and a token that is bound to it."""

    def __init__(self, key: bytes = SHARED) -> None:
        self.clock = FakeClock(now_ms=mint.NOW_MS)
        self.key = DpopKey.generate(self.clock)
        self.token = mint.token(cnf={"jkt": self.key.thumbprint})
        self.nonces = DpopNonces.of_key(self.clock, key)
        self.verifier = self.made()

    def made(self) -> Verifier:
        """Make the verifier of another process of the same server."""
        return Verifier(
            mint.ISSUER,
            mint.AUDIENCE,
            keys=mint.fixed_keys(),
            liveness=OfflineLiveness(),
            clock=self.clock,
            possession=Possession(self.clock, base_url=BASE, nonces=self.nonces),
        )

    def headers(self) -> dict[str, str]:
        """Return the headers of one request."""
        return self.key.headers("GET", URL, token=self.token)

    def presented(self) -> Presented:
        """Return one request."""
        headers = self.headers()
        return Presented(
            (headers["Authorization"],), method="GET", path="/orders", proofs=(headers["DPoP"],)
        )


@pytest.fixture
def bench() -> Bench:
    """Make one."""
    return Bench()


async def test_a_plain_call_learns_the_nonce_from_the_refusal(bench: Bench) -> None:
    """And is let in with it, as often as there are new proofs."""
    with pytest.raises(NonceMissingError) as refused:
        await bench.verifier.admit(bench.presented())
    bench.key.heed(URL, {NONCE_HEADER: refused.value.nonce})

    for _ in range(2):
        assert await bench.verifier.admit(bench.presented())


async def test_the_nonce_of_another_process_of_the_server_is_good(bench: Bench) -> None:
    """Made of one key; that of another server is not."""
    bench.key.heed(URL, {NONCE_HEADER: DpopNonces.of_key(bench.clock, SHARED).newest()})
    assert await bench.made().admit(bench.presented())

    bench.key.heed(URL, {NONCE_HEADER: DpopNonces.of_key(bench.clock, b"o" * 32).newest()})
    with pytest.raises(NonceMissingError):
        await bench.verifier.admit(bench.presented())


async def test_another_fault_is_told_as_what_it_is(bench: Bench) -> None:
    """A nonce would not mend it."""
    other = DpopKey.generate(bench.clock).headers("GET", URL, token=bench.token)
    presented = Presented(
        (other["Authorization"],), method="GET", path="/orders", proofs=(other["DPoP"],)
    )

    with pytest.raises(ProofRefusedError) as refused:
        await bench.verifier.admit(presented)
    assert not isinstance(refused.value, NonceMissingError)


async def orders(_: web.Request) -> web.Response:
    """Answer."""
    return web.Response()


@pytest.fixture
async def server(bench: Bench) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """Serve orders by aiohttp."""
    app = web.Application(middlewares=[bearer(bench.verifier, realm="orders")])
    app.router.add_get("/orders", orders)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_aiohttp_asks_for_the_nonce_and_takes_it(
    bench: Bench, server: TestClient[web.Request, web.Application]
) -> None:
    """401 with the challenge and exactly one header (§9)."""
    refused = await server.get("/orders", headers=bench.headers())
    assert refused.status == 401
    assert 'error="use_dpop_nonce"' in refused.headers["WWW-Authenticate"]
    assert refused.headers["WWW-Authenticate"].startswith("DPoP ")
    assert len(refused.headers.getall(NONCE_HEADER)) == 1

    assert bench.key.heed(URL, refused.headers)
    assert (await server.get("/orders", headers=bench.headers())).status == 200


async def whoami(_: Scope, __: Receive, send: Send) -> None:
    """Answer."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_asgi_asks_for_the_nonce_and_takes_it(bench: Bench) -> None:
    """As aiohttp does."""
    guard = BearerGuard(whoami, verifier=bench.verifier, realm="orders")

    def scope() -> Scope:
        headers = [(name.lower().encode(), text.encode()) for name, text in bench.headers().items()]
        return {
            "type": "http",
            "method": "GET",
            "path": "/orders",
            "raw_path": b"/orders",
            "headers": headers,
        }

    refused = await ask(guard, scope())
    assert refused.status == 401
    assert 'error="use_dpop_nonce"' in refused.header(b"www-authenticate")
    assert bench.key.heed(URL, {NONCE_HEADER: refused.header(NONCE_HEADER.lower().encode())})
    assert (await ask(guard, scope())).status == 200


async def test_a_held_credential_heeds_its_resource_server(bench: Bench) -> None:
    """Once for each nonce: who is told the same again has nothing to try."""

    async def never(*, idempotency_key: str) -> IssuedCredential:
        pytest.fail(f"nothing is due yet ({idempotency_key})")

    first = replace(issued(token_type="DPoP"), access_token=Secret(bench.token))
    held = HeldCredential(first, Asked.now(bench.clock), never, clock=bench.clock, key=bench.key)

    assert held.heed(URL, {NONCE_HEADER: bench.nonces.newest()})
    assert not held.heed(URL, {NONCE_HEADER: bench.nonces.newest()})
    headers = await held.headers("GET", URL)
    presented = Presented(
        (headers["Authorization"],), method="GET", path="/orders", proofs=(headers["DPoP"],)
    )
    assert await bench.verifier.admit(presented)
