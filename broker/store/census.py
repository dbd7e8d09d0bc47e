"""Counting what is in the ledger, for metrics: each number is the size of a set."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from broker.store.keyspace import Keyspace
from broker.store.link import Link

STUCK_MS: Final = 10_000
"""Ordered work that is later than this does not get through."""

_ORDERED: Final = ("k:", "x:")


@dataclass(frozen=True, slots=True)
class Census:
    """``outbox`` entries not shipped; ``stuck`` pieces of ordered work; live ``credentials``."""

    outbox: int
    stuck: int
    credentials: int


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
        return Census(sum(outboxes), sum(late), sum(live))

    async def _late(self, due: str, now_ms: int) -> int:
        members = await self._link.read(
            "ZRANGEBYSCORE", due, "-inf", now_ms - STUCK_MS, "LIMIT", 0, 100
        )
        return sum(member.startswith(_ORDERED) for member in members)
