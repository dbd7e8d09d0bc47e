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
_NO: Final = "no:"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one comparison came to: how many of each, and who made it.

    ``found`` counts credentials by :class:`~broker.model.comparison.Differs`, ``lists`` the lists
    of what the target refuses by how they differ.
    """

    by: str
    seen: int = 0
    known: int = 0
    foreign: int = 0
    elsewhere: int = 0
    found: dict[str, int] = msgspec.field(default_factory=dict)
    lists: dict[str, int] = msgspec.field(default_factory=dict)


class Kept(msgspec.Struct, frozen=True):
    """The last comparison of a target, by the ledger's clock; and why a later one failed, if any.

    ``at_ms`` is 0 and ``outcome`` None where there was none yet.
    """

    at_ms: int = 0
    outcome: Outcome | None = None
    trouble: str = ""


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
        args = [target, codec.encode(outcome), ""]
        await self._link.run(scripts.RECONCILE_NOTE, [self._keys.reconciled], args)

    async def failed(self, target: str, trouble: str) -> None:
        """Keep that a target could not be compared, beside what is known of it.

        Raises:
            StoreUnavailableError: perhaps it is not kept.
        """
        await self._link.run(scripts.RECONCILE_NOTE, [self._keys.reconciled], [target, "", trouble])

    async def all(self) -> Mapping[str, Kept]:
        """Return what is known of every target that was ever compared, by its name.

        Raises:
            StoreUnavailableError: it cannot be read.
            UnreadableRecordError: a part is none of ours.
        """
        flat = await self._link.read("HGETALL", self._keys.reconciled)
        told = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
        names = {field[len(_IS) :] for field in told if field.startswith((_IS, _NO))}
        with codec.reading("what a comparison came to"):
            return {
                name: _kept(told.get(_IS + name, ""), told.get(_NO + name, "")) for name in names
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


def _kept(is_so: str, failed: str) -> Kept:
    trouble = failed.partition(" ")[2]
    if not is_so:
        return Kept(trouble=trouble)
    at, _, outcome = is_so.partition(" ")
    return Kept(int(at), _OUTCOME.decode(outcome), trouble)
