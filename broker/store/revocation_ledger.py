"""Operators' orders, as long as their reports are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
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
    same idempotency key is known.
    """

    id: RevocationId
    selector: Selector
    tenants: tuple[str, ...]
    reason: str
    ordered_by: str
    digest: str


_ORDER: Final = msgspec.json.Decoder(Order)

COME_BACK_MS: Final = 2_000
"""How soon the due queue looks after an order: later than its own broker needs to carry it out."""


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
        args: list[str | int] = [
            self._ids.operation(),
            order.id,
            codec.encode(order),
            self._limits.retention_ms,
            come_back_ms,
            _tenant(order),
            codec.encode(_detail(order)),
            *self._bounds.around_now(),
        ]
        keys = [*bucket.head, bucket.revocation(order.id)]
        return _ORDER.decode(await self._link.run(scripts.REVOCATION_PUT, keys, args))

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
            return _ORDER.decode(fields["spec"]), _standings(fields)


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
