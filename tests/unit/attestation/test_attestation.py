import asyncio

import pytest

from broker.attestation.attestation import Attestation
from broker.attestation.proof_cache import ProofCache
from broker.attestation.reasons import Reason
from broker.attestation.trusted_issuer import Proof
from broker.errors import AttestationError, KeySetUnavailableError
from broker.model.principal import Kind
from tests.fakes.attestation import (
    ISSUER,
    Bench,
    attest_with,
    honest_claims,
    trust,
)
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import (
    EC_256_OTHER,
    ScriptedSource,
    Signer,
)

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture
def bench() -> Bench:
    """Make a bench."""
    return Bench()


async def test_an_honest_token_shows_who_its_bearer_is(bench: Bench) -> None:
    """Every part of the answer comes from a declared claim."""
    attested = await bench.attestation.attest(bench.token(run=7, admin=True))

    assert attested.kind is Kind.AGENT
    assert (attested.name, attested.tenant, attested.instance) == ("invoice-bot", "acme", "pod-1")
    assert (attested.issuer, attested.subject) == (ISSUER, "invoice-bot")
    assert attested.expires_at_ms == bench.clock.now_ms() + 300_000
    assert attested.claims == {
        "sub": "invoice-bot",
        "kind": "agent",
        "instance": "pod-1",
        "tenant": "acme",
        "run": 7,
        "admin": True,
    }


async def test_b11_keys_and_issuers_are_never_mixed() -> None:
    """Of all pairs (claimed issuer, signing key) only matching ones pass, with one kid in both."""
    clock = FakeClock()
    signers = {"https://a.example": Signer(), "https://b.example": Signer(key=EC_256_OTHER)}
    attestation = attest_with(
        *(
            trust(ScriptedSource(signer.jwks()), clock, issuer=issuer, name=issuer[8:9])
            for issuer, signer in signers.items()
        ),
        clock=clock,
    )
    for claimed in signers:
        for owner, signer in signers.items():
            token = signer.sign(honest_claims(clock, iss=claimed))
            if claimed == owner:
                assert (await attestation.attest(token)).issuer == claimed
            else:
                with pytest.raises(AttestationError) as caught:
                    await attestation.attest(token)
                assert caught.value.reason == Reason.SIGNATURE


async def test_b4_b7_hostile_kids_cause_at_most_one_look(bench: Bench) -> None:
    """Two hundred names, one fetch, no other effect."""
    await bench.attestation.attest(bench.token())
    bench.clock.advance(10_000)
    kids = [f"../{number}" for number in range(100)] + [
        f"https://evil.example/{n}" for n in range(100)
    ]
    for kid in kids:
        token = bench.signer.sign(honest_claims(bench.clock), kid=kid)
        assert await bench.reason_of(token) == Reason.UNKNOWN_KEY
    assert bench.source.fetches == 2


async def test_b7_an_untrusted_issuer_causes_no_look(bench: Bench) -> None:
    """Nothing is fetched for a token that no declared issuer is asked about."""
    await bench.reason_of(bench.token(iss="https://evil.example"))
    assert bench.source.fetches == 0


@pytest.mark.parametrize("token", ["", ".", "a.b.c", "\x00", "\ud800", "A" * 20_000, "e30.e30.e30"])
async def test_b28_any_text_is_answered_with_the_one_error(bench: Bench, token: str) -> None:
    """Nothing a caller sends raises anything else."""
    assert await bench.reason_of(token) in set(Reason)


async def test_i5_without_keys_nothing_is_accepted(bench: Bench) -> None:
    """An issuer that cannot be reached is named for readiness, and its tokens are refused."""
    bench.source.is_down = True
    await bench.attestation.start()
    assert bench.attestation.without_keys() == ("example",)
    with pytest.raises(KeySetUnavailableError):
        await bench.attestation.attest(bench.token())


async def test_one_dead_issuer_does_not_hold_up_another() -> None:
    """Tokens of the living one pass while the other hangs (I11)."""
    clock = FakeClock()
    signer = Signer()
    dead = ScriptedSource(b"")
    dead.gate.clear()
    attestation = attest_with(
        trust(dead, clock, issuer="https://dead.example", name="dead"),
        trust(ScriptedSource(signer.jwks()), clock),
        clock=clock,
    )
    hanging = asyncio.create_task(
        attestation.attest(signer.sign(honest_claims(clock, iss="https://dead.example")))
    )
    await asyncio.sleep(0)

    assert await attestation.attest(signer.sign(honest_claims(clock)))

    assert not hanging.done()
    hanging.cancel()
    await attestation.close()


async def test_a_remembered_token_needs_no_signature_check(bench: Bench) -> None:
    """The second time the very same answer comes back."""
    token = bench.token()
    assert await bench.attestation.attest(token) is await bench.attestation.attest(token)


@pytest.mark.parametrize(("age_ms", "is_taken"), [(9_999, True), (10_000, False)])
async def test_b15_a_remembered_token_expires_on_time(age_ms: int, *, is_taken: bool) -> None:
    """Dates are judged at each use, to the millisecond, remembered or not."""
    bench = Bench()
    token = bench.token(exp=bench.clock.now_ms() // 1000 + 10)
    await bench.attestation.attest(token)
    bench.clock.advance(age_ms)
    if is_taken:
        assert await bench.attestation.attest(token)
    else:
        assert await bench.reason_of(token) == Reason.EXPIRED


async def test_b16_a_remembered_token_obeys_a_clock_set_back(bench: Bench) -> None:
    """Its beginning is judged again as well."""
    token = bench.token()
    await bench.attestation.attest(token)
    bench.clock.set_wall(bench.clock.now_ms() - 30_001)
    assert await bench.reason_of(token) == Reason.NOT_YET_VALID


async def test_b9_a_change_of_keys_forgets_every_proof(bench: Bench) -> None:
    """A token of a removed key is refused at once, although it was remembered."""
    await bench.attestation.start()
    bench.clock.advance(9_999)
    token = bench.token()
    await bench.attestation.attest(token)
    bench.signer.rotate("k2")
    bench.source.document = bench.signer.jwks()
    bench.clock.advance(1)
    again = bench.token()
    await bench.attestation.attest(again)

    assert await bench.reason_of(token) == Reason.UNKNOWN_KEY
    assert await bench.attestation.attest(again)


async def test_b8_a_remembered_token_does_not_outlive_its_key_set(bench: Bench) -> None:
    """With a set too stale to be trusted no proof stands."""
    bench.source.is_down = False
    await bench.attestation.start()
    bench.source.is_down = True
    bench.clock.advance(3_599_999)
    token = bench.token()
    assert await bench.attestation.attest(token)
    bench.clock.advance(2)
    assert await bench.reason_of(token) == Reason.KEYS_STALE


async def test_the_ticker_keeps_keys_fresh_without_any_caller(bench: Bench) -> None:
    """A removed key is gone before the first caller comes back."""
    await bench.attestation.start()
    token = bench.token()
    bench.source.document = b'{"keys":[]}'
    bench.clock.advance(225_000)
    bench.attestation.tick()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await bench.reason_of(token) == Reason.UNKNOWN_KEY


class RecordingCache(ProofCache):
    """A proof cache that remembers what it was asked."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.asked: list[str] = []

    def recall(self, token: str) -> Proof | None:
        """Remember the question."""
        self.asked.append(token)
        return super().recall(token)


async def test_b19_a_token_beyond_the_bound_is_not_even_hashed(bench: Bench) -> None:
    """Megabytes cost nothing."""
    cache = RecordingCache(bench.clock)
    attestation = Attestation([bench.issuer], cache)
    with pytest.raises(AttestationError) as caught:
        await attestation.attest("A" * 8_000_000)
    assert caught.value.reason == Reason.TOO_LARGE
    assert cache.asked == []
