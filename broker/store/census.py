"""Counting what is in the ledger, for metrics: each number is the size of a set."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from broker.ids import LeaseId
from broker.store.keyspace import Bucket, Keyspace
from broker.store.link import Link

_LOOKED_AT: Final = 100
"""Leases of one bucket that are looked at, where it depends on the target which are overdue."""

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


class Patience(Protocol):
    """How long after its end a credential may be alive at its target, in milliseconds."""

    def overdue_ms(self, name: str) -> int:
        """Return it for one target; for one that is not known, what is usual."""
        ...

    @property
    def overdue_between_ms(self) -> tuple[int, int]:
        """The shortest and the longest of any target, known or not."""
        ...


class Counting:
    """Counts, bucket by bucket."""

    def __init__(self, link: Link, keys: Keyspace, patience: Patience) -> None:
        self._link = link
        self._keys = keys
        self._patience = patience

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
        overdue = await self._overdue(now_ms) if dying else 0
        return Census(sum(outboxes), sum(late), sum(live), dying, overdue)

    async def _dying(self, earliest: int | str, latest: int | str) -> int:
        counts = await asyncio.gather(
            *(
                self._link.read("ZCOUNT", bucket.dying, earliest, latest)
                for bucket in self._keys.buckets
            )
        )
        return sum(counts)

    async def _overdue(self, now_ms: int) -> int:
        """Count what is overdue at its own target.

        In between the shortest patience and the longest one each lease is looked at; where they are
        too many for that, the rest counts: an alarm too soon is better than one too late.
        """
        shortest, longest = self._patience.overdue_between_ms
        certain = await self._dying("-inf", now_ms - longest)
        if shortest == longest:
            return certain
        window = (f"({now_ms - longest}", now_ms - shortest)
        found = await asyncio.gather(
            *(self._overdue_in(bucket, window, now_ms) for bucket in self._keys.buckets)
        )
        return certain + sum(found)

    async def _overdue_in(
        self, bucket: Bucket, window: tuple[int | str, int | str], now_ms: int
    ) -> int:
        count = int(await self._link.read("ZCOUNT", bucket.dying, *window))
        if not count:
            return 0
        flat = await self._link.read(
            "ZRANGEBYSCORE", bucket.dying, *window, "WITHSCORES", "LIMIT", 0, _LOOKED_AT
        )
        names, ends = flat[::2], [int(float(each)) for each in flat[1::2]]
        targets = await asyncio.gather(
            *(self._link.read("HGET", bucket.lease(LeaseId(name)), "target") for name in names)
        )
        late = sum(
            ended_ms + self._patience.overdue_ms(target or "") <= now_ms
            for ended_ms, target in zip(ends, targets, strict=True)
        )
        return late + max(0, count - len(names))

    async def _late(self, due: str, now_ms: int) -> int:
        members = await self._link.read(
            "ZRANGEBYSCORE", due, "-inf", now_ms - STUCK_MS, "LIMIT", 0, 100
        )
        return sum(member.startswith(_ORDERED) for member in members)
