"""What several sources declare, as sets that are made one after the other, in one revision.

Each set is one source's, compared with what those before it leave. A source that names what another
one puts comes after that.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from broker.facts.change import ChangeSet
from broker.facts.documents import Declaration, Difference, differences
from broker.facts.facts import Facts
from broker.facts.owners import owner_of
from broker.model.fact import Ref


@dataclass(frozen=True, slots=True)
class Planned:
    """One source's part: how it differs from what is there then, and the set that mends that."""

    before: Facts
    difference: Difference
    change: ChangeSet


def planned(
    facts: Facts, declared: Iterable[Declaration], by: str, reason: str
) -> tuple[Planned, ...]:
    """Plan what makes the declarations so; sources that have nothing to change are among it."""
    found: list[Planned] = []
    for declarations in _in_order(declared):
        [difference] = differences(facts, declarations)
        change = difference.change(by, reason)
        found.append(Planned(facts, difference, change))
        if change.changes:
            facts = facts.changed(change, facts.revision)
    return tuple(found)


def _in_order(declared: Iterable[Declaration]) -> Iterator[list[Declaration]]:
    """Yield each source's declarations, by name, but after what they need.

    Of sources that need each other the first by name goes first: what it lacks is then its fault.
    """
    left: dict[str, list[Declaration]] = {}
    for each in declared:
        left.setdefault(each.source, []).append(each)
    put = {source: {t.ref for d in own for t in d.things} for source, own in left.items()}
    needed = {source: set(_named(own)) - put[source] for source, own in left.items()}
    while left:
        ready = [s for s in left if not any(put[o] & needed[s] for o in left if o != s)]
        yield left.pop(min(ready or left))


def _named(declared: Iterable[Declaration]) -> Iterator[Ref]:
    for each in declared:
        yield from (ref for thing in each.things if (ref := owner_of(thing)) is not None)
        for edge in each.relationships:
            yield from (edge.subject, edge.object)
