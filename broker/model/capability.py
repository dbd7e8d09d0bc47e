"""What can be asked for."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from broker.reach.lines import ReachLine, ScopedLine, opened


class CheckMode(StrEnum):
    """How a registered resource server learns that a token is dead (DESIGN §5)."""

    INTROSPECT = "introspect"
    FEED = "feed"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class ResourceServer:
    """A party that accepts our tokens.

    ``staleness_ms`` is the bound beyond which a strict feed verifier refuses everything;
    ``cache_ms`` how long an introspecting one may remember a yes.
    """

    audience: str
    check: CheckMode
    tenants: frozenset[str]
    staleness_ms: int = 5_000
    cache_ms: int = 0
    strict: bool = True


class BreakGlass(msgspec.Struct, frozen=True):
    """That a capability may be had in an emergency, and how far.

    ``needs_alarm``: not without an alarm that has arrived. ``review_ms``: how soon somebody else
    has to look at what was done.
    """

    max_ttl_ms: int
    scopes: frozenset[str]
    needs_alarm: bool
    review_ms: int


@dataclass(frozen=True, slots=True)
class Capability:
    """A named thing that can be granted, with its ceilings. ``backend`` says who mints it.

    ``target`` names where, ``template`` (JSON) what; both are empty for our own tokens.
    ``about`` names the thing that it gives access to (``dataset:orders``), or is empty. ``reach``
    is what its credentials are for; unset it is not written, so that the text of a capability
    without one, by which people's yes is bound to it, is what it always was.
    """

    name: str
    backend: str
    audience: str
    scopes: frozenset[str]
    max_ttl_ms: int
    default_ttl_ms: int
    tenants: frozenset[str]
    data_class: str
    renewable: bool = True
    target: str = ""
    template: str = ""
    about: str = ""
    break_glass: BreakGlass | None = None
    reach: tuple[ScopedLine, ...] | UnsetType = UNSET

    def reach_of(self, scopes: Iterable[str]) -> tuple[ReachLine, ...] | UnsetType:
        """Return what a credential with these scopes is for; unset where nothing is declared."""
        return UNSET if self.reach is UNSET else opened(self.reach, scopes)


class Ceiling(msgspec.Struct, frozen=True):
    """One line of a task's ceiling: this capability, at most these scopes."""

    capability: str
    scopes: frozenset[str]


def covers(outer: tuple[Ceiling, ...], capability: str, scopes: frozenset[str]) -> bool:
    """Tell whether a ceiling leaves room for these scopes of this capability."""
    return any(line.capability == capability and scopes <= line.scopes for line in outer)
