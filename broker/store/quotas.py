"""Quotas of live leases, each in a slot of its own.

Taken together with the bucket's script, and undone when that refuses. A crash in between counts too
many until the lease would have expired, never too few. Leases that come together are counted by one
call but for the first, each on its own merits.
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
from broker.store.quota_call import QuotaCall

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
            taken = await reply
            if isinstance(taken, StoreUnavailableError):
                lost = taken
            elif taken == _CLOCK:
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
        self._gathering: dict[str, QuotaCall] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def begin(self, quotas: Sequence[Quota], lease: LeaseId, life_ms: int) -> Taking:
        """Begin to count a lease against every quota, so that other calls run beside it.

        It counts for ``life_ms`` from now by the ledger's clock; one that is counted already counts
        for longer, and is never refused.
        """
        return Taking(quotas, [self._join(quota, lease, life_ms) for quota in quotas])

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

    def _join(self, quota: Quota, lease: LeaseId, life_ms: int) -> Awaitable[Reply]:
        """Count a lease: at once, or with all others that come in this turn of the loop."""
        key = self._keys.quota(quota.kind, quota.name)
        call = self._gathering.get(key)
        if call is None:
            # The first one waits for no company, for there may be none.
            self._gathering[key] = QuotaCall()
            asyncio.get_running_loop().call_soon(self._close_turn, key)
            return _alone(self._take(key, [lease, life_ms, quota.limit]))
        if call.is_full:
            self._send_call(key, call)
            call = self._gathering[key] = QuotaCall()
        return call.add(lease, life_ms, quota.limit)

    def _close_turn(self, key: str) -> None:
        call = self._gathering.pop(key)
        if call.args:
            self._send_call(key, call)

    def _send_call(self, key: str, call: QuotaCall) -> None:
        sent = self._take(key, call.args)
        task = asyncio.get_running_loop().create_task(call.settle(sent))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def _take(self, key: str, places: Sequence[Value]) -> Awaitable[Reply]:
        return self._started(scripts.QUOTA_TAKE, key, [*self._bounds.around_now(), *places])

    def _send(self, script: Script, quota: Quota, args: Sequence[Value]) -> Awaitable[Reply]:
        """Send a script; that it could not be sent is learned by awaiting, as any other failure.

        So what was sent before it is awaited too.
        """
        return self._started(script, self._keys.quota(quota.kind, quota.name), args)

    def _started(self, script: Script, key: str, args: Sequence[Value]) -> Awaitable[Reply]:
        try:
            return self._link.start(script, [key], args)
        except StoreUnavailableError as error:
            return _fail(error)


async def _alone(sent: Awaitable[Reply]) -> Reply:
    """Return the answer for the only lease of a call, or an exception, as a *value*."""
    try:
        [answer] = await sent
    except StoreUnavailableError as error:
        return error
    return answer


async def _fail(error: StoreUnavailableError) -> Reply:
    raise error
