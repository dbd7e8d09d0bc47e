"""Building tables out of nothing, from a snapshot: hundreds of thousands of things in seconds."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from broker.facts.change import Change, HoldThing, PutThing, Relate
from broker.facts.owners import owner_of
from broker.facts.shards import Shards
from broker.facts.tables import Tables
from broker.model.fact import Hold, Ref, Relation, Relationship, Thing, ThingKind


def loaded(changes: Iterable[Change]) -> Tables:
    """Build what :meth:`Tables.changes` has written down, which names each thing once.

    Raises:
        ValueError: there is something in it that is in no snapshot.
    """
    loading = _Loading()
    with _without_collecting():
        for change in changes:
            loading.take(change)
        return loading.finish()


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Let nobody look for circles of garbage among millions of new objects; there are none.

    Each look would go through all of them again: half of the time that loading takes.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Loading:
    """One object stands for each name, however often it was read: relationships share them."""

    def __init__(self) -> None:
        self._refs: Final[dict[tuple[str, str, str], Ref]] = {}
        self._sources: Final[dict[str, str]] = {}
        self._things: dict[Ref, Thing] = {}
        self._holds: dict[Ref, Hold] = {}
        self._above: dict[Ref, dict[tuple[Relation, Ref], Relationship]] = {}
        self._below: dict[Ref, list[Ref]] = {}
        self._owned: dict[Ref, list[Ref]] = {}

    def take(self, change: Change) -> None:
        match change:
            case Relate(relationship=relationship):
                self._relate(relationship)
            case PutThing(thing=thing):
                self._put(thing)
            case HoldThing(ref=ref, hold=hold):
                self._holds[ref] = hold
            case _:
                raise ValueError(f"{type(change).__name__} is in no snapshot")

    def _put(self, thing: Thing) -> None:
        ref = self._ref(thing.ref)
        self._things[ref] = thing
        if thing.owner and (owner := owner_of(thing)) is not None:
            self._owned.setdefault(self._ref(owner), []).append(ref)

    def _relate(self, each: Relationship) -> None:
        subject, object_ = self._ref(each.subject), self._ref(each.object)
        source = self._sources.setdefault(each.source, each.source)
        shared = Relationship(
            subject, each.relation, object_, each.expires_at_ms, source, each.edited
        )
        self._above.setdefault(subject, {})[each.relation, object_] = shared
        self._below.setdefault(object_, []).append(subject)

    def finish(self) -> Tables:
        above = ((ref, tuple(edges.values())) for ref, edges in self._above.items())
        held = {ref.name: ref for ref in self._holds if ref.kind is ThingKind.AGENT}
        agents = ((ref.name, ref) for ref in self._things if ref.kind is ThingKind.AGENT)
        return Tables(
            things=Shards(self._things.items()),
            holds=Shards(self._holds.items()),
            above=Shards(above),
            below=Shards(_each_once(self._below)),
            owned=Shards(_each_once(self._owned)),
            agents=Shards(agents),
            held_agents=Shards(held.items()),
            relationships=sum(map(len, self._above.values())),
        )

    def _ref(self, ref: Ref) -> Ref:
        return self._refs.setdefault(ref, ref)


def _each_once(names: dict[Ref, list[Ref]]) -> Iterable[tuple[Ref, tuple[Ref, ...]]]:
    return ((ref, tuple(dict.fromkeys(others))) for ref, others in names.items())
