"""Remembering which proofs were used, for as long as they would be accepted (RFC 9449 §11.1)."""

from collections import Counter
from typing import Final, Protocol

from broker.clock import Clock

KEPT_MS: Final = 120_000
"""How long a proof is remembered at least: longer than it is accepted, on any clock that is not
further from ours than a proof may be ahead."""

MAX_PER_KEY: Final = 20_000
"""Proofs of one key that are remembered at one time: eighty a second, without a pause."""

MAX_PROOFS: Final = 200_000
"""Of all keys together: some 50 MB."""


class ReplaysFullError(Exception):
    """No room to remember another proof, so none can be accepted. Try again in a minute (C6)."""


class Replays(Protocol):
    """Knows which proofs were used within the last ``KEPT_MS``.

    Nothing that is still needed is forgotten to make room: whoever is full refuses (C6).
    """

    async def is_first(self, key: str, proof: str) -> bool:
        """Remember a proof of a key; tell whether it was not there before.

        Both are hashes. Of two calls at once with the same, one gets True.

        Raises:
            ReplaysFullError: there is no room.
        """
        ...


class _Generation:
    """The proofs of one stretch of time."""

    def __init__(self) -> None:
        self.proofs: set[tuple[str, str]] = set()
        self.counts: Counter[str] = Counter()


class MemoryReplays:
    """Remembers in this process: for a resource server that is one process, and for tests.

    Two generations, each as long as a proof has to be remembered: the older one is dropped whole.
    """

    def __init__(
        self, clock: Clock, *, max_proofs: int = MAX_PROOFS, max_per_key: int = MAX_PER_KEY
    ) -> None:
        self._clock = clock
        self._max_proofs = max_proofs
        self._max_per_key = max_per_key
        self._older, self._newer = _Generation(), _Generation()
        self._since_ms = clock.monotonic_ms()

    async def is_first(self, key: str, proof: str) -> bool:
        """Remember a proof; see :class:`Replays`."""
        self._turn()
        older, newer = self._older, self._newer
        if (key, proof) in older.proofs or (key, proof) in newer.proofs:
            return False
        is_full = len(older.proofs) + len(newer.proofs) >= self._max_proofs
        if is_full or older.counts[key] + newer.counts[key] >= self._max_per_key:
            raise ReplaysFullError
        newer.proofs.add((key, proof))
        newer.counts[key] += 1
        return True

    def _turn(self) -> None:
        now_ms = self._clock.monotonic_ms()
        passed = (now_ms - self._since_ms) // KEPT_MS
        if passed >= 1:
            self._older = self._newer if passed == 1 else _Generation()
            self._newer = _Generation()
            self._since_ms = now_ms
