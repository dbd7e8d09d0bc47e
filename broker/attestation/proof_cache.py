"""Remembers for a few seconds which tokens were verified: a hot agent costs one signature check.

It holds no token, only digests. It only spares the signature: dates are judged at each use, and a
change of the issuer's keys forgets the proof. It is no replay cache, and must not become one: one
signature has several spellings (B20).
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from broker.attestation.trusted_issuer import Proof
from broker.clock import Clock

REMEMBERED_MS: Final = 10_000
MAX_PROOFS: Final = 10_000
"""About 15 MB."""


@dataclass(frozen=True, slots=True)
class _Entry:
    proof: Proof
    until_ms: int


class ProofCache:
    """Proofs by token, the oldest forgotten first."""

    def __init__(
        self, clock: Clock, *, remembered_ms: int = REMEMBERED_MS, max_proofs: int = MAX_PROOFS
    ) -> None:
        self._clock = clock
        self._remembered_ms = remembered_ms
        self._max_proofs = max_proofs
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def recall(self, token: str) -> Proof | None:
        """Return the proof of this very token, unless it is forgotten."""
        entry = self._entries.get(_digest(token))
        if entry is None or self._clock.monotonic_ms() >= entry.until_ms:
            return None
        return entry.proof

    def remember(self, token: str, proof: Proof) -> None:
        """Keep a fresh proof, and drop what is too old or too much."""
        now_ms = self._clock.monotonic_ms()
        digest = _digest(token)
        self._entries[digest] = _Entry(proof, now_ms + self._remembered_ms)
        self._entries.move_to_end(digest)
        # All live equally long, so the first is always the oldest.
        while len(self._entries) > self._max_proofs or self._is_first_forgotten(now_ms):
            self._entries.popitem(last=False)

    def _is_first_forgotten(self, now_ms: int) -> bool:
        first = next(iter(self._entries.values()))
        return now_ms >= first.until_ms


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
