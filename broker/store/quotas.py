"""Quotas of live leases, each in a slot of its own.

Taken together with the bucket's script, and undone when that refuses. A crash in between counts too
many until the lease would have expired, never too few.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from broker.ids import LeaseId
from broker.store import scripts
from broker.store.keyspace import Keyspace
from broker.store.link import Link


@dataclass(frozen=True, slots=True)
class Quota:
    """At most ``limit`` live leases of one agent or tenant."""

    kind: str
    name: str
    limit: int


class QuotaLedger:
    """Counts live leases."""

    def __init__(self, link: Link, keys: Keyspace) -> None:
        self._link = link
        self._keys = keys

    async def take(
        self, quotas: Sequence[Quota], lease: LeaseId, expires_at_ms: int
    ) -> Quota | None:
        """Count a lease against every quota at once; return the first that refuses."""
        answers = await asyncio.gather(
            *(
                self._link.run(
                    scripts.QUOTA_TAKE,
                    [self._keys.quota(q.kind, q.name)],
                    [lease, expires_at_ms, q.limit],
                )
                for q in quotas
            )
        )
        return next((q for q, answer in zip(quotas, answers, strict=True) if answer != 1), None)

    async def give(self, quotas: Sequence[Quota], leases: Sequence[LeaseId]) -> None:
        """Free the places of leases that have ended."""
        if not leases:
            return
        await asyncio.gather(
            *(
                self._link.run(scripts.QUOTA_GIVE, [self._keys.quota(q.kind, q.name)], leases)
                for q in quotas
            )
        )
