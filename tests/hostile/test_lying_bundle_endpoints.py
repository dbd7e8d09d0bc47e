"""Bundle endpoints that lie, drip, hang or answer giants, of both profiles: nobody else waits.

Each test has two trust domains: one whose endpoint misbehaves, and an honest one.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from broker.attestation.assembly import build_attestation
from broker.attestation.attestation import Attestation
from broker.attestation.reasons import Reason
from broker.attestation.settings import AttestationSettings
from broker.attestation.url_reader import open_key_session
from broker.errors import AttestationError
from tests.fakes.attestation import AUDIENCE, Watcher
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import FakeIssuer
from tests.fakes.spiffe import declare_domain
from tests.fakes.trust_domain import FakeTrustDomain
from tests.fakes.until import until

MOODS = ["hang", "drip", "redirect", "garbage", "html", "gzip", "bomb", "flood", "error", "cut"]
MOODS += ["nested"]
SLOW = {"hang", "drip"}
PROFILES = ["https_web", "https_spiffe"]
SERVER_PATH = "/spire/server"


class Pair:
    """Two trust domains behind endpoints of one profile, both declared."""

    def __init__(self, profile: str, folder: Path, *, timeout_s: int) -> None:
        self.clock, self.watcher = FakeClock(), Watcher()
        self.liar, self.honest = FakeTrustDomain("liar.example"), FakeTrustDomain("prod.example")
        self.servers = {each.name: FakeIssuer(each) for each in (self.liar, self.honest)}
        self._profile, self._folder, self._timeout_s = profile, folder, timeout_s
        self.attestation: Attestation

    @property
    def server(self) -> FakeIssuer:
        """The endpoint that misbehaves."""
        return self.servers[self.liar.name]

    async def open(self, stack: AsyncExitStack) -> None:
        """Start both, and declare them."""
        for domain in (self.liar, self.honest):
            await self.servers[domain.name].start(self._tls(domain))
            stack.push_async_callback(self.servers[domain.name].stop)
        declared = (self._declare(self.liar, self._timeout_s), self._declare(self.honest, 30))
        settings = AttestationSettings(trust_domains=declared)
        assert not list(settings.faults())
        session = await stack.enter_async_context(open_key_session())
        self.attestation = build_attestation(
            settings, session, clock=self.clock, observer=self.watcher
        )
        stack.push_async_callback(self.attestation.close)

    def _tls(self, domain: FakeTrustDomain) -> ssl.SSLContext | None:
        if self._profile == "https_web":
            return None  # on this machine; what a certificate of the web is worth is not ours
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*domain.x509_svid(SERVER_PATH).write(self._folder, domain.name))
        return tls

    def _declare(self, domain: FakeTrustDomain, timeout_s: int) -> Any:
        bundle = {"url": self.servers[domain.name].url, "timeout_seconds": timeout_s}
        if self._profile == "https_spiffe":
            first = self._folder / f"{domain.name}.json"
            first.write_bytes(domain.bundle())
            bundle |= {
                "profile": self._profile,
                "endpoint_id": domain.id(SERVER_PATH),
                "file": str(first),
            }
        return declare_domain(name=domain.name, trust_domain=domain.name, bundle=bundle)

    def token(self, domain: FakeTrustDomain, **header: object) -> str:
        """Sign an honest JWT-SVID of one of them."""
        now = self.clock.now_ms() // 1000
        claims = {"sub": domain.id("/agents/invoice-bot/pod-1"), "aud": [AUDIENCE]}
        return domain.jwt_svid({**claims, "exp": now + 300, "iat": now}, **header)

    async def reason(self, token: str) -> str:
        """Return the word with which a token is refused."""
        with pytest.raises(AttestationError) as caught:
            await self.attestation.attest(token)
        return caught.value.reason

    async def know(self) -> None:
        """Have the liar's bundle while it is still honest, however busy this machine is."""
        while "liar.example" in self.attestation.without_keys():
            self.clock.advance(10_000)
            await self.attestation.start()


@pytest.fixture(params=PROFILES)
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    """Run both endpoints, trusted by each profile."""
    # A slow answer is waited for; so that this does not take long, it is not waited for long.
    mood = request.node.callspec.params.get("mood")
    both = Pair(request.param, tmp_path, timeout_s=1 if mood in SLOW else 30)
    async with AsyncExitStack() as stack:
        await both.open(stack)
        yield both


@pytest.mark.parametrize("mood", MOODS)
async def test_b6_an_endpoint_that_lies_from_the_start_opens_nothing(pair: Pair, mood: str) -> None:
    """B6, SP-11: its SVIDs are refused, the other domain's pass; no redirect is followed."""
    pair.server.mood = mood

    refused, accepted = await asyncio.gather(
        pair.reason(pair.token(pair.liar)), pair.attestation.attest(pair.token(pair.honest))
    )

    assert refused == Reason.KEYS_MISSING
    assert accepted.issuer == "spiffe://prod.example"
    assert pair.server.others == 0
    assert pair.attestation.without_keys() == ("liar.example",)


@pytest.mark.parametrize("mood", ["hang"])
async def test_b6_a_hanging_endpoint_holds_up_no_other_domain(pair: Pair, mood: str) -> None:
    """B6: while one is waited for, the other's SVIDs are judged to the end."""
    pair.server.mood = mood
    waiting = asyncio.create_task(pair.reason(pair.token(pair.liar)))
    await until(lambda: pair.server.fetches > 0)

    await pair.attestation.attest(pair.token(pair.honest))

    assert await waiting == Reason.KEYS_MISSING


@pytest.mark.parametrize("mood", [mood for mood in MOODS if mood != "drip"])
async def test_b8_an_endpoint_that_turns_to_lying_keeps_its_last_bundle(
    pair: Pair, mood: str
) -> None:
    """B8: known authorities go on, new ones are not taken, and after an hour it is over."""
    await pair.know()
    pair.server.mood = mood
    pair.clock.advance(10_000)

    assert await pair.reason(pair.token(pair.liar, kid="new")) == Reason.UNKNOWN_KEY
    assert await pair.attestation.attest(pair.token(pair.liar))

    pair.clock.advance(3_600_000 - 10_000 + 1)
    assert await pair.reason(pair.token(pair.liar)) == Reason.KEYS_STALE
    assert await pair.attestation.attest(pair.token(pair.honest))


async def test_b8_an_endpoint_that_comes_back_is_believed_again(pair: Pair) -> None:
    """B8: nobody has to do anything."""
    pair.server.mood = "error"
    assert await pair.reason(pair.token(pair.liar)) == Reason.KEYS_MISSING
    pair.server.mood = "good"
    pair.clock.advance(10_000)

    assert await pair.attestation.attest(pair.token(pair.liar))
