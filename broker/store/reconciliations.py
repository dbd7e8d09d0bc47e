"""Comparisons of targets with the ledger: whose turn it is, what came of the last, what was killed.

One of many brokers compares a target at a time; what it finds is kept here for all of them.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from broker.errors import InvalidRequestError
from broker.ids import IdFactory, parse_lease_id
from broker.store import codec, scripts
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.keyspace import Bucket, Keyspace
from broker.store.link import Link

_IS: Final = "is:"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one comparison came to: how many of each, or why there is none.

    ``by`` is who made it, ``trouble`` a word of :class:`backends.errors.Trouble`, or empty.
    ``found`` counts by :class:`~broker.model.comparison.Differs`.
    """

    by: str
    trouble: str = ""
    seen: int = 0
    known: int = 0
    foreign: int = 0
    elsewhere: int = 0
    found: dict[str, int] = msgspec.field(default_factory=dict)


class Kept(msgspec.Struct, frozen=True):
    """An outcome, and when it was kept, by the ledger's clock."""

    at_ms: int
    outcome: Outcome


_OUTCOME: Final = msgspec.json.Decoder(Outcome)


class Reconciliations:
    """Keeps them."""

    def __init__(
        self, link: Link, keys: Keyspace, ids: IdFactory, *, bounds: ClockBounds = ANY_TIME
    ) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids
        self._bounds = bounds

    async def take(self, target: str, every_ms: int) -> int:
        """Take the turn of comparing a target; 0: it is ours, else how many ms it is away.

        Raises:
            StoreUnavailableError: perhaps it is ours; then it comes again after a period.
        """
        reply = await self._link.run(
            scripts.RECONCILE_TAKE, [self._keys.reconciled], [target, every_ms]
        )
        return int(reply[1])

    async def keep(self, target: str, outcome: Outcome) -> None:
        """Keep what a comparison came to.

        Raises:
            StoreUnavailableError: perhaps it is not kept.
        """
        args = [target, codec.encode(outcome)]
        await self._link.run(scripts.RECONCILE_NOTE, [self._keys.reconciled], args)

    async def all(self) -> Mapping[str, Kept]:
        """Return the last outcome of every target, by its name.

        Raises:
            StoreUnavailableError: it cannot be read.
            UnreadableRecordError: one is none of ours.
        """
        flat = await self._link.read("HGETALL", self._keys.reconciled)
        found = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
        with codec.reading("what a comparison came to"):
            return {
                name.removeprefix(_IS): _kept(text)
                for name, text in found.items()
                if name.startswith(_IS)
            }

    async def tell(self, event: str, lease: str, detail: Mapping[str, object]) -> None:
        """Put an event about a credential that no lease has into the audit trail.

        Raises:
            StoreUnavailableError: perhaps it is not there.
        """
        args: list[str | int] = [
            self._ids.operation(),
            *self._bounds.around_now(),
            event,
            codec.encode(detail),
        ]
        await self._link.run(scripts.TARGET_TOLD, list(self._bucket(lease).head), args)

    def _bucket(self, lease: str) -> Bucket:
        """Return where events about a lease go, or about what was never one."""
        try:
            return self._keys.of(parse_lease_id(lease))
        except InvalidRequestError:
            return self._keys.buckets[0]


def _kept(text: str) -> Kept:
    at, _, outcome = text.partition(" ")
    return Kept(int(at), _OUTCOME.decode(outcome))
