"""Looking at the facts, for operators within their tenants: what there is, and what joins it.

Policy is not asked and need not be loadable. Whatever a caller may not see does not exist for it
(I16): a team that all tenants share is shown to whoever answers for one of its members.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, TypeVar

from broker.clock import Clock
from broker.cursor import foreign
from broker.errors import InvalidRequestError, NotFoundError
from broker.facts.facts import Facts
from broker.model.fact import Ref, Relationship, Thing, ThingKind
from broker.model.principal import ALL_TENANTS, Principal
from broker.ownership import require_operator

Item = TypeVar("Item")

_SHOWN: Final = 200
"""Relationships shown with one thing, each way."""


@dataclass(frozen=True, slots=True)
class ThingFilter:
    """Which things to list; an empty member asks for nothing. ``name`` is a glob."""

    kind: str = ""
    tenant: str = ""
    status: str = ""
    source: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class RelationshipFilter:
    """Which relationships to list; an empty member asks for nothing. Ends are ``kind:name``."""

    tenant: str = ""
    subject: str = ""
    relation: str = ""
    object: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A thing, and whether it stands."""

    thing: Thing
    stands: bool


@dataclass(frozen=True, slots=True)
class Related:
    """A relationship, and whether it counts now."""

    relationship: Relationship
    counts: bool


@dataclass(frozen=True, slots=True)
class ThingPage:
    """One page of things; ``cursor`` is empty on the last one."""

    things: tuple[Seen, ...]
    revision: int
    cursor: str


@dataclass(frozen=True, slots=True)
class RelationshipPage:
    """One page of relationships; ``cursor`` is empty on the last one."""

    relationships: tuple[Related, ...]
    revision: int
    cursor: str


@dataclass(frozen=True, slots=True)
class ThingView:
    """A thing with its relationships: those above it and below it, as many as are shown."""

    seen: Seen
    up: tuple[Related, ...]
    down: tuple[Related, ...]
    is_complete: bool
    revision: int


@dataclass(frozen=True, slots=True)
class Sight:
    """What one caller may see of the facts at one revision."""

    facts: Facts
    caller: Principal
    now_ms: int

    def sees(self, ref: Ref) -> bool:
        """Tell whether a thing exists for the caller."""
        if ref.tenant:
            return self.caller.answers_for(ref.tenant)
        if ALL_TENANTS in self.caller.tenants:
            return True
        return any(self.caller.answers_for(each.tenant) for each in self.facts.below(ref))

    def seen(self, thing: Thing) -> Seen:
        """Say whether a thing stands."""
        return Seen(thing, self.facts.stands(thing.ref))

    def related(self, edge: Relationship) -> Related:
        """Say whether a relationship counts."""
        counts = edge.counts_at(self.now_ms) and self.facts.stands(edge.subject)
        return Related(edge, counts and self.facts.stands(edge.object))

    def find(self, text: str, tenant: str) -> Ref:
        """Return the thing of that text: of the tenant, or of the caller's tenants.

        Raises:
            NotFoundError: there is none, or none that the caller may see.
            InvalidRequestError: several are called that; say whose is meant.
        """
        tenants = [tenant] if tenant else self._tenants()
        found = {ref for each in tenants if (ref := self._known(text, each)) is not None}
        if len(found) > 1:
            raise InvalidRequestError("several are called so: say whose", field="tenant")
        if not found:
            raise NotFoundError("no such thing")
        return found.pop()

    def _tenants(self) -> list[str]:
        if ALL_TENANTS not in self.caller.tenants:
            return list(self.caller.tenants)
        return [ref.name for ref in self.facts.base.things if ref.kind is ThingKind.TENANT]

    def _known(self, text: str, tenant: str) -> Ref | None:
        """Find what is called so within a tenant: its own, or what all tenants share."""
        ref = within(tenant, text)
        candidates = [ref]
        if ref.kind is ThingKind.TEAM and ref.tenant:
            candidates.append(Ref(ref.kind, "", ref.name))
        for each in candidates:
            if self.facts.thing(each) is not None and self.sees(each):
                return each
        return None


class FactViews:
    """Shows facts as this broker has them."""

    def __init__(self, facts: Callable[[], Facts], clock: Clock) -> None:
        self._facts = facts
        self._clock = clock
        self._one_at_a_time = asyncio.Semaphore(1)

    def sight(self, caller: Principal) -> Sight:
        """Return what an operator may see now.

        Raises:
            AccessDeniedError: the caller is no operator.
            UnavailableError: this broker has no facts that it may show.
        """
        require_operator(caller)
        return Sight(self._facts(), caller, self._clock.now_ms())

    async def things(
        self, caller: Principal, which: ThingFilter, cursor: str, limit: int
    ) -> ThingPage:
        """Page through the things of the caller's tenants, by tenant, kind and name.

        Raises:
            AccessDeniedError: the caller is no operator.
            InvalidRequestError: the cursor is none of this list.
        """
        sight, after = self.sight(caller), _parse(cursor, 3)
        async with self._one_at_a_time:
            found = await asyncio.to_thread(_first_things, sight, which, after, limit)
        page, end = _cut(found, limit, _thing_place)
        return ThingPage(tuple(map(sight.seen, page)), sight.facts.revision, end)

    async def thing(self, caller: Principal, ref: str, tenant: str) -> ThingView:
        """Return a thing with its relationships both ways.

        Raises:
            AccessDeniedError: the caller is no operator.
            NotFoundError: there is no such thing, or it is another tenant's.
        """
        sight = self.sight(caller)
        name = sight.find(ref, tenant)
        thing = sight.facts.thing(name)
        if thing is None:
            raise NotFoundError("no such thing")
        up = [edge for edge in sight.facts.above(name) if sight.sees(edge.object)]
        down = list(_to(sight, name))
        is_complete = max(len(up), len(down)) <= _SHOWN
        return ThingView(
            sight.seen(thing),
            tuple(map(sight.related, up[:_SHOWN])),
            tuple(map(sight.related, down[:_SHOWN])),
            is_complete,
            sight.facts.revision,
        )

    async def relationships(
        self, caller: Principal, which: RelationshipFilter, cursor: str, limit: int
    ) -> RelationshipPage:
        """Page through the relationships of the caller's tenants, by subject, relation and object.

        Raises:
            AccessDeniedError: the caller is no operator.
            InvalidRequestError: the cursor is none of this list.
        """
        sight, after = self.sight(caller), _parse(cursor, 7)
        async with self._one_at_a_time:
            found = await asyncio.to_thread(_first_edges, sight, which, after, limit)
        page, end = _cut(found, limit, _edge_place)
        return RelationshipPage(tuple(map(sight.related, page)), sight.facts.revision, end)


def within(tenant: str, text: str) -> Ref:
    """Read ``kind:name`` as it is written within a tenant; ``team:/name`` is shared by all.

    Raises:
        NotFoundError: nothing can be called so.
    """
    kind, _, name = text.partition(":")
    if kind not in frozenset(ThingKind):
        raise NotFoundError("no such thing")
    is_shared = kind == ThingKind.TEAM and name.startswith("/")
    return Ref(ThingKind(kind), "" if is_shared else tenant, name[1:] if is_shared else name)


def _first_things(
    sight: Sight, which: ThingFilter, after: tuple[str, ...], limit: int
) -> list[Thing]:
    wanted = (
        thing
        for thing in sight.facts.things()
        if _is_wanted(which, thing) and sight.sees(thing.ref) and _thing_place(thing) > after
    )
    return heapq.nsmallest(limit + 1, wanted, key=_thing_place)


def _is_wanted(which: ThingFilter, thing: Thing) -> bool:
    return (
        which.kind in ("", thing.kind)
        and which.tenant in ("", thing.tenant)
        and which.status in ("", thing.status)
        and which.source in ("", thing.source)
        and (not which.name or fnmatchcase(thing.name, which.name))
    )


def _first_edges(
    sight: Sight, which: RelationshipFilter, after: tuple[str, ...], limit: int
) -> list[Relationship]:
    wanted = (
        edge
        for edge in sight.facts.relationships()
        if _joins(which, edge) and sight.sees(edge.subject) and _edge_place(edge) > after
    )
    visible = (edge for edge in wanted if sight.sees(edge.object))
    return heapq.nsmallest(limit + 1, visible, key=_edge_place)


def _joins(which: RelationshipFilter, edge: Relationship) -> bool:
    return (
        which.relation in ("", edge.relation)
        and which.tenant in ("", edge.subject.tenant, edge.object.tenant)
        and which.subject in ("", str(edge.subject))
        and which.object in ("", str(edge.object))
    )


def _to(sight: Sight, name: Ref) -> Iterator[Relationship]:
    for subject in sight.facts.below(name):
        if sight.sees(subject):
            yield from (edge for edge in sight.facts.above(subject) if edge.object == name)


def _place(ref: Ref) -> tuple[str, ...]:
    return ref.tenant, ref.kind.value, ref.name


def _thing_place(thing: Thing) -> tuple[str, ...]:
    return _place(thing.ref)


def _edge_place(edge: Relationship) -> tuple[str, ...]:
    return *_place(edge.subject), edge.relation.value, *_place(edge.object)


def _cut(
    found: list[Item], limit: int, place: Callable[[Item], tuple[str, ...]]
) -> tuple[list[Item], str]:
    """Return a page of what was found, one too many, and its cursor; without one too many, none."""
    page = found[:limit]
    return page, ":".join(place(page[-1])) if len(found) > limit else ""


def _parse(cursor: str, parts: int) -> tuple[str, ...]:
    """Read a place; no part of one can hold a colon."""
    if not cursor:
        return ()
    place = tuple(cursor.split(":"))
    if len(place) != parts:
        raise foreign("list")
    return place
