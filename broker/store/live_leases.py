"""Which leases of a task are alive, many at a time, by the judge's word."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from broker.errors import UnreadableRecordError
from broker.ids import LeaseId
from broker.model.selection import LiveLease
from broker.model.task import TaskSpec
from broker.store import codec, scripts
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.keyspace import Keyspace
from broker.store.link import Link, Reply

_PAGE: Final = 100
"""Leases judged by one script: a millisecond or two of the server's time."""

_NAMES: Final = 5_000
"""Names read at once; many leases of one task may expire in the same second."""

_WIDTH: Final = 6


class LiveLeases:
    """Looks at tasks one by one, at their leases in pages."""

    def __init__(self, link: Link, keys: Keyspace, *, bounds: ClockBounds = ANY_TIME) -> None:
        self._link = link
        self._keys = keys
        self._bounds = bounds

    async def of(self, task: TaskSpec) -> tuple[list[LiveLease], int]:
        """Return the task's live leases, and how many besides cannot be read."""
        alive: list[LiveLease] = []
        unreadable = 0
        async for names in self._names(task):
            for start in range(0, len(names), _PAGE):
                found, bad = await self._judged(task, names[start : start + _PAGE])
                alive += found
                unreadable += bad
        return alive, unreadable

    async def _names(self, task: TaskSpec) -> AsyncIterator[list[LeaseId]]:
        """Page by expiry, not by rank: what ends meanwhile must not move others past the page."""
        key = self._keys.of(task.id).live(task.id)
        seen: set[str] = set()
        after = "-inf"
        while True:
            window = (after, "+inf", "WITHSCORES", "LIMIT", 0, _NAMES + len(seen))
            flat = await self._link.read("ZRANGEBYSCORE", key, *window)
            rows = list(zip(flat[::2], flat[1::2], strict=True))
            fresh = [LeaseId(name) for name, _ in rows if name not in seen]
            if not fresh:
                return
            yield fresh
            after = str(rows[-1][1])
            seen = {name for name, at in rows if str(at) == after}

    async def _judged(
        self, task: TaskSpec, names: Sequence[LeaseId]
    ) -> tuple[list[LiveLease], int]:
        try:
            return await self._alive(task, names), 0
        except UnreadableRecordError:
            if len(names) == 1:
                return [], 1
        parts = [await self._judged(task, [name]) for name in names]
        return [lease for found, _ in parts for lease in found], sum(bad for _, bad in parts)

    async def _alive(self, task: TaskSpec, names: Sequence[LeaseId]) -> list[LiveLease]:
        bucket = self._keys.of(task.id)
        keys = [bucket.meta, bucket.cuts, *bucket.path(task.path)]
        keys += [bucket.lease(name) for name in names]
        args: list[str | int] = [len(task.path), " ".join(task.path), *self._bounds.around_now()]
        reply = await self._link.run(scripts.LEASE_ALIVE, keys, args)
        with codec.reading("a lease in the ledger"):
            rows = [reply[at : at + _WIDTH] for at in range(1, len(reply), _WIDTH)]
            return [_lease(task, names, row) for row in rows]


def _lease(task: TaskSpec, names: Sequence[LeaseId], row: Reply) -> LiveLease:
    position, tenant, agent, issuer, capability, issued = row
    name = names[int(position) - 1]
    return LiveLease(name, task.id, tenant, agent, issuer, capability, int(issued))
