"""Counting what is in the ledger, for metrics: each number is the size of a set."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from broker.store.keyspace import Keyspace
from broker.store.link import Link

OVERDUE_MS: Final = 60_000
"""How long after its end a credential may be alive at its target before the alarm."""

STUCK_MS: Final = 10_000
"""Ordered work that is later than this does not get through."""

_ORDERED: Final = ("k:", "x:")


@dataclass(frozen=True, slots=True)
class Census:
    """``outbox`` entries not shipped; ``stuck`` pieces of ordered work; live ``credentials``.

    ``dying``: ended ones that are not dead at their target yet; ``overdue``: for too long.
    """

    outbox: int
    stuck: int
    credentials: int
    dying: int = 0
    overdue: int = 0


class Counting:
    """Counts, bucket by bucket."""

    def __init__(self, link: Link, keys: Keyspace) -> None:
        self._link = link
        self._keys = keys

    async def take(self, tenants: Sequence[str], now_ms: int) -> Census:
        """Count everything once.

        Raises:
            StoreUnavailableError: some bucket does not answer.
        """
        outboxes = await asyncio.gather(
            *(self._link.read("XLEN", bucket.out) for bucket in self._keys.buckets)
        )
        late = await asyncio.gather(
            *(self._late(bucket.due, now_ms) for bucket in self._keys.buckets)
        )
        live = await asyncio.gather(
            *(
                self._link.read("ZCOUNT", self._keys.quota("tenant", name), now_ms, "+inf")
                for name in tenants
            )
        )
        dying = await self._dying("-inf", "+inf")
        overdue = await self._dying("-inf", now_ms - OVERDUE_MS) if dying else 0
        return Census(sum(outboxes), sum(late), sum(live), dying, overdue)

    async def _dying(self, earliest: int | str, latest: int | str) -> int:
        counts = await asyncio.gather(
            *(
                self._link.read("ZCOUNT", bucket.dying, earliest, latest)
                for bucket in self._keys.buckets
            )
        )
        return sum(counts)

    async def _late(self, due: str, now_ms: int) -> int:
        members = await self._link.read(
            "ZRANGEBYSCORE", due, "-inf", now_ms - STUCK_MS, "LIMIT", 0, 100
        )
        return sum(member.startswith(_ORDERED) for member in members)
