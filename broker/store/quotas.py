"""Quotas of live leases, each in a slot of its own.

Taken together with the bucket's script, and undone when that refuses. A crash in between counts too
many until the lease would have expired, never too few.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final

import msgspec

from broker.errors import StoreUnavailableError, UnavailableError
from broker.ids import LeaseId
from broker.store import scripts
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.keyspace import Keyspace
from broker.store.link import Link, Reply, Script, Value

_CLOCK: Final = -1
"""What the script answers when it does not believe its clock."""


class Quota(msgspec.Struct, frozen=True):
    """At most ``limit`` live leases of one agent or tenant."""

    kind: str
    name: str
    limit: int


class Taking:
    """Places that are being taken; :meth:`refused_by` must be awaited."""

    def __init__(self, quotas: Sequence[Quota], replies: Sequence[Awaitable[Reply]]) -> None:
        self._quotas = quotas
        self._replies = replies

    async def refused_by(self) -> Quota | None:
        """Return the first quota that is full, or None when every place was taken.

        Raises:
            StoreUnavailableError: nobody knows; give them back.
            UnavailableError: the clocks disagree; give back what others have taken.
        """
        full: Quota | None = None
        lost: UnavailableError | None = None
        for quota, reply in zip(self._quotas, self._replies, strict=True):
            try:
                taken = await reply
            except StoreUnavailableError as error:
                lost = error
                continue
            if taken == _CLOCK:
                lost = lost or UnavailableError("a quota's clock and this broker's disagree")
            elif taken != 1 and full is None:
                full = quota
        if lost is not None:
            raise lost
        return full


class QuotaLedger:
    """Counts live leases."""

    def __init__(self, link: Link, keys: Keyspace, *, bounds: ClockBounds = ANY_TIME) -> None:
        self._link = link
        self._keys = keys
        self._bounds = bounds

    def begin(self, quotas: Sequence[Quota], lease: LeaseId, life_ms: int) -> Taking:
        """Begin to count a lease against every quota, so that other calls run beside it.

        It counts for ``life_ms`` from now by the ledger's clock; one that is counted already counts
        for longer, and is never refused.
        """
        bounds = self._bounds.around_now()
        replies = [
            self._send(scripts.QUOTA_TAKE, quota, [lease, life_ms, quota.limit, *bounds])
            for quota in quotas
        ]
        return Taking(quotas, replies)

    async def until(
        self, quotas: Sequence[Quota], lease: LeaseId, expires_at_ms: int, *, at_least: bool = False
    ) -> None:
        """Let a lease be counted until an instant, if it is counted at all.

        ``at_least`` so long: where it counts for longer already, it goes on doing so.

        Raises:
            StoreUnavailableError: some of them still count it for as long as before.
        """
        args: list[str | int] = [lease, expires_at_ms, "at-least" if at_least else "exactly"]
        await asyncio.gather(*(self._send(scripts.QUOTA_UNTIL, quota, args) for quota in quotas))

    async def give(self, quotas: Sequence[Quota], leases: Sequence[LeaseId]) -> None:
        """Free the places of leases that have ended.

        Raises:
            StoreUnavailableError: not all of them; they count until they would have expired.
        """
        if not leases:
            return
        await asyncio.gather(*(self._send(scripts.QUOTA_GIVE, quota, leases) for quota in quotas))

    async def used(self, kind: str, name: str, now_ms: int) -> int:
        """Count the leases that are counted against an agent or tenant.

        Raises:
            StoreUnavailableError: it cannot be told.
        """
        key = self._keys.quota(kind, name)
        return int(await self._link.read("ZCOUNT", key, f"({now_ms}", "+inf"))

    async def counted(self, kind: str, name: str, now_ms: int, limit: int) -> list[LeaseId]:
        """Return some of these leases, those that expire first.

        Raises:
            StoreUnavailableError: it cannot be told.
        """
        window = (f"({now_ms}", "+inf", "LIMIT", 0, limit)
        found = await self._link.read("ZRANGEBYSCORE", self._keys.quota(kind, name), *window)
        return [LeaseId(lease) for lease in found]

    def _send(self, script: Script, quota: Quota, args: Sequence[Value]) -> Awaitable[Reply]:
        """Send a script; that it could not be sent is learned by awaiting, as any other failure.

        So what was sent before it is awaited too.
        """
        try:
            return self._link.start(script, [self._keys.quota(quota.kind, quota.name)], args)
        except StoreUnavailableError as error:
            return _fail(error)


async def _fail(error: StoreUnavailableError) -> Reply:
    raise error
