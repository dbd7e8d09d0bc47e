"""Who may be decided otherwise because of a change: never fewer than are.

Whoever reaches a touched thing, before or after, is meant; along every relationship, whether it
counts now or not. So nothing that is left out can have changed, and time and standing need no
second look.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

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
from broker.facts.facts import Facts
from broker.model.fact import Ref, RelationshipKey, ThingKind

MAX_REACHED: Final = 100_000
"""Beyond that many things looking at everything costs no more."""


@dataclass(frozen=True, slots=True)
class Impact:
    """The roots of decisions that may come out otherwise. ``everything`` says that all may.

    ``agents`` and ``capabilities`` are names, ``tenants`` those held or let go as a whole, in which
    everything may be another. The others are the things that a task or a context may name.
    """

    everything: bool = False
    agents: frozenset[str] = frozenset()
    people: frozenset[Ref] = frozenset()
    teams: frozenset[Ref] = frozenset()
    tickets: frozenset[Ref] = frozenset()
    workflows: frozenset[Ref] = frozenset()
    datasets: frozenset[Ref] = frozenset()
    tools: frozenset[Ref] = frozenset()
    resources: frozenset[Ref] = frozenset()
    capabilities: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()

    def touches(self, ref: Ref) -> bool:
        """Tell whether a decision that has this root may come out otherwise."""
        if self.everything or ref.tenant in self.tenants:
            return True
        if ref.kind is ThingKind.AGENT:
            return ref.name in self.agents
        return ref in self._of_kind(ref.kind)

    def __or__(self, other: "Impact") -> "Impact":
        """Return what either has."""
        return Impact(*(getattr(self, name) | getattr(other, name) for name in self.__slots__))

    def _of_kind(self, kind: ThingKind) -> frozenset[Ref]:
        name = _FIELDS.get(kind)
        found: frozenset[Ref] = frozenset() if name is None else getattr(self, name)
        return found


_FIELDS: Final = {
    ThingKind.PERSON: "people",
    ThingKind.TEAM: "teams",
    ThingKind.TICKET: "tickets",
    ThingKind.WORKFLOW: "workflows",
    ThingKind.DATASET: "datasets",
    ThingKind.TOOL: "tools",
    ThingKind.RESOURCE: "resources",
}

EVERYTHING: Final = Impact(everything=True)


def impact_of(before: Facts, after: Facts, change: ChangeSet) -> Impact:
    """Find who may be decided otherwise after a change than before it."""
    return impact_of_all(before, after, (change,))


def impact_of_all(before: Facts, after: Facts, changes: Iterable[ChangeSet]) -> Impact:
    """Find the same for all that lies between two revisions; what came and went again is left out.

    Both must stand over the same bundle. If they do not, everything may be another.
    """
    if before.base is not after.base:
        return EVERYTHING
    touched = {
        ref for each in changes for one in each.changes for ref in _differing(before, after, one)
    }
    reached = _reaching(touched, (before, after))
    return EVERYTHING if reached is None else _impact(reached, after)


def _differing(before: Facts, after: Facts, change: Change) -> Iterator[Ref]:
    """Yield what a change has touched, unless it came to nothing."""
    match change:
        case Relate(relationship=relationship):
            yield from _moved(before, after, relationship.key)
        case Unrelate():
            yield from _moved(before, after, change.key)
        case PutThing(thing=thing):
            yield from _altered(before, after, thing.ref)
        case DropThing(ref=ref) | HoldThing(ref=ref) | LiftHold(ref=ref):
            yield from _altered(before, after, ref)


def _moved(before: Facts, after: Facts, key: RelationshipKey) -> Iterator[Ref]:
    if before.relationship(key) != after.relationship(key):
        yield key.subject


def _altered(before: Facts, after: Facts, ref: Ref) -> Iterator[Ref]:
    if _is_another(before, after, ref) or before.above(ref) != after.above(ref):
        yield ref
    elif before.below(ref) != after.below(ref):
        yield from set(before.below(ref)) ^ set(after.below(ref))


def _is_another(before: Facts, after: Facts, ref: Ref) -> bool:
    """Tell whether a thing is another; of an agent, in whatever tenant one of its name is."""
    if before.thing(ref) != after.thing(ref):
        return True
    return ref.kind is ThingKind.AGENT and before.agent(ref.name) != after.agent(ref.name)


def _reaching(touched: set[Ref], states: tuple[Facts, Facts]) -> set[Ref] | None:
    """Return what reaches a touched thing in either state, or is owned by one; None: too much."""
    ways: list[Callable[[Ref], tuple[Ref, ...]]] = [f.below for f in states]
    ways += [f.owned for f in states]
    found = set(touched)
    waiting = list(touched)
    while waiting and len(found) <= MAX_REACHED:
        ref = waiting.pop()
        fresh = {each for way in ways for each in way(ref)} - found
        found |= fresh
        waiting += fresh
    return None if len(found) > MAX_REACHED else found


def _impact(reached: set[Ref], after: Facts) -> Impact:
    def of(kind: ThingKind) -> frozenset[Ref]:
        return frozenset(ref for ref in reached if ref.kind is kind)

    abouts = {(ref.kind, ref.name) for ref in reached}
    return Impact(
        agents=frozenset(ref.name for ref in of(ThingKind.AGENT)),
        capabilities=frozenset(name for name, about in after.base.about.items() if about in abouts),
        tenants=frozenset(ref.name for ref in of(ThingKind.TENANT)),
        people=of(ThingKind.PERSON),
        teams=of(ThingKind.TEAM),
        tickets=of(ThingKind.TICKET),
        workflows=of(ThingKind.WORKFLOW),
        datasets=of(ThingKind.DATASET),
        tools=of(ThingKind.TOOL),
        resources=of(ThingKind.RESOURCE),
    )
