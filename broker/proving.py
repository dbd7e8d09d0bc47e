"""How this broker checks proofs of possession: its own address, and nonces that all replicas know.

The keys of nonces are derived from the signing keys, which every replica of an installation has and
nobody else. A replica that has none, and so can only take access away, uses a key of its own: who
revokes by a proof is still heard there.
"""

import secrets
from typing import Protocol

from broker.clock import Clock
from broker.errors import UnavailableError
from broker.http.possession import Possession
from broker.proof.dpop import ProofChecker
from broker.proof.nonces import KEY_BYTES, DpopNonces
from broker.proof.replays import Replays
from broker.settings.settings import Settings
from broker.signing.keyring import Keyring


class Holder(Protocol):
    """Who has the signing keys."""

    @property
    def keyring(self) -> Keyring:
        """Return them as they are now, or raise UnavailableError."""
        ...


class NonceKeys:
    """The keys that nonces are made of, now: of the published signing keys, then our own."""

    def __init__(self, holder: Holder) -> None:
        self._holder = holder
        self._alone = secrets.token_bytes(KEY_BYTES)

    def __call__(self) -> tuple[bytes, ...]:
        """Return them; the first is to be used."""
        try:
            shared = self._holder.keyring.nonce_keys()
        except UnavailableError:
            shared = ()
        return (*shared, self._alone)


def possession_of(settings: Settings, clock: Clock, replays: Replays, holder: Holder) -> Possession:
    """Build what checks the proofs of requests."""
    nonces = None
    if settings.dpop.require_nonce:
        window_ms = settings.dpop.nonce_seconds * 1000
        nonces = DpopNonces(clock, NonceKeys(holder), window_ms=window_ms)
    return Possession(ProofChecker(clock, replays, nonces), settings.issuer, nonces)
