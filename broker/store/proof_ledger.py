"""Proofs of possession that were used, shared by all brokers (RFC 9449 §11.1, C6).

A set of hashes for each key, in a slot of its own: a captured proof is refused by whichever broker
it is played to, and a flood of one key's proofs costs only that key.
"""

from typing import Final

from broker.proof.replays import KEPT_MS, ReplaysFullError
from broker.store import scripts
from broker.store.keyspace import Keyspace
from broker.store.link import Link

MAX_PER_KEY: Final = 5_000
"""Forty a second, without a pause: an agent asks for a credential far less often."""

_FULL: Final = -1


class ProofLedger:
    """The :class:`~broker.proof.replays.Replays` of the broker itself."""

    def __init__(self, link: Link, keys: Keyspace, *, max_per_key: int = MAX_PER_KEY) -> None:
        self._link = link
        self._keys = keys
        self._max_per_key = max_per_key

    async def is_first(self, key: str, proof: str) -> bool:
        """Remember a proof of a key; tell whether it was not there before.

        Raises:
            ReplaysFullError: this key has used too many.
            StoreUnavailableError: nobody can say; the proof must be refused.
        """
        used = self._keys.proofs(key)
        reply = await self._link.run(scripts.PROOF_USE, [used], [proof, KEPT_MS, self._max_per_key])
        if reply == _FULL:
            raise ReplaysFullError
        return bool(reply == 1)
