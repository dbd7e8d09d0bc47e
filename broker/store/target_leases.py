"""Leases whose credentials live at targets, as a comparison with those reads them. Reads only."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from broker.errors import InvalidRequestError
from broker.ids import LeaseId, parse_lease_id
from broker.model.lease import LeaseSpec, LeaseState
from broker.store.death_ledger import DeathLedger, Dying
from broker.store.in_order import Entry, read_on
from broker.store.keyspace import Keyspace
from broker.store.ledger_clock import LedgerClock
from broker.store.link import Link

_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """A lease with a target. ``is_dead``: its target has confirmed that it refuses it."""

    spec: LeaseSpec
    is_active: bool
    is_dead: bool
    expires_at_ms: int

    def is_at(self, locator: str, identity: str) -> bool:
        """Tell whether its credential is the one of this name, at this very target."""
        target = self.spec.target
        return self.spec.locator == locator and target is not None and target.identity == identity


class TargetLeases:
    """Finds them."""

    def __init__(self, link: Link, keys: Keyspace, deaths: DeathLedger) -> None:
        self._link = link
        self._keys = keys
        self._deaths = deaths
        self._clock = LedgerClock(link, keys)

    @property
    def buckets(self) -> int:
        """How many parts the ledger has."""
        return len(self._keys.buckets)

    async def now_ms(self) -> int:
        """Return the latest time of any part of the ledger.

        Raises:
            StoreUnavailableError: a server does not answer.
        """
        return max(await self._clock.servers())

    async def active(self, bucket: int, target: str) -> AsyncIterator[LeaseSpec]:
        """Go through what is active at a target by its name here, in one bucket.

        The due queue has every lease until it has ended, for its end is due.

        Raises:
            StoreUnavailableError: the bucket does not answer.
            UnreadableRecordError: a record is none of ours.
        """
        after: Entry[str] | None = None
        due = self._keys.buckets[bucket].due
        while page := await read_on(self._link, due, str, after, _PAGE):
            leases = [lease for entry in page if (lease := _lease_of(entry.name))]
            for standing in await self.standings(await self._at(target, leases)):
                if standing is not None and standing.is_active:
                    yield standing.spec
            after = page[-1]

    async def standings(self, leases: Sequence[str]) -> list[Standing | None]:
        """Say of each where it stands; None: the ledger has no such lease with a target.

        Raises:
            StoreUnavailableError: a bucket does not answer: nothing can be said of any.
            UnreadableRecordError: a record is none of ours.
        """
        return await asyncio.gather(*(self._standing(lease) for lease in leases))

    async def _standing(self, lease: str) -> Standing | None:
        try:
            found = await self._deaths.find(parse_lease_id(lease))
        except InvalidRequestError:
            return None
        return None if found is None else _standing(found)

    async def _at(self, target: str, leases: Sequence[LeaseId]) -> list[LeaseId]:
        """Keep those of a target: most are our own tokens, and their records need not be read."""
        names = await asyncio.gather(
            *(
                self._link.read("HGET", self._keys.of(lease).lease(lease), "target")
                for lease in leases
            )
        )
        return [lease for lease, name in zip(leases, names, strict=True) if name == target]


def _standing(found: Dying) -> Standing:
    is_dead = found.death is not None and found.death.is_settled
    is_active = found.state is LeaseState.ACTIVE
    return Standing(found.spec, is_active, is_dead, found.expires_at_ms)


def _lease_of(member: str) -> LeaseId | None:
    """Return the lease whose end a member of the due queue is about, if it is about one."""
    kind, _, rest = member.partition(":")
    try:
        return parse_lease_id(rest.partition(":")[0]) if kind == "l" else None
    except InvalidRequestError:
        return None
