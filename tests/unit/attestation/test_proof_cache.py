import pytest

from broker.attestation.attested import Attested
from broker.attestation.dates import Validity
from broker.attestation.proof_cache import ProofCache
from broker.attestation.trusted_issuer import Proof
from broker.model.principal import Kind
from tests.fakes.clock import FakeClock


def proof(name: str = "bot") -> Proof:
    """Make a proof."""
    attested = Attested(Kind.AGENT, name, "acme", "pod", "https://i", "s", 1)
    return Proof(attested, Validity(0, 1), 1)


@pytest.mark.parametrize(("age_ms", "is_known"), [(9_999, True), (10_000, False), (10_001, False)])
def test_a_proof_is_forgotten_after_ten_seconds(age_ms: int, *, is_known: bool) -> None:
    """It spares the signature for that long and no longer."""
    clock = FakeClock()
    cache = ProofCache(clock)
    cache.remember("token", proof())
    clock.advance(age_ms)
    assert (cache.recall("token") is not None) is is_known


def test_only_the_very_same_token_is_recalled() -> None:
    """Another spelling is another token."""
    cache = ProofCache(FakeClock())
    cache.remember("token", proof())
    for other in ("token=", "Token", "token ", "", "\ud800"):
        assert cache.recall(other) is None


def test_b19_it_never_holds_more_than_its_bound() -> None:
    """The oldest goes first."""
    cache = ProofCache(FakeClock(), max_proofs=3)
    for number in range(10):
        cache.remember(f"t{number}", proof())
    assert len(cache) == 3
    assert cache.recall("t6") is None
    assert cache.recall("t7") is not None


def test_forgotten_proofs_do_not_stay_in_memory() -> None:
    """A new proof sweeps out the old ones."""
    clock = FakeClock()
    cache = ProofCache(clock)
    for number in range(100):
        cache.remember(f"t{number}", proof())
    clock.advance(10_000)
    cache.remember("new", proof())
    assert len(cache) == 1


def test_a_renewed_proof_lives_anew() -> None:
    """Remembering again replaces the proof and its end."""
    clock = FakeClock()
    cache = ProofCache(clock)
    cache.remember("token", proof("old"))
    clock.advance(9_000)
    cache.remember("token", proof("new"))
    clock.advance(9_000)
    recalled = cache.recall("token")
    assert recalled is not None
    assert recalled.attested.name == "new"


def test_a_renewed_proof_does_not_keep_older_ones_in_memory() -> None:
    """It moves to the end of the line."""
    clock = FakeClock()
    cache = ProofCache(clock)
    cache.remember("renewed", proof())
    clock.advance(1_000)
    cache.remember("old", proof())
    clock.advance(8_000)
    cache.remember("renewed", proof())
    clock.advance(2_000)
    cache.remember("new", proof())
    assert len(cache) == 2


def test_i13_it_holds_no_token() -> None:
    """Only a digest is kept."""
    cache = ProofCache(FakeClock())
    cache.remember("canary7", proof())
    assert "canary7" not in repr(vars(cache))
