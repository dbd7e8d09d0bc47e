"""Evidence that was used where policy wants it used once, shared by all brokers (A14, B20, B21).

One key for each piece of evidence, spread over the buckets by its name, until the evidence itself
has ended: nothing that still counts is dropped to make room.
"""

from dataclasses import dataclass
from typing import Final

from broker.clock import Clock
from broker.store import scripts
from broker.store.keyspace import Keyspace
from broker.store.limits import Limits
from broker.store.link import Link
from broker.store.refusals import accept

AFTERWARDS_MS: Final = 300_000
"""How long evidence is remembered beyond its end. Each broker judges by its own clock whether it
has ended, and two that give access are at most twice ``clock.max_skew_ms``, two minutes, apart."""


CLOCKS_APART_MS: Final = 120_000
"""How far the clocks of two brokers, or a broker's and the ledger's, are apart at most: twice the
most that ``clock.max_skew_ms`` may be."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """When evidence is good: nobody takes it before ``begins_at_ms`` or from ``expires_at_ms``."""

    begins_at_ms: int
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Use:
    """What evidence is used for: ``operation`` names it, ``digest`` is that of the request."""

    operation: str
    digest: str


class EvidenceLedger:
    """What evidence was used for. ``clock`` is the one that evidence is judged by."""

    def __init__(self, link: Link, keys: Keyspace, limits: Limits, clock: Clock) -> None:
        self._link = link
        self._keys = keys
        self._limits = limits
        self._clock = clock

    async def is_first(self, evidence: str, lasting: Lasting, use: Use) -> bool:
        """Use evidence up; tell whether nothing else has used it. ``evidence`` is its name.

        What may have been used before the ledger went back counts as used, for that is forgotten.

        Raises:
            IdempotencyConflictError: the same operation has used it, for another request.
            StoreUnavailableError: nobody can say; the evidence must be refused.
        """
        left_ms = max(0, lasting.expires_at_ms - self._clock.now_ms())
        bucket = self._keys.of_evidence(evidence)
        kept_ms, known_ms = left_ms + AFTERWARDS_MS, self._limits.retention_ms
        surely_ms = lasting.begins_at_ms - CLOCKS_APART_MS
        reply = await self._link.run(
            scripts.EVIDENCE_USE,
            [bucket.evidence(evidence), bucket.meta],
            [use.operation, use.digest, kept_ms, known_ms, surely_ms],
        )
        return reply != ["used"] and bool(accept(reply))
