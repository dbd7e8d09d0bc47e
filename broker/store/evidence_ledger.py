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

    async def is_first(self, evidence: str, expires_at_ms: int, use: Use) -> bool:
        """Use evidence up; tell whether nothing else has used it. ``evidence`` is its name.

        Raises:
            IdempotencyConflictError: the same operation has used it, for another request.
            StoreUnavailableError: nobody can say; the evidence must be refused.
        """
        left_ms = max(0, expires_at_ms - self._clock.now_ms())
        reply = await self._link.run(
            scripts.EVIDENCE_USE,
            [self._keys.evidence(evidence)],
            [use.operation, use.digest, left_ms + AFTERWARDS_MS, self._limits.retention_ms],
        )
        return reply != ["used"] and bool(accept(reply))
