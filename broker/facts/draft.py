"""Tables in the making: changes are gathered, then all put in at once.

It takes what it is given: whether a change may be is :mod:`broker.facts.checking`'s to say, before
it is in the log. What is in the log has one meaning, at every broker.
"""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from broker.facts.change import (
    Change,
    ChangeSet,
    DropThing,
    HoldThing,
    LiftHold,
    PutThing,
    Relate,
    Unrelate,
)
from broker.facts.owners import owner_of
from broker.facts.shards import Shards
from broker.facts.tables import Tables
from broker.model.fact import Hold, Ref, Relationship, RelationshipKey, Thing, ThingKind


def changed(tables: Tables, *changes: ChangeSet) -> Tables:
    """Return the tables after sets of changes, one after the other."""
    draft = Draft(tables)
    for change in changes:
        draft.follow(change)
    return draft.finish()


class Draft:
    """Gathers changes, those of one source at a time."""

    def __init__(self, tables: Tables, *, source: str = "", is_exact: bool = False) -> None:
        self._tables = tables
        self._source = source
        self._is_exact = is_exact
        self._things: dict[Ref, Thing | None] = {}
        self._holds: dict[Ref, Hold | None] = {}
        self._above: dict[Ref, dict[RelationshipKey, Relationship]] = {}
        self._agents: dict[str, Ref | None] = {}
        self._held_agents: dict[str, Ref | None] = {}
        self._below = _WaysBack(tables.below)
        self._owned = _WaysBack(tables.owned)
        self._relationships = tables.relationships

    def follow(self, change: ChangeSet) -> None:
        """Take a set in, on top of what was taken in before."""
        self._source, self._is_exact = change.source, change.exact
        self.apply(change.changes)

    def apply(self, changes: Iterable[Change]) -> None:
        """Take changes in."""
        for change in changes:
            match change:
                case PutThing(thing=thing):
                    self._put(thing)
                case Relate(relationship=relationship):
                    self._relate(relationship)
                case Unrelate():
                    self._unrelate(change.key)
                case DropThing(ref=ref, cascade=cascade):
                    self._drop(ref, cascade=cascade)
                case HoldThing(ref=ref, hold=hold):
                    self._hold(ref, hold)
                case LiftHold(ref=ref):
                    self._hold(ref, None)

    def finish(self) -> Tables:
        """Return the tables with all of it."""
        old = self._tables
        above = {ref: tuple(edges.values()) or None for ref, edges in self._above.items()}
        return Tables(
            things=old.things.updated(self._things),
            holds=old.holds.updated(self._holds),
            above=old.above.updated(above),
            below=self._below.finish(),
            owned=self._owned.finish(),
            agents=old.agents.updated(self._agents),
            held_agents=old.held_agents.updated(self._held_agents),
            relationships=self._relationships,
        )

    def _hold(self, ref: Ref, hold: Hold | None) -> None:
        """Hold or lift. An agent's hold is its name's: whatever tenant it was given in, it goes."""
        if ref.kind is ThingKind.AGENT:
            known = self._held_agents.get(ref.name, self._tables.held_agents.get(ref.name))
            if known is not None:
                self._holds[known] = None
            self._held_agents[ref.name] = None if hold is None else ref
        self._holds[ref] = hold

    def _thing(self, ref: Ref) -> Thing | None:
        return self._things[ref] if ref in self._things else self._tables.things.get(ref)

    def _edges(self, subject: Ref) -> dict[RelationshipKey, Relationship]:
        edges = self._above.get(subject)
        if edges is None:
            known = self._tables.above.get(subject) or ()
            edges = self._above[subject] = {edge.key: edge for edge in known}
        return edges

    def _put(self, thing: Thing) -> None:
        ref = thing.ref
        before = self._thing(ref)
        self._things[ref] = after = thing if self._is_exact else self._signed(thing, before)
        if ref.kind is ThingKind.AGENT:
            self._agents[ref.name] = ref
        self._move_owner(ref, before, after)

    def _move_owner(self, ref: Ref, before: Thing | None, after: Thing | None) -> None:
        was = None if before is None else owner_of(before)
        is_now = None if after is None else owner_of(after)
        if was == is_now:
            return
        if was is not None:
            self._owned.remove(was, ref)
        if is_now is not None:
            self._owned.add(is_now, ref)

    def _signed(self, thing: Thing, before: Thing | None) -> Thing:
        source, edited = self._signature("" if before is None else before.source)
        if thing.source == source and thing.edited == edited and thing.hold is None:
            return thing
        return replace(thing, source=source, edited=edited, hold=None)

    def _signature(self, source_before: str) -> tuple[str, bool]:
        """Say whose a record is from now on, and whether it is not as its source declared it."""
        if self._source or not source_before:
            return self._source, False
        return source_before, True

    def _relate(self, relationship: Relationship) -> None:
        key = relationship.key
        edges = self._edges(key.subject)
        before = edges.get(key)
        if not self._is_exact:
            source, edited = self._signature("" if before is None else before.source)
            relationship = replace(relationship, source=source, edited=edited)
        if before is None:
            self._relationships += 1
            if not _leads_to(edges, key.object):
                self._below.add(key.object, key.subject)
        edges[key] = relationship

    def _unrelate(self, key: RelationshipKey) -> None:
        edges = self._edges(key.subject)
        if edges.pop(key, None) is None:
            return
        self._relationships -= 1
        if not _leads_to(edges, key.object):
            self._below.remove(key.object, key.subject)

    def _drop(self, ref: Ref, *, cascade: bool) -> None:
        self._move_owner(ref, self._thing(ref), None)
        self._things[ref] = None
        if ref.kind is ThingKind.AGENT:
            self._agents[ref.name] = None
        if cascade:
            for key in list(self._edges(ref)):
                self._unrelate(key)
            for subject in self._below.of(ref):
                for key in [key for key in self._edges(subject) if key.object == ref]:
                    self._unrelate(key)


class _WaysBack:
    """Names under names, gathered and put in at once: a hub may have a hundred thousand."""

    def __init__(self, known: Shards[Ref, tuple[Ref, ...]]) -> None:
        self._known: Final = known
        self._changes: dict[Ref, dict[Ref, bool]] = {}
        self._came_back: set[Ref] = set()

    def add(self, above: Ref, below: Ref) -> None:
        changes = self._changes.setdefault(above, {})
        if below in changes:
            self._came_back.add(above)
        changes[below] = True

    def remove(self, above: Ref, below: Ref) -> None:
        self._changes.setdefault(above, {})[below] = False

    def of(self, above: Ref) -> tuple[Ref, ...]:
        """Return what is below now."""
        known = self._known.get(above) or ()
        changes = self._changes.get(above)
        if not changes:
            return known
        kept = known
        if not all(changes.values()):
            kept = tuple(ref for ref in known if changes.get(ref, True))
        both = (*kept, *(ref for ref, is_there in changes.items() if is_there))
        # What was taken away and came back is in both; to look for it among a hub's names is dear.
        return tuple(dict.fromkeys(both)) if above in self._came_back else both

    def finish(self) -> Shards[Ref, tuple[Ref, ...]]:
        return self._known.updated({ref: self.of(ref) or None for ref in self._changes})


def _leads_to(edges: dict[RelationshipKey, Relationship], object_: Ref) -> bool:
    return any(key.object == object_ for key in edges)
