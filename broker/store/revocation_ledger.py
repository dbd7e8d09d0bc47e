"""Operators' orders, as long as their reports are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

import msgspec

from broker.errors import NotFoundError
from broker.ids import IdFactory, RevocationId
from broker.model.principal import ALL_TENANTS
from broker.model.requests import Selector
from broker.store import codec, scripts
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.cut_ledger import Standing
from broker.store.keyspace import Keyspace
from broker.store.limits import Limits
from broker.store.link import Link


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator ordered.

    ``tenants`` are those it reaches; ``digest`` stands for the request, so that a repeat under the
    same idempotency key is known. ``ordered_at_ms`` is ledger time, which no two orders of a bucket
    share; 0 until the order is kept.
    """

    id: RevocationId
    selector: Selector
    tenants: tuple[str, ...]
    reason: str
    ordered_by: str
    digest: str
    ordered_at_ms: int = field(default=0, compare=False)


_ORDER: Final = msgspec.json.Decoder(Order)

COME_BACK_MS: Final = 2_000
"""How soon the due queue looks after an order: later than its own broker needs to carry it out."""

_TIDIED: Final = 16
"""The oldest of a list, looked at with each new order: more than come, so it never grows."""


class RevocationLedger:
    """Keeps orders and where their cuts stand."""

    def __init__(
        self,
        link: Link,
        keys: Keyspace,
        ids: IdFactory,
        limits: Limits,
        *,
        bounds: ClockBounds = ANY_TIME,
    ) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids
        self._limits = limits
        self._bounds = bounds

    async def put(self, order: Order, come_back_ms: int = COME_BACK_MS) -> Order:
        """Keep an order; return the one that stands under its id (a repeat finds the first).

        From here on it is carried out, by the due queue if not by the caller.
        """
        bucket = self._keys.of(order.id)
        lists = [bucket.orders(tenant) for tenant in (ALL_TENANTS, _tenant(order)) if tenant]
        oldest = await self._oldest(lists)
        args: list[str | int] = [
            self._ids.operation(),
            order.id,
            codec.encode(order),
            self._limits.retention_ms,
            come_back_ms,
            _tenant(order),
            codec.encode(_detail(order)),
            *self._bounds.around_now(),
            len(lists),
            *oldest,
        ]
        keys = [*bucket.head, bucket.revocation(order.id), *lists]
        keys += [bucket.revocation(old) for old in oldest]
        return _ORDER.decode(await self._link.run(scripts.REVOCATION_PUT, keys, args))

    async def _oldest(self, lists: Sequence[str]) -> list[RevocationId]:
        """Return the oldest orders of some lists: those that may be gone by now."""
        found = [await self._link.read("ZRANGE", key, 0, _TIDIED - 1) for key in lists]
        return [RevocationId(name) for name in dict.fromkeys(chain.from_iterable(found))]

    async def newest(
        self, bucket: int, tenant: str, before_ms: int | None, limit: int
    ) -> list[tuple[RevocationId, int]]:
        """Return some orders of a bucket that were given before an instant (None: at any time).

        The newest come first, each with its time. They reach ``tenant`` alone; ``*``: all of them.
        Some may be gone.
        """
        key = self._keys.buckets[bucket].orders(tenant)
        until = "+inf" if before_ms is None else f"({before_ms}"
        window = (until, "-inf", "WITHSCORES", "LIMIT", 0, limit)
        flat = await self._link.read("ZREVRANGEBYSCORE", key, *window)
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return [(RevocationId(name), int(float(at))) for name, at in pairs]

    async def stands(
        self, revocation: RevocationId, cut: str, where: Mapping[int, Standing]
    ) -> None:
        """Note the buckets in which a cut of the order stands."""
        args: list[str | int] = [self._limits.retention_ms]
        for bucket, standing in where.items():
            args += [f"{cut}|{bucket}", f"{standing.issued_before_ms} {standing.number}"]
        key = self._keys.of(revocation).revocation(revocation)
        await self._link.run(scripts.REVOCATION_NOTE, [key], args)

    async def is_kept(self, revocation: RevocationId) -> bool:
        """Tell whether an order of this id is known."""
        key = self._keys.of(revocation).revocation(revocation)
        return bool(await self._link.read("HEXISTS", key, "spec"))

    async def advance(self, revocation: RevocationId, place: int) -> None:
        """Note how many leases of its set an order has ended; a lower number changes nothing."""
        key = self._keys.of(revocation).revocation(revocation)
        await self._link.run(scripts.REVOCATION_PLACE, [key], [place])

    async def place(self, revocation: RevocationId) -> int:
        """Return how many leases of its set an order has ended."""
        key = self._keys.of(revocation).revocation(revocation)
        with codec.reading("an order in the ledger"):
            return int(await self._link.read("HGET", key, "place") or 0)

    async def find(
        self, revocation: RevocationId
    ) -> tuple[Order, Mapping[str, Mapping[int, Standing]]]:
        """Return an order and, for each of its cuts, where it stands.

        Raises:
            NotFoundError: there is no such order, or it is no longer kept.
            UnreadableRecordError: its record is none of ours.
        """
        flat = await self._link.read("HGETALL", self._keys.of(revocation).revocation(revocation))
        fields = (
            dict(flat) if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
        )
        if "spec" not in fields:
            raise NotFoundError("no such revocation")
        with codec.reading("an order in the ledger"):
            order = replace(_ORDER.decode(fields["spec"]), ordered_at_ms=int(fields.get("at", 0)))
            return order, _standings(fields)


def _standings(fields: Mapping[str, str]) -> Mapping[str, Mapping[int, Standing]]:
    standings: dict[str, dict[int, Standing]] = {}
    for name, value in fields.items():
        cut, separator, bucket = name.rpartition("|")
        if separator:
            before, number = value.split(" ")
            standings.setdefault(cut, {})[int(bucket)] = Standing(int(before), int(number))
    return standings


def _tenant(order: Order) -> str:
    """Name the only tenant that may hear of the order; empty when it reaches several."""
    return order.tenants[0] if len(order.tenants) == 1 and ALL_TENANTS not in order.tenants else ""


def _detail(order: Order) -> Mapping[str, object]:
    return {
        "revocation": order.id,
        "ordered_by": order.ordered_by,
        "reason": order.reason,
        "of": order.selector.kind,
        "value": order.selector.value,
        "tenants": order.tenants,
    }
