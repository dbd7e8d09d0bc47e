"""The way back from a revision: what it changed is made as it was, and what came since stays.

What was changed once more since is not overwritten: then there is no way back, and each such thing
is named.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from broker.errors import InvalidChangeError, MemberFault
from broker.fact_past import Past
from broker.facts.change import (
    Change,
    DropThing,
    HoldThing,
    LiftHold,
    PutThing,
    Relate,
    Unrelate,
    touched,
)
from broker.facts.facts import Facts
from broker.model.fact import Hold, Ref, Relationship, RelationshipKey, Thing


def refs_of(changes: Iterable[Change]) -> frozenset[Ref]:
    """Return the things that changes speak of."""
    return frozenset(ref for change in changes for ref in touched(change))


def inverse(past: Past, now: Facts, changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return what takes changes back.

    Raises:
        InvalidChangeError: something was changed since, or what it was is no longer kept.
    """
    made = tuple(changes)
    steps = [
        *_of_things(past, now, _things(made)),
        *_of_holds(past, now, _holds(made)),
        *_of_edges(past, now, _edges(past, made)),
    ]
    faults = [fault for step in steps if (fault := _fault(past, step)) is not None]
    if faults:
        raise InvalidChangeError(tuple(faults))
    return tuple(step.back for step in steps if step.back is not None)


class _Step(NamedTuple):
    """Something that a revision changed: what it was, what it became, what it is, the way back."""

    name: str
    was: object
    became: object
    now: object
    back: Change | None


def _fault(past: Past, step: _Step) -> MemberFault | None:
    if step.became != step.now:
        return MemberFault(step.name, "was changed since: take that back first, or change it anew")
    if step.was is None and not past.is_whole:
        return MemberFault(step.name, "what it was is no longer kept: change it anew")
    return None


def _of_things(past: Past, now: Facts, refs: Iterable[Ref]) -> Iterator[_Step]:
    for ref in sorted(refs):
        was, became = past.before.logged(ref), past.after.logged(ref)
        yield _Step(str(ref), was, became, now.logged(ref), _thing(ref, was, became))


def _of_holds(past: Past, now: Facts, refs: Iterable[Ref]) -> Iterator[_Step]:
    for ref in sorted(refs):
        was, became = past.before.hold(ref), past.after.hold(ref)
        yield _Step(f"hold of {ref}", was, became, now.hold(ref), _hold(ref, was, became))


def _of_edges(past: Past, now: Facts, keys: Iterable[RelationshipKey]) -> Iterator[_Step]:
    for key in sorted(keys):
        was, became = past.before.relationship(key), past.after.relationship(key)
        yield _Step(str(key), was, became, now.relationship(key), _edge(key, was, became))


def _things(changes: Iterable[Change]) -> set[Ref]:
    puts = {each.thing.ref for each in changes if isinstance(each, PutThing)}
    return puts | {each.ref for each in changes if isinstance(each, DropThing)}


def _holds(changes: Iterable[Change]) -> set[Ref]:
    return {each.ref for each in changes if isinstance(each, HoldThing | LiftHold)}


def _edges(past: Past, changes: Iterable[Change]) -> set[RelationshipKey]:
    """Return the relationships that were made or ended, also with a thing that was dropped."""
    made = {each.relationship.key for each in changes if isinstance(each, Relate)}
    made |= {each.key for each in changes if isinstance(each, Unrelate)}
    for each in changes:
        if isinstance(each, DropThing) and each.cascade:
            made |= {edge.key for edge in past.before.above(each.ref)}
            subjects = past.before.below(each.ref)
            edges = (edge for subject in subjects for edge in past.before.above(subject))
            made |= {edge.key for edge in edges if edge.object == each.ref}
    return made


def _thing(ref: Ref, was: Thing | None, became: Thing | None) -> Change | None:
    if was == became:
        return None
    return DropThing(ref) if was is None else PutThing(was)


def _hold(ref: Ref, was: Hold | None, became: Hold | None) -> Change | None:
    if was == became:
        return None
    return LiftHold(ref) if was is None else HoldThing(ref, was)


def _edge(
    key: RelationshipKey, was: Relationship | None, became: Relationship | None
) -> Change | None:
    if was == became:
        return None
    return Unrelate(*key) if was is None else Relate(was)
