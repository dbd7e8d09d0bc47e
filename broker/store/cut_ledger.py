"""Cuts: "nothing of X issued before T is alive", written into every bucket first.

- A cut stands in a bucket from the moment its script ran there, whatever else is down.
- Laying comes first everywhere; then every bucket is raised to the latest of their times, and tells
  its outbox. So one time holds in all buckets, and each verifier hears it from each.
- Both passes are idempotent by the revocation's id; a bucket that cannot be reached is named.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.errors import StoreUnavailableError
from broker.ids import IdFactory, RevocationId
from broker.model.requests import SESSIONS, SelectorKind
from broker.store import scripts
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.keyspace import Bucket, Keyspace
from broker.store.limits import Limits
from broker.store.link import Link, Reply

EVIDENCE_MS: Final = (7 * 86_400 + 60) * 1000
"""The longest that evidence of anybody lives, as issuers may be declared, and their leeway."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What is cut: all of it, or one agent's, capability's, issuer's or tenant's.

    ``tenant`` confines an agent, capability or issuer to one tenant (empty: everywhere).
    """

    of: SelectorKind
    name: str
    tenant: str = ""

    @property
    def field(self) -> str:
        """The cut's name in a bucket's hash."""
        if self.of is SelectorKind.ALL:
            return "all"
        confined = f"|{self.tenant}" if self.tenant else ""
        return f"{self.of}:{self.name}{confined}"

    @property
    def visible_to(self) -> str:
        """The tenant whose verifiers may hear of it; empty: all."""
        if self.of is SelectorKind.PERSON:
            return self.name.partition("/")[0]
        return self.name if self.of is SelectorKind.TENANT else self.tenant

    @property
    def evidence_ms(self) -> int:
        """How long evidence may go on by which what is cut could be begun anew."""
        return EVIDENCE_MS if self.of in SESSIONS else 0


@dataclass(frozen=True, slots=True)
class Standing:
    """A cut that stands in a bucket: since when, and its number in the bucket's outbox."""

    issued_before_ms: int
    number: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A cut in one bucket: since when, until when it is kept, and which order laid it last."""

    cut: Cut
    issued_before_ms: int
    until_ms: int
    revocation: str


class CutLedger:
    """Lays cuts."""

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

    async def lay(self, revocation: RevocationId, cut: Cut) -> Mapping[int, Standing]:
        """Cut everywhere; return the buckets in which it stands and is told.

        Missing buckets could not be reached: call again (it is idempotent) until none is missing.
        """
        laid = await self._everywhere(revocation, cut, mode="lay", at_least=0)
        latest = max((standing.issued_before_ms for standing in laid.values()), default=0)
        return await self._everywhere(
            revocation, cut, mode="raise", at_least=latest, only=set(laid)
        )

    async def standing(self) -> list[Mark]:
        """Return every cut of every bucket; what cannot be read is left out (it still kills).

        Raises:
            StoreUnavailableError: a bucket does not answer.
        """
        flats = await asyncio.gather(
            *(self._link.read("HGETALL", bucket.cuts) for bucket in self._keys.buckets)
        )
        return [mark for flat in flats for mark in map(_mark, *_pairs(flat)) if mark]

    async def _everywhere(
        self,
        revocation: RevocationId,
        cut: Cut,
        *,
        mode: str,
        at_least: int,
        only: set[int] | None = None,
    ) -> dict[int, Standing]:
        numbers = [n for n in range(len(self._keys.buckets)) if only is None or n in only]
        standings = await asyncio.gather(
            *(self._one(self._keys.buckets[n], revocation, cut, mode, at_least) for n in numbers)
        )
        return {n: standing for n, standing in zip(numbers, standings, strict=True) if standing}

    async def _one(
        self, bucket: Bucket, revocation: RevocationId, cut: Cut, mode: str, at_least: int
    ) -> Standing | None:
        keys = [*bucket.head, bucket.cut_marker(revocation)]
        args: list[str | int] = [
            self._ids.operation(),
            revocation,
            cut.field,
            mode,
            at_least,
            max(self._limits.lease_ms, self._limits.task_ms, cut.evidence_ms),
            cut.visible_to,
            cut.of,
            cut.name,
            cut.tenant,
            self._limits.retention_ms,
            *self._bounds.around_now(),
        ]
        try:
            _, before, number = await self._link.run(scripts.CUT_MAKE, keys, args)
        except StoreUnavailableError:
            return None
        return Standing(int(before), int(number))


def _pairs(flat: Reply) -> tuple[list[str], list[str]]:
    if isinstance(flat, dict):
        return list(flat), list(flat.values())
    return flat[::2], flat[1::2]


def _mark(field: str, value: str) -> Mark | None:
    of, _, rest = field.partition(":")
    name, _, tenant = rest.partition("|")
    before, _, more = value.partition(" ")
    until, _, revocation = more.partition(" ")
    if of not in list(SelectorKind) or not (before.isdecimal() and until.isdecimal()):
        return None
    return Mark(Cut(SelectorKind(of), name, tenant), int(before), int(until), revocation)
