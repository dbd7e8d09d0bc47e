from pathlib import Path

import pytest

from broker.attestation.assembly import build_attestation
from broker.attestation.key_source import open_key_session
from broker.attestation.reasons import Reason
from broker.errors import AttestationError
from tests.fakes.attestation import Watcher, honest_claims, settings_of
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import FakeIssuer, Signer


async def test_an_issuer_with_a_file_of_keys_is_trusted(tmp_path: Path) -> None:
    """A replaced file takes effect after the cool-down, once a token names a new key."""
    clock, signer, path = FakeClock(), Signer(), tmp_path / "keys.json"
    path.write_bytes(signer.jwks())
    settings = settings_of(keys={"file": str(path)})
    async with open_key_session() as session:
        attestation = build_attestation(settings, session, clock=clock, observer=Watcher())
        old = signer.sign(honest_claims(clock))
        assert await attestation.attest(old)

        signer.rotate("k2")
        path.write_bytes(signer.jwks())
        clock.advance(10_000)

        assert await attestation.attest(signer.sign(honest_claims(clock)))
        with pytest.raises(AttestationError) as caught:
            await attestation.attest(old)
        assert caught.value.reason == Reason.UNKNOWN_KEY


async def test_b9_an_issuer_with_a_url_of_keys_is_trusted_through_its_rotations() -> None:
    """Over real HTTP: every rotation is followed, and every look is counted."""
    clock, fake = FakeClock(), FakeIssuer(Signer())
    await fake.start()
    settings = settings_of(keys={"url": fake.url})
    async with open_key_session() as session:
        attestation = build_attestation(settings, session, clock=clock, observer=Watcher())
        await attestation.start()
        for number in range(2, 6):
            fake.signer.rotate(f"k{number}")
            clock.advance(10_000)
            assert await attestation.attest(fake.signer.sign(honest_claims(clock)))
        await attestation.close()
    await fake.stop()
    assert fake.fetches == 5


@pytest.mark.parametrize(
    "mood", ["hang", "redirect", "garbage", "html", "gzip", "flood", "error", "cut"]
)
async def test_b8_a_misbehaving_url_leaves_the_last_keys_in_force(mood: str) -> None:
    """Whatever the issuer answers now, tokens of its known key pass and others are refused."""
    clock, fake, watcher = FakeClock(), FakeIssuer(Signer()), Watcher()
    await fake.start()
    settings = settings_of(keys={"url": fake.url, "timeout_seconds": 1})
    async with open_key_session() as session:
        attestation = build_attestation(settings, session, clock=clock, observer=watcher)
        await attestation.start()
        fake.mood = mood
        clock.advance(10_000)

        with pytest.raises(AttestationError) as caught:
            await attestation.attest(fake.signer.sign(honest_claims(clock), kid="other"))

        assert caught.value.reason == Reason.UNKNOWN_KEY
        assert await attestation.attest(fake.signer.sign(honest_claims(clock)))
        await attestation.close()
    await fake.stop()
    assert len(watcher.failures) == 1
    assert fake.others == 0
