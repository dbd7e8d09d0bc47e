"""What a thing reaches and what reaches it, with the way that leads there: for people."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from broker.facts.facts import Facts
from broker.facts.slices import MAX_THINGS
from broker.model.fact import Ref, Relationship

MAX_SHOWN: Final = 1_000
"""How many are found unless more are asked for."""


@dataclass(frozen=True, slots=True)
class Reached:
    """One thing and the shortest way, from its lowest subject to its highest object."""

    ref: Ref
    path: tuple[Relationship, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """Nearest first. Without ``is_whole`` there is more than was asked for."""

    found: tuple[Reached, ...]
    is_whole: bool


def reach_above(facts: Facts, ref: Ref, now_ms: int, *, limit: int = MAX_SHOWN) -> Reach:
    """Find what a thing is in, directly or through others, now."""

    def steps(at: Reached) -> Iterator[Reached]:
        for edge in facts.counting(at.ref, now_ms):
            yield Reached(edge.object, (*at.path, edge))

    return _spread(ref, steps, limit)


def reach_below(facts: Facts, ref: Ref, now_ms: int, *, limit: int = MAX_SHOWN) -> Reach:
    """Find what is in a thing, directly or through others, now."""

    def steps(at: Reached) -> Iterator[Reached]:
        for subject in facts.below(at.ref):
            for edge in facts.counting(subject, now_ms):
                if edge.object == at.ref:
                    yield Reached(subject, (edge, *at.path))

    return _spread(ref, steps, limit)


def path_between(
    facts: Facts, subject: Ref, object_: Ref, now_ms: int
) -> tuple[Relationship, ...] | None:
    """Return the shortest way by which one thing is in another now, or None if there is none.

    A thing is in itself, by no relationship. Nothing further is looked at than a decision would.
    """
    if subject == object_:
        return ()
    for at in reach_above(facts, subject, now_ms, limit=MAX_THINGS).found:
        if at.ref == object_:
            return at.path
    return None


def _spread(start: Ref, steps: Callable[[Reached], Iterator[Reached]], limit: int) -> Reach:
    """Go on level by level; each thing once, so by its shortest way."""
    found: dict[Ref, Reached] = {start: Reached(start, ())}
    level = list(found.values())
    while level:
        following: list[Reached] = []
        for at in level:
            for step in steps(at):
                if step.ref in found:
                    continue
                if len(found) > limit:
                    return Reach(_others(found), is_whole=False)
                found[step.ref] = step
                following.append(step)
        level = following
    return Reach(_others(found), is_whole=True)


def _others(found: dict[Ref, Reached]) -> tuple[Reached, ...]:
    return tuple(found.values())[1:]
