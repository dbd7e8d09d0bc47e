"""What differs between the ledger and a target, and what an operator may do about it."""

import hashlib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

from backends.contract import Sighting
from backends.inventory import Found

NONE_COUNTED: Final[Mapping[str, int]] = MappingProxyType({})


class Differs(StrEnum):
    """How a credential differs."""

    ORPHAN = "orphan"
    """It bears this ledger's mark, and no lease has it: nobody will kill it."""
    REMNANT = "remnant"
    """As an orphan, but it can do nothing: what could not be removed when it was killed."""
    UNDEAD = "undead"
    """The ledger has it as dead, confirmed by this target, and it lives: a receipt is not true."""
    MISSING = "missing"
    """Its lease is active, and it is not there: somebody else has taken it away."""
    UNMARKED = "unmarked"
    """It has the prefix of our names, no mark of any ledger, and no lease. It is left alone."""


ALARMING: Final = frozenset({Differs.ORPHAN, Differs.UNDEAD, Differs.MISSING})
"""What somebody should look at. The others can do nothing, or are nobody's of us."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One credential. ``is_ours``: it bears this ledger's epoch, or one that counts as it."""

    kind: Differs
    locator: str
    lease: str = ""
    epoch: str = ""
    made_at_ms: int | None = None
    sighting: Sighting = Sighting.ALIVE
    is_ours: bool = False

    @property
    def is_condemned(self) -> bool:
        """Tell whether an operator's order ends it: at the target, or in the ledger."""
        return self.kind is Differs.MISSING or (self.is_ours and self.kind is not Differs.UNMARKED)


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What one target has, as it differs from the ledger.

    ``known`` of those ``seen`` there have a lease. ``foreign`` counts by epoch what is another
    ledger's. ``elsewhere`` counts active leases recorded at a server that is not the one that
    answered: nothing can be said of them here.
    """

    target: str
    kind: str
    identity: str
    epoch: str
    seen: int
    known: int
    elsewhere: int = 0
    foreign: Mapping[str, int] = NONE_COUNTED
    differences: tuple[Difference, ...] = ()

    @property
    def condemned(self) -> tuple[Difference, ...]:
        """What an operator's order would end."""
        return tuple(each for each in self.differences if each.is_condemned)

    @property
    def is_alarming(self) -> bool:
        """Tell whether somebody should look at it."""
        return any(each.kind in ALARMING for each in self.differences)

    def count(self, kind: Differs) -> int:
        """Count the differences of a kind."""
        return sum(each.kind is kind for each in self.differences)


def difference(kind: Differs, found: Found, *, is_ours: bool) -> Difference:
    """Write down how something that was found differs."""
    return Difference(
        kind=kind,
        locator=found.locator,
        lease=found.lease,
        epoch=found.epoch,
        made_at_ms=found.made_at_ms,
        sighting=found.sighting,
        is_ours=is_ours,
    )


def digest_of(comparisons: Iterable[Comparison]) -> str:
    """Name exactly the set that an order would end; the same set has the same name.

    What is in it, where it is, and how it differs: a change of any makes another set of it.
    """
    lines = sorted(
        (each.identity, each.target, one.kind.value, one.locator)
        for each in comparisons
        for one in each.condemned
    )
    return hashlib.sha256(msgspec.json.encode(lines)).hexdigest()
