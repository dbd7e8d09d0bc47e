"""What the ledger takes for the time: its servers' clocks, and the buckets' own.

A bucket's clock is its server's, but never goes back.
"""

import asyncio

from broker.store.keyspace import Keyspace
from broker.store.link import Link


class LedgerClock:
    """Reads these clocks, in milliseconds."""

    def __init__(self, link: Link, keys: Keyspace) -> None:
        self._link = link
        self._keys = keys

    async def servers(self) -> list[int]:
        """Read the clock of every primary.

        Raises:
            StoreUnavailableError: one does not answer.
        """
        answers = await self._link.each_server("TIME")
        return [int(seconds) * 1000 + int(micros) // 1000 for seconds, micros in answers]

    async def furthest_bucket(self) -> tuple[int, int]:
        """Return the bucket that has seen the latest time, and that time.

        Raises:
            StoreUnavailableError: one cannot be reached.
        """
        buckets = self._keys.buckets
        read = await asyncio.gather(*(self._link.read("HGET", b.meta, "now") for b in buckets))
        seen = [int(value or 0) for value in read]
        latest = max(seen)
        return seen.index(latest), latest
