"""Issuers that lie, drip, hang or are gone, as real HTTP servers: nothing opens, nobody waits.

Each test has two: one that misbehaves, and an honest one whose tokens go on being accepted.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest

from broker.attestation.assembly import build_attestation
from broker.attestation.attestation import Attestation
from broker.attestation.reasons import Reason
from broker.attestation.settings import AttestationSettings
from broker.attestation.url_reader import open_key_session
from broker.errors import AttestationError
from tests.fakes.attestation import DECLARED, Watcher, honest_claims, stanza
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import (
    EC_256_OTHER,
    RSA_2048,
    FakeIssuer,
    Signer,
    public_jwk,
)
from tests.fakes.until import until

MOODS = ["hang", "drip", "redirect", "garbage", "html", "gzip", "bomb", "flood", "error", "cut"]
MOODS += ["nested"]
SLOW = {"hang", "drip"}


class Pair:
    """A liar and an honest issuer, both trusted."""

    def __init__(self, *, discovers: bool, timeout_s: int = 30) -> None:
        self.clock, self.watcher = FakeClock(), Watcher()
        self.liar, self.honest = FakeIssuer(Signer()), FakeIssuer(Signer(key=EC_256_OTHER))
        self._discovers = discovers
        self._timeout_s = timeout_s
        self.attestation: Attestation

    async def open(self, stack: AsyncExitStack) -> None:
        """Start both, and trust them."""
        for fake in (self.liar, self.honest):
            await fake.start()
            stack.push_async_callback(fake.stop)
        settings = AttestationSettings(
            (self._trust("liar", self.liar, self._timeout_s), self._trust("honest", self.honest))
        )
        assert not list(settings.faults())
        session = await stack.enter_async_context(open_key_session())
        self.attestation = build_attestation(
            settings, session, clock=self.clock, observer=self.watcher
        )
        stack.push_async_callback(self.attestation.close)

    def _trust(self, name: str, fake: FakeIssuer, timeout_s: int = 30) -> Any:
        source: dict[str, object] = {"discovery": True} if self._discovers else {"url": fake.url}
        keys = {**source, "timeout_seconds": timeout_s}
        return stanza(**{**DECLARED, "name": name, "issuer": fake.issuer, "keys": keys})

    def token(self, fake: FakeIssuer, **header: object) -> str:
        """Sign an honest token of one of them."""
        return fake.signer.sign(honest_claims(self.clock, iss=fake.issuer), **header)

    async def know(self) -> None:
        """Have the liar's keys while it is still honest, however busy this machine is."""
        while "liar" in self.attestation.without_keys():
            self.clock.advance(10_000)
            with suppress(AttestationError):
                await self.attestation.attest(self.token(self.liar))

    async def reason(self, token: str) -> str:
        """Return the word with which a token is refused."""
        with pytest.raises(AttestationError) as caught:
            await self.attestation.attest(token)
        return caught.value.reason


@pytest.fixture(params=[False, True], ids=["url", "discovery"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    """Run both issuers, trusted by URL and by discovery."""
    # A slow answer is waited for; so that this does not take long, it is not waited for long.
    mood = request.node.callspec.params.get("mood")
    both = Pair(discovers=request.param, timeout_s=1 if mood in SLOW else 30)
    async with AsyncExitStack() as stack:
        await both.open(stack)
        yield both


@pytest.mark.parametrize("mood", MOODS)
async def test_b6_an_issuer_that_lies_from_the_start_opens_nothing(pair: Pair, mood: str) -> None:
    """B6, B28: its tokens are refused, the honest ones pass; no redirect is followed."""
    pair.liar.mood = mood

    refused, accepted = await asyncio.gather(
        pair.reason(pair.token(pair.liar)), pair.attestation.attest(pair.token(pair.honest))
    )

    assert refused == Reason.KEYS_MISSING
    assert accepted.issuer == pair.honest.issuer
    assert pair.liar.others == 0
    assert pair.attestation.without_keys() == ("liar",)


@pytest.mark.parametrize("mood", ["hang"])
async def test_b6_a_hanging_issuer_holds_up_no_other(pair: Pair, mood: str) -> None:
    """B6: while one is waited for, the other's tokens are judged to the end."""
    pair.liar.mood = mood
    waiting = asyncio.create_task(pair.reason(pair.token(pair.liar)))
    await until(lambda: pair.liar.fetches > 0)

    await pair.attestation.attest(pair.token(pair.honest))

    assert await waiting == Reason.KEYS_MISSING


@pytest.mark.parametrize("mood", ["hang", "redirect", "garbage", "html", "error", "cut"])
async def test_b8_an_issuer_that_turns_to_lying_keeps_its_last_keys(pair: Pair, mood: str) -> None:
    """B8: GHSA-fhv5; known keys go on, new ones are not taken, and after an hour it is over."""
    await pair.know()
    pair.liar.mood = mood
    pair.clock.advance(10_000)

    assert await pair.reason(pair.token(pair.liar, kid="new")) == Reason.UNKNOWN_KEY
    assert await pair.attestation.attest(pair.token(pair.liar))

    pair.clock.advance(3_600_000 - 10_000 + 1)
    later = pair.token(pair.liar)
    assert await pair.reason(later) == Reason.KEYS_STALE
    assert await pair.attestation.attest(pair.token(pair.honest))


async def test_b8_an_issuer_that_comes_back_is_believed_again(pair: Pair) -> None:
    """B8: nobody has to do anything."""
    pair.liar.mood = "error"
    assert await pair.reason(pair.token(pair.liar)) == Reason.KEYS_MISSING
    pair.liar.mood = "good"
    pair.clock.advance(10_000)

    assert await pair.attestation.attest(pair.token(pair.liar))


async def test_b9_every_rotation_is_followed_and_the_old_key_ends(pair: Pair) -> None:
    """B9: a new key works at the first token after the cool-down; a removed one is refused."""
    for number in range(2, 6):
        old = pair.token(pair.liar)
        await pair.attestation.attest(old)
        pair.liar.signer.rotate(f"k{number}")
        pair.clock.advance(10_000)

        assert await pair.attestation.attest(pair.token(pair.liar))
        assert await pair.reason(old) == Reason.UNKNOWN_KEY


async def test_b9_an_issuer_that_has_revoked_all_its_keys_has_none(pair: Pair) -> None:
    """B9: an empty set is an answer: nothing of it is accepted any more."""
    await pair.attestation.attest(pair.token(pair.liar))
    pair.liar.signer.members = []
    pair.clock.advance(10_000)
    await pair.reason(pair.token(pair.liar, kid="look"))

    assert await pair.reason(pair.token(pair.liar)) == Reason.UNKNOWN_KEY


POISON: dict[str, object] = {
    "alg none": {"kty": "RSA", "kid": "x", "alg": "none", "n": "AQAB", "e": "AQAB"},
    "no type": {"kid": "x"},
    "unknown type": {"kty": "AKP", "kid": "x", "alg": "ML-DSA-44", "pub": "AA"},
    "symmetric": {"kty": "oct", "kid": "x", "k": "c2VjcmV0"},
    "private": {**public_jwk(RSA_2048, "x", "RS256"), "d": "AQAB"},
    "for encryption": {**public_jwk(EC_256_OTHER, "x", "ES256"), "use": "enc"},
    "off the curve": {"kty": "EC", "crv": "P-256", "kid": "x", "x": "A" * 43, "y": "A" * 43},
    "no object": "x",
    "null": None,
    "number": 1,
    "list": [],
    "kid of a list": {**public_jwk(EC_256_OTHER, "x", "ES256"), "kid": ["x"]},
    "kid of megabytes": {**public_jwk(EC_256_OTHER, "x", "ES256"), "kid": "x" * 100_000},
    "nested": {"kty": {"kty": {"kty": "EC"}}, "kid": "x"},
}


@pytest.mark.parametrize("member", POISON.values(), ids=POISON.keys())
async def test_b10_a_poisoned_member_costs_itself_and_never_the_set(
    pair: Pair, member: object
) -> None:
    """B10: GHSA-w6j9; one member with alg none made a library give up the whole set."""
    pair.liar.signer.members = [member, *pair.liar.signer.members, member]

    assert await pair.attestation.attest(pair.token(pair.liar))
    assert await pair.reason(pair.token(pair.liar, kid="x")) == Reason.UNKNOWN_KEY


async def test_b10_a_kid_that_two_keys_bear_names_neither(pair: Pair) -> None:
    """B10: nobody can say which was meant, so an attacker's twin gains nothing."""
    good = pair.liar.signer.members[0]
    twin = public_jwk(EC_256_OTHER, "k1", "ES256")
    other = public_jwk(EC_256_OTHER, "k2", "ES256")
    for members in ([good, twin, other], [twin, good, other], [good, good, other]):
        pair.liar.signer.members = members
        pair.clock.advance(10_000)
        assert await pair.reason(pair.token(pair.liar)) == Reason.UNKNOWN_KEY


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":null}',
        b'{"keys":"x"}',
        b'{"keys":[{"kty":"oct"}]}',
        b'{"keys":[],"keys":[]}',
        b'{"Keys":[]}',
        b'{"keys":[' + b"1," * 300 + b"1]}",
        b'{"keys":[' + b"[" * 50 + b"]" * 50 + b"]}",
        b'{"keys":[NaN]}',
        b'\xef\xbb\xbf{"keys":[]}',
    ],
)
async def test_b10_what_is_no_key_set_replaces_none(pair: Pair, document: bytes) -> None:
    """B10, B8: a malformed answer is a mistake, not a revocation: the last good set goes on."""
    await pair.attestation.attest(pair.token(pair.liar))
    pair.liar.signer.jwks = lambda: document  # type: ignore[method-assign]  # of this one issuer
    pair.clock.advance(10_000)
    await pair.reason(pair.token(pair.liar, kid="look"))

    assert await pair.attestation.attest(pair.token(pair.liar, typ=None))


async def test_b11_metadata_that_name_another_issuer_or_place_lead_nowhere() -> None:
    """B11, C8: hermes-agent#116373, twenty#25638; the canary they point to hears nothing."""
    pair = Pair(discovers=True)
    async with AsyncExitStack() as stack:
        await pair.open(stack)
        elsewhere = f"{pair.honest.issuer}/elsewhere"
        for metadata in (
            {"issuer": pair.honest.issuer},
            {"issuer": pair.honest.issuer, "jwks_uri": elsewhere},
            {"issuer": f"{pair.liar.issuer}/", "jwks_uri": elsewhere},
            {"jwks_uri": "http://169.254.169.254/latest/meta-data"},
            {"jwks_uri": "file:///etc/passwd"},
            {"jwks_uri": None},
        ):
            pair.liar.metadata = metadata
            pair.clock.advance(10_000)
            assert await pair.reason(pair.token(pair.liar)) == Reason.KEYS_MISSING
        assert (pair.honest.others, pair.liar.fetches) == (0, 0)


async def test_b7_a_storm_of_unknown_kids_costs_one_look_at_a_time(pair: Pair) -> None:
    """B7: GHSA-2gx3; hundreds at once share one look, and known keys do not wait for it."""
    await pair.attestation.attest(pair.token(pair.liar))
    before = pair.liar.fetches
    pair.clock.advance(10_000)
    storm = [pair.reason(pair.token(pair.liar, kid=f"x{number}")) for number in range(200)]

    reasons = await asyncio.gather(*storm)

    assert set(reasons) == {Reason.UNKNOWN_KEY}
    assert pair.liar.fetches == before + 1


async def test_an_issuer_that_is_gone_opens_nothing(pair: Pair) -> None:
    """B6: nobody listens at its address."""
    await pair.liar.stop()

    assert await pair.reason(pair.token(pair.liar)) == Reason.KEYS_MISSING
    assert await pair.attestation.attest(pair.token(pair.honest))
