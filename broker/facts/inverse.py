"""Taking a change back: what restores all that it touched, if nothing has touched it since."""

from collections.abc import Iterator
from dataclasses import dataclass

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
from broker.facts.checking import faults_of
from broker.facts.facts import Facts
from broker.facts.fault import ChangeFault, listed
from broker.model.fact import Hold, Ref, Relationship, RelationshipKey, Thing


@dataclass(frozen=True, slots=True)
class Inverse:
    """The set that takes a change back. With ``faults`` it must not be used.

    The index of a fault is that of the change which cannot be taken back, or ``WHOLE``.
    """

    change: ChangeSet
    faults: tuple[ChangeFault, ...]


@dataclass(frozen=True, slots=True)
class States:
    """The facts right before and right after a change, and those of now. All over one bundle."""

    before: Facts
    after: Facts
    now: Facts


Slot = tuple[str, Ref | RelationshipKey]
"""What a change sets: a thing, a hold or a relationship."""


def inverse_of(
    states: States, change: ChangeSet, *, by: str, reason: str, now_ms: int = 0
) -> Inverse:
    """Make the set that takes a change back.

    Only what the change altered is restored: sources and marks included, and what a cascade took
    along. What has expired meanwhile is not related again. What somebody has altered since stands
    in the way, and so does what would point at nothing.
    """
    slots = {
        slot: index for index, each in enumerate(change.changes) for slot in _slots(states, each)
    }
    found: list[ChangeFault] = []
    changes: list[Change] = []
    for slot, index in slots.items():
        before, after, now = (_state(facts, slot) for facts in _each(states))
        if before == after:
            continue
        if now == before:  # somebody has taken it back already
            continue
        if now != after:
            found.append(_in_the_way(index, slot))
        else:
            changes += _restoring(slot, before, now_ms)
    made = ChangeSet(by, reason, tuple(changes), exact=True)
    if not found:
        found += (_of(fault, made, slots) for fault in faults_of(states.now, made, now_ms=now_ms))
    return Inverse(made, listed(found))


def _each(states: States) -> tuple[Facts, Facts, Facts]:
    return states.before, states.after, states.now


def _slots(states: States, change: Change) -> Iterator[Slot]:
    match change:
        case PutThing(thing=thing):
            yield ("thing", thing.ref)
        case DropThing(ref=ref):
            yield ("thing", ref)
            yield from (("relationship", key) for key in _around(states.before, ref))
        case HoldThing(ref=ref) | LiftHold(ref=ref):
            yield ("hold", ref)
        case Relate(relationship=relationship):
            yield ("relationship", relationship.key)
        case Unrelate():
            yield ("relationship", change.key)


def _around(facts: Facts, ref: Ref) -> Iterator[RelationshipKey]:
    yield from (edge.key for edge in facts.above(ref))
    for subject in facts.below(ref):
        yield from (edge.key for edge in facts.above(subject) if edge.object == ref)


def _state(facts: Facts, slot: Slot) -> object:
    kind, name = slot
    if isinstance(name, RelationshipKey):
        return facts.relationship(name)
    return facts.logged(name) if kind == "thing" else facts.hold(name)


def _restoring(slot: Slot, before: object, now_ms: int) -> Iterator[Change]:
    kind, name = slot
    if isinstance(name, RelationshipKey):
        yield from _relating(name, before, now_ms)
    elif kind == "thing":
        yield PutThing(before) if isinstance(before, Thing) else DropThing(name)
    else:
        yield HoldThing(name, before) if isinstance(before, Hold) else LiftHold(name)


def _relating(key: RelationshipKey, before: object, now_ms: int) -> Iterator[Change]:
    if not isinstance(before, Relationship):
        yield Unrelate(*key)
    elif before.counts_at(now_ms):
        yield Relate(before)


def _in_the_way(index: int, slot: Slot) -> ChangeFault:
    message = f"{slot[0]} {slot[1]} has been changed since"
    return ChangeFault(index, slot[0], message, "take the later change back first")


def _of(fault: ChangeFault, made: ChangeSet, slots: dict[Slot, int]) -> ChangeFault:
    """Say of which change it is that a fault in the way back lies."""
    if fault.index < 0:
        return fault
    (first, *_) = _slots(States(Facts(), Facts(), Facts()), made.changes[fault.index])
    return ChangeFault(slots[first], fault.field, fault.message, fault.remedy)
