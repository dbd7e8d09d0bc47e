"""What a thing reaches along what counts now, or is reached from: each with a shortest way.

It is what policy sees: a permit that is given because of a ticket, a team or a person is given
along such a way.
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from broker.cursor import foreign
from broker.fact_views import FactViews, Sight
from broker.facts.reach import Reached, reach_above, reach_below
from broker.model.fact import Ref
from broker.model.principal import Principal

_MOST: Final = 10_000
"""Things that are found."""


class Direction(StrEnum):
    """Which way relationships are followed: from subject to object, or back."""

    FROM = "from"
    TO = "to"


@dataclass(frozen=True, slots=True)
class ReachWish:
    """Where it begins: ``kind:name``, within a tenant or within all of the caller's."""

    direction: Direction
    ref: str
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class ReachPage:
    """One page of what is reached, the nearest first; ``cursor`` is empty on the last one.

    Unless ``is_whole`` there is more than is found.
    """

    of: Ref
    direction: Direction
    ways: tuple[Reached, ...]
    is_whole: bool
    revision: int
    cursor: str


class FactReach:
    """Follows relationships, within what a caller may see."""

    def __init__(self, views: FactViews) -> None:
        self._views = views

    async def follow(
        self, caller: Principal, wish: ReachWish, cursor: str, limit: int
    ) -> ReachPage:
        """Page through what is reached, the nearest first.

        Raises:
            AccessDeniedError: the caller is no operator.
            NotFoundError: there is no such thing, or it is another tenant's.
            InvalidRequestError: several are called so, or the cursor is none of this list.
        """
        sight = self._views.sight(caller)
        of = sight.find(wish.ref, wish.tenant)
        spread = reach_above if wish.direction is Direction.FROM else reach_below
        found = await asyncio.to_thread(spread, sight.facts, of, sight.now_ms, limit=_MOST)
        ways = [way for way in found.found if _is_visible(sight, way)]
        first = _after(ways, cursor)
        shown = tuple(ways[first : first + limit])
        end = _write(shown[-1].ref) if first + limit < len(ways) else ""
        revision = sight.facts.revision
        return ReachPage(of, wish.direction, shown, found.is_whole, revision, end)


def _is_visible(sight: Sight, way: Reached) -> bool:
    """Tell whether a caller may see a thing and all that lies on the way to it."""
    return all(sight.sees(end) for edge in way.path for end in (edge.subject, edge.object))


def _after(ways: list[Reached], cursor: str) -> int:
    """Return where the page begins: after the thing that the page before ended with."""
    if not cursor:
        return 0
    for at, way in enumerate(ways):
        if _write(way.ref) == cursor:
            return at + 1
    raise foreign("list")


def _write(ref: Ref) -> str:
    return f"{ref.tenant}:{ref.kind}:{ref.name}"
