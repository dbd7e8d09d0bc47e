"""What a slice of the facts says: which tickets an agent is assigned to, and all of it in words."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from broker.facts.relations import JOINS
from broker.facts.slices import Slice
from broker.model.fact import Ref, RelationshipKey, ThingKind
from broker.policy.entity import EntityName
from broker.policy.named import entity_name

_RELATIONS: Final = {joined: relation for relation, pairs in JOINS.items() for joined in pairs}
"""No two relations join the same kinds."""

MOST_LINES: Final = 32
"""Relationships that a trace tells of."""

Parents = Mapping[EntityName, Collection[EntityName]]


def assigned(found: Slice, agent: Ref) -> frozenset[Ref]:
    """Return the tickets that an agent is assigned to, itself or by the teams that it is in."""
    tickets: set[Ref] = set()
    seen: set[Ref] = set()
    waiting = [agent]
    while waiting:
        for parent in found.parents.get(waiting.pop(), ()):
            if parent.kind is ThingKind.TICKET:
                tickets.add(parent)
            elif parent.kind is ThingKind.TEAM and parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return frozenset(tickets)


def lines(found: Slice, shown: Parents) -> tuple[str, ...]:
    """Write the relationships of a slice that are shown, one a line, the first in their order."""
    told = sorted(map(str, _keys(found, shown)))
    left = len(told) - MOST_LINES
    return tuple(told[:MOST_LINES]) + ((f"… and {left} more",) if left > 0 else ())


def _keys(found: Slice, shown: Parents) -> Iterator[RelationshipKey]:
    for subject, parents in found.parents.items():
        seen = shown.get(entity_name(subject), ())
        for parent in parents:
            if entity_name(parent) in seen:
                relation = _RELATIONS[subject.kind, parent.kind]
                yield RelationshipKey(subject, relation, parent)
