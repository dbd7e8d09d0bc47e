"""Looking at many orders, for operators of everything that each reaches.

- The newest come first, whatever bucket they are in. Within a bucket no two have one time, and what
  comes later has a later: so a place in the list is a time and a bucket, and nothing that is
  ordered or forgotten meanwhile moves another order past it.
- What is shown of each is what its own record says: whether everything that it killed is confirmed
  is work without a bound, and is its report's to say.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from heapq import nlargest
from typing import Final, TypeAlias

from broker.cursor import foreign, number
from broker.errors import NotFoundError, UnreadableRecordError
from broker.ids import RevocationId, bucket_of
from broker.model.principal import ALL_TENANTS, Principal
from broker.model.requests import Revocation, RevocationFilter, RevocationPage
from broker.ownership import require_operator
from broker.revocation import may_see
from broker.store.cut_ledger import Standing
from broker.store.revocation_ledger import Order, RevocationLedger

_LOOKS: Final = 400
"""Orders looked at for one page: bounds its work when few of them are wanted."""

_AT_ONCE: Final = 50
"""Orders looked at together, however short the page: fewer round trips for short pages."""

Spot: TypeAlias = tuple[int, int]
"""The time of the last order that was looked at, and its bucket."""

Standings: TypeAlias = Mapping[str, Mapping[int, Standing]]
Kept: TypeAlias = tuple[Order, Standings]
Tell: TypeAlias = Callable[[Order, Standings], Awaitable[Revocation]]


class OrderList:
    """Lists orders. ``tell`` is :meth:`broker.revocation.Revocations.told`."""

    def __init__(self, orders: RevocationLedger, tell: Tell, buckets: int) -> None:
        self._orders = orders
        self._tell = tell
        self._buckets = buckets

    async def find(
        self, caller: Principal, which: RevocationFilter, cursor: str, limit: int
    ) -> RevocationPage:
        """Return a page of the orders that the caller may see and the filter lets through.

        A page can be short before the end: the cursor tells.

        Raises:
            AccessDeniedError: the caller is no operator.
            InvalidRequestError: the cursor is none of this list.
            StoreUnavailableError: a bucket does not answer: a part would pass for the whole.
        """
        require_operator(caller)
        spot = _parse(cursor, self._buckets) if cursor else _begin(which)
        found: list[Revocation] = []
        looked, is_end = 0, False
        while not is_end and len(found) < limit and looked < _LOOKS:
            rows = await self._next(_list_of(caller), spot)
            is_end = len(rows) < _AT_ONCE
            for kept, row in zip(await self._view(rows), rows, strict=True):
                if len(found) == limit or row[1] < which.ordered_after_ms:
                    is_end = row[1] < which.ordered_after_ms
                    break
                looked, spot = looked + 1, (row[1], bucket_of(row[0]))
                if kept and (shown := await self._shown(caller, which, kept)):
                    found.append(shown)
        return RevocationPage(tuple(found), "" if is_end or spot is None else _write(spot))

    async def _shown(
        self, caller: Principal, which: RevocationFilter, kept: Kept
    ) -> Revocation | None:
        """Return what is told of an order, if it is for the caller and wanted."""
        order, standings = kept
        if not may_see(caller, order) or not _is_wanted(which, order):
            return None
        try:
            told = await self._tell(order, standings)
        except NotFoundError:
            return None  # its set is forgotten, and so will it be
        return told if which.acknowledged in (None, told.is_acknowledged) else None

    async def _next(self, tenant: str, spot: Spot | None) -> list[tuple[RevocationId, int]]:
        """Return the orders after a spot: by time, and of one time by bucket, falling."""
        of_buckets = await asyncio.gather(
            *(
                self._orders.newest(bucket, tenant, _before(spot, bucket), _AT_ONCE)
                for bucket in range(self._buckets)
            )
        )
        rows = [row for found in of_buckets for row in found]
        return nlargest(_AT_ONCE, rows, key=lambda row: (row[1], bucket_of(row[0])))

    async def _view(self, rows: Sequence[tuple[RevocationId, int]]) -> list[Kept | None]:
        return await asyncio.gather(*(self._one(order) for order, _ in rows))

    async def _one(self, order: RevocationId) -> Kept | None:
        try:
            return await self._orders.find(order)
        except (NotFoundError, UnreadableRecordError):
            return None  # forgotten in between; or none of ours, which must not hide the others


def _list_of(caller: Principal) -> str:
    """Choose the shortest list that holds everything that the caller could be shown.

    Whoever answers for one tenant is read that tenant's alone: not even a place in the list tells
    of others' orders.
    """
    tenants = [*caller.tenants]
    return tenants[0] if len(tenants) == 1 else ALL_TENANTS


def _is_wanted(which: RevocationFilter, order: Order) -> bool:
    return all(
        (
            which.ordered_by in ("", order.ordered_by),
            which.of in ("", order.selector.kind),
            not which.tenant or not {which.tenant, ALL_TENANTS}.isdisjoint(order.tenants),
        )
    )


def _begin(which: RevocationFilter) -> Spot | None:
    return (which.ordered_before_ms, -1) if which.ordered_before_ms else None


def _before(spot: Spot | None, bucket: int) -> int | None:
    """Return before which time a bucket's next order after the spot was given."""
    if spot is None:
        return None
    at_ms, last = spot
    return at_ms + 1 if bucket < last else at_ms


def _parse(cursor: str, buckets: int) -> Spot:
    numbers = [number(part, "list") for part in cursor.split(".")]
    if len(numbers) != 2 or numbers[1] >= buckets:  # noqa: PLR2004 - time and bucket
        raise foreign("list")
    return numbers[0], numbers[1]


def _write(spot: Spot) -> str:
    return f"{spot[0]}.{spot[1]}"
