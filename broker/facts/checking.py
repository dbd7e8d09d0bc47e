"""All that is wrong with a set of changes, against the facts that it would change.

Everything is looked at, whatever else is wrong, so that who gave the order mends it at one go. Only
what a fault hides is left: of a name that is none nothing else is asked.
"""

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Final

from broker.facts.chains import Chains
from broker.facts.change import (
    MAX_IMPORT,
    Change,
    ChangeSet,
    DropThing,
    HoldThing,
    LiftHold,
    PutThing,
    Relate,
    Unrelate,
)
from broker.facts.circles import components
from broker.facts.facts import Facts
from broker.facts.fault import WHOLE, ChangeFault, listed
from broker.facts.fields import reason_faults, source_faults, text_faults
from broker.facts.judging import Judge
from broker.facts.slices import MAX_DEPTH
from broker.model.fact import Ref, Relation, RelationshipKey

MAX_THINGS: Final = 200_000
MAX_RELATIONSHIPS: Final = 1_000_000
MAX_DIRECT: Final = 2_000
"""How many things one thing may directly be in."""


def faults_of(
    facts: Facts, change: ChangeSet, *, now_ms: int = 0, limit: int = MAX_IMPORT
) -> tuple[ChangeFault, ...]:
    """Find all faults; none means that the set may be put in the log right after these facts.

    ``now_ms`` is the broker's clock: what has expired by then cannot be related any more. ``limit``
    is how many changes may be in the set.
    """
    if len(change.changes) > limit:
        message = f"{len(change.changes)} changes in one set"
        return (ChangeFault(WHOLE, "changes", message, f"send at most {limit} at once"),)
    after = facts.changed(change, facts.revision + 1)
    found = [*_set_faults(change), *_double_faults(change)]
    judge = Judge(facts, after, change, now_ms)
    for index, each in enumerate(change.changes):
        found += (ChangeFault(index, *fault) for fault in judge.faults(each))
    found += list(_circle_faults(after, change)) or _chain_faults(facts, after, change)
    found += _size_faults(facts, after, change)
    return listed(found)


def _set_faults(change: ChangeSet) -> Iterator[ChangeFault]:
    found = [*text_faults("by", change.by), *reason_faults("reason", change.reason)]
    found += source_faults(change.source)
    yield from (ChangeFault(WHOLE, *fault) for fault in found)
    if not change.changes:
        yield ChangeFault(WHOLE, "changes", "nothing is to change", "send at least one change")


def _double_faults(change: ChangeSet) -> Iterator[ChangeFault]:
    """Find what a set says twice: then it would depend on the order, and it must not."""
    seen: dict[Hashable, int] = {}
    for index, each in enumerate(change.changes):
        first = seen.setdefault(_slot(each), index)
        if first != index:
            message = f"is changed by changes[{first}] already"
            yield ChangeFault(index, _named_by(each), message, "say once what is to hold")


def _slot(change: Change) -> Hashable:
    match change:
        case PutThing(thing=thing):
            return ("thing", thing.ref)
        case DropThing(ref=ref):
            return ("thing", ref)
        case HoldThing(ref=ref) | LiftHold(ref=ref):
            return ("hold", ref)
        case Relate(relationship=relationship):
            return relationship.key
        case Unrelate():
            return change.key


def _named_by(change: Change) -> str:
    match change:
        case PutThing():
            return "thing"
        case Relate():
            return "relationship"
        case Unrelate():
            return "subject"
        case DropThing() | HoldThing() | LiftHold():
            return "ref"


def _circle_faults(after: Facts, change: ChangeSet) -> Iterator[ChangeFault]:
    """Find the new links that lie on a circle. Only ``part-of`` joins a kind to itself."""
    new = [
        (index, each.relationship.key)
        for index, each in enumerate(change.changes)
        if isinstance(each, Relate) and each.relationship.relation is Relation.PART_OF
    ]

    def above(ref: Ref) -> Iterator[Ref]:
        return (e.object for e in after.above(ref) if e.relation is Relation.PART_OF)

    component = components((key.subject for _, key in new), above)
    for index, key in new:
        if component[key.subject] == component.get(key.object):
            yield ChangeFault(index, "relationship.object", *_circle(key))


def _circle(key: RelationshipKey) -> tuple[str, str]:
    message = (
        "is the thing itself"
        if key.subject == key.object
        else f"is part of {str(key.subject)[:160]}"
    )
    return message, "a circle means nothing: leave one of its links out"


def _chain_faults(before: Facts, after: Facts, change: ChangeSet) -> Iterator[ChangeFault]:
    """Find the new links of chains that no decision could follow to their end.

    What was there before is never refused for its length.
    """
    up = Chains(lambda ref: (edge.object for edge in after.above(ref)))
    down = Chains(after.below)
    for index, each in enumerate(change.changes):
        if not isinstance(each, Relate):
            continue
        key = each.relationship.key
        length = down.length(key.subject) + 1 + up.length(key.object)
        if length > MAX_DEPTH and before.relationship(key) is None:
            message = f"would be one of {length} relationships one after the other"
            remedy = f"at most {MAX_DEPTH}: leave steps of the hierarchy out"
            yield ChangeFault(index, "relationship.object", message, remedy)


def _size_faults(before: Facts, after: Facts, change: ChangeSet) -> Iterator[ChangeFault]:
    """Find what would grow beyond a bound. What makes it smaller is never refused for its size."""
    names = ("things", "relationships")
    for name, limit, was, size in zip(
        names, (MAX_THINGS, MAX_RELATIONSHIPS), before.size, after.size, strict=True
    ):
        if size > max(limit, was):
            message = f"{size} {name} would be there"
            yield ChangeFault(WHOLE, "changes", message, f"at most {limit}: drop some first")
    yield from _width_faults(before, after, change)


def _width_faults(before: Facts, after: Facts, change: ChangeSet) -> Iterator[ChangeFault]:
    related = [
        (index, each.relationship.subject)
        for index, each in enumerate(change.changes)
        if isinstance(each, Relate)
    ]
    counts = Counter(subject for _, subject in related)
    wide = {
        subject: len(after.above(subject))
        for subject in counts
        if len(after.above(subject)) > max(MAX_DIRECT, len(before.above(subject)))
    }
    for index, subject in related:
        if subject in wide:
            message = f"would be in {wide[subject]} things"
            remedy = f"at most {MAX_DIRECT}: group what it is in"
            yield ChangeFault(index, "relationship.subject", message, remedy)
