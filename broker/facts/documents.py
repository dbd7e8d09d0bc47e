"""What files declare, and how it differs from what is there.

A *source* is a set of files that speaks for what it once declared, tenant by tenant: what it no
longer declares goes. It leaves alone what people made by hand and what other sources declare.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from broker.facts.change import Change, ChangeSet, DropThing, PutThing, Relate, Unrelate
from broker.facts.facts import Facts
from broker.model.fact import Ref, Relationship, RelationshipKey, Thing

K = TypeVar("K")
R = TypeVar("R", Thing, Relationship)


@dataclass(frozen=True, slots=True)
class Declaration:
    """All that one source says of one tenant. ``things`` and ``relationships`` name each once."""

    source: str
    tenant: str
    things: tuple[Thing, ...] = ()
    relationships: tuple[Relationship, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """What is declared and what is there, where the two differ.

    ``drifted`` names what people have changed by hand since it was declared; applying takes that
    back. ``taken_over`` was made by hand and is declared now. ``lost_with`` are relationships of
    others that end because one of their things goes.
    """

    source: str
    put: tuple[tuple[Thing | None, Thing], ...] = ()
    dropped: tuple[Thing, ...] = ()
    related: tuple[tuple[Relationship | None, Relationship], ...] = ()
    unrelated: tuple[Relationship, ...] = ()
    drifted: tuple[Ref | RelationshipKey, ...] = ()
    taken_over: tuple[Ref | RelationshipKey, ...] = ()
    lost_with: tuple[Relationship, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is to be done."""
        return not (self.put or self.dropped or self.related or self.unrelated)

    def change(self, by: str, reason: str) -> ChangeSet:
        """Return the set that makes what is there what is declared."""
        changes: list[Change] = [DropThing(thing.ref, cascade=True) for thing in self.dropped]
        gone = {thing.ref for thing in self.dropped}
        changes += (
            Unrelate(*each.key)
            for each in self.unrelated
            if each.subject not in gone and each.object not in gone
        )
        changes += (PutThing(thing) for _, thing in self.put)
        changes += (Relate(each) for _, each in self.related)
        return ChangeSet(by, reason, tuple(changes), self.source)


def differences(facts: Facts, declared: Iterable[Declaration]) -> tuple[Difference, ...]:
    """Compare, source by source, what is declared with what is there.

    Of a source only the tenants that are declared are looked at: a file for one tenant does not
    take away what another file says of another.
    """
    by_source: dict[str, list[Declaration]] = {}
    for each in declared:
        by_source.setdefault(each.source, []).append(each)
    return tuple(_difference(facts, source, each) for source, each in sorted(by_source.items()))


def _difference(facts: Facts, source: str, declared: list[Declaration]) -> Difference:
    tenants = {each.tenant for each in declared}
    things = {t.ref: _signed(t, source) for each in declared for t in each.things}
    edges = {r.key: _signed(r, source) for each in declared for r in each.relationships}
    there: dict[Ref, Thing] = {
        t.ref: t for t in facts.logged_things() if t.source == source and t.tenant in tenants
    }
    joined = {
        r.key: r
        for r in facts.relationships()
        if r.source == source and r.subject.tenant in tenants
    }
    dropped = tuple(there[ref] for ref in sorted(there.keys() - things.keys()))
    live = {ref: known for ref in things if (known := facts.logged(ref)) is not None}
    live_edges = {key: edge for key in edges if (edge := facts.relationship(key)) is not None}
    return Difference(
        source=source,
        put=tuple(_altered(live, things)),
        dropped=dropped,
        related=tuple(_altered(live_edges, edges)),
        unrelated=tuple(joined[key] for key in sorted(joined.keys() - edges.keys())),
        drifted=(*_drifted(there), *_drifted(joined)),
        taken_over=(*_by_hand(live), *_by_hand(live_edges)),
        lost_with=tuple(_lost_with(facts, dropped, source)),
    )


def _signed(record: R, source: str) -> R:
    return replace(record, source=source, edited=False)


def _altered(there: Mapping[K, R], declared: Mapping[K, R]) -> Iterator[tuple[R | None, R]]:
    for key, record in sorted(declared.items(), key=lambda item: str(item[0])):
        if there.get(key) != record:
            yield there.get(key), record


def _drifted(there: Mapping[K, R]) -> Iterator[K]:
    return (key for key, record in there.items() if record.edited)


def _by_hand(there: Mapping[K, R]) -> Iterator[K]:
    return (key for key, record in there.items() if not record.source)


def _lost_with(facts: Facts, dropped: Iterable[Thing], source: str) -> Iterator[Relationship]:
    """Find what ends with the things that go, and is not the source's own."""
    gone = {thing.ref for thing in dropped}
    found = {edge.key: edge for ref in gone for edge in facts.above(ref)}
    for ref in gone:
        for subject in facts.below(ref):
            found |= {edge.key: edge for edge in facts.above(subject) if edge.object == ref}
    return (edge for _, edge in sorted(found.items()) if edge.source != source)
