"""The keys that a broker makes nonces of."""

from broker.errors import UnavailableError
from broker.proof.nonces import DpopNonces
from broker.proving import NonceKeys
from broker.signing.key import SigningKey, new_private_key
from broker.signing.keyring import Keyring
from tests.fakes.clock import FakeClock

KEY = SigningKey("k1", new_private_key("EdDSA"))
MANIFEST = [{"kid": "k1", "alg": "EdDSA", "state": "active", "jwk": KEY.jwk}]


class Replica:
    """Has keys, or has not."""

    def __init__(self, keyring: Keyring | None) -> None:
        self._keyring = keyring

    @property
    def keyring(self) -> Keyring:
        """Return them."""
        if self._keyring is None:
            raise UnavailableError("no signing keys are published")
        return self._keyring


def nonces(keyring: Keyring | None) -> DpopNonces:
    """Make the nonces of one replica."""
    return DpopNonces(FakeClock(), NonceKeys(Replica(keyring)))


def test_replicas_with_the_same_signing_key_know_each_other_s_nonces() -> None:
    """They share nothing else."""
    here, there = nonces(Keyring([KEY], MANIFEST)), nonces(Keyring([KEY], MANIFEST))

    assert here.newest() == there.newest()


def test_a_replica_without_private_keys_has_nonces_of_its_own() -> None:
    """It may still take access away; it believes nobody else's, and nobody believes its."""
    whole = nonces(Keyring([KEY], MANIFEST))

    for alone in (nonces(None), nonces(Keyring((), MANIFEST))):
        assert alone.is_good(alone.newest())
        assert not whole.is_good(alone.newest())
        assert not alone.is_good(whole.newest())
