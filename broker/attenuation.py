"""Whether a child would be nowhere wider than its parent, and where it would be (I7).

Pure, and the only place: everything that a task may come to is a set, and a child is within its
parent when the intersection of the two is the child itself. Numbers count as the sets of what they
allow: two levels are the first and the second.

- What an opener leaves out is the parent's, never more.
- Who was refused learns that it was; what was too much, and whose bound it is, is for operators.
- A deadline is not refused but cut short, by the ledger's own clock; so it is no part of this.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from broker.ids import TaskId
from broker.model.bounds import Bounds
from broker.model.capability import Ceiling
from broker.model.requests import OpenTask
from broker.model.task import TaskSpec

_NAMES: Final = 8
"""Words of one kind that an explanation names; the rest is counted."""

_NUMBERS: Final = ("levels", "children", "below")


@dataclass(frozen=True, slots=True)
class Rights:
    """All that a task may come to."""

    ceiling: tuple[Ceiling, ...]
    bounds: Bounds
    tickets: frozenset[str]
    resources: frozenset[str]

    @classmethod
    def of(cls, spec: TaskSpec) -> "Rights":
        """Take them from a task."""
        tickets, resources = frozenset(spec.tickets), frozenset(spec.resources)
        return cls(spec.ceiling, spec.bounds, tickets, resources)

    @classmethod
    def asked(cls, request: OpenTask) -> "Rights":
        """Take them from a wish; what it leaves out is None in its bounds."""
        tickets, resources = frozenset(request.tickets), frozenset(request.resources)
        return cls(request.ceiling, request.bounds, tickets, resources)


@dataclass(frozen=True, slots=True)
class Excess:
    """One thing that a child would have and a task above it has not.

    ``dimension`` is a word: ceiling, audiences, levels, children, below, tickets, resources.
    ``line`` is the line of the ceiling that this is about.
    """

    dimension: str
    what: str
    has: str
    """What the task above has instead, for people."""
    line: Ceiling | None = None

    @property
    def about(self) -> tuple[str, Ceiling | None]:
        """What it is about, whoever it is held against."""
        return self.dimension, self.line


def within(asked: Bounds, parent: Bounds) -> Bounds:
    """Return the bounds of a child: what it asks for, and of the parent's what it leaves out.

    A child that asks for more than this is refused (:func:`excesses`), so nothing is ever wider.
    """
    above = _below(parent, 1)
    return Bounds(
        audiences=above.audiences if asked.audiences is None else asked.audiences,
        levels=_either(asked.levels, above.levels),
        children=_either(asked.children, above.children),
        below=_either(asked.below, above.below),
    )


def excesses(asked: Rights, above: Rights, *, distance: int = 1) -> Iterator[Excess]:
    """Find what a child asks for beyond a task above it: nothing, where it is within that.

    ``distance`` is how far above: 1 is the parent.
    """
    for line in asked.ceiling:
        yield from _of_ceiling(line, above.ceiling)
    for kind in ("tickets", "resources"):
        mine, theirs = getattr(asked, kind), getattr(above, kind)
        if mine & theirs != mine:
            yield Excess(kind, _words(mine - theirs), _words(theirs))
    yield from _of_bounds(asked.bounds, _below(above.bounds, distance))


def explained(asked: Rights, line: Sequence[tuple[TaskId, Rights]]) -> tuple[str, ...]:
    """Say what a child asks for beyond its parent, and which ancestor is the first without it.

    ``line`` runs from the root to the parent.
    """
    lacking = [
        (task, {each.about for each in excesses(asked, rights, distance=len(line) - depth)})
        for depth, (task, rights) in enumerate(line)
    ]
    return tuple(
        f"{excess.dimension} {excess.what} within the parent's: it has {excess.has}; "
        f"first narrowed at {next(task for task, lacks in lacking if excess.about in lacks)}"
        for excess in excesses(asked, line[-1][1])
    )


def _of_ceiling(line: Ceiling, above: tuple[Ceiling, ...]) -> Iterator[Excess]:
    """Hold one line to those of the same capability: to one of them, for two do not add up."""
    theirs = [each.scopes for each in above if each.capability == line.capability]
    if any(line.scopes & scopes == line.scopes for scopes in theirs):
        return
    nearest = max(theirs, key=lambda scopes: len(line.scopes & scopes), default=frozenset())
    lacking = _words(line.scopes - nearest or line.scopes)
    has = f"{line.capability} {_words(nearest)}" if theirs else f"no {line.capability}"
    yield Excess("ceiling", f"{line.capability} {lacking}", has, line)


def _of_bounds(asked: Bounds, above: Bounds) -> Iterator[Excess]:
    if asked.audiences is not None and above.audiences is not None:
        mine, theirs = frozenset(asked.audiences), frozenset(above.audiences)
        if mine & theirs != mine:
            yield Excess("audiences", _words(mine - theirs), _words(theirs))
    if above.levels is not None and above.levels < 0:
        yield Excess("levels", "a child", "no level below it")
        return
    for name in _NUMBERS:
        mine, theirs = getattr(asked, name), getattr(above, name)
        if mine is not None and theirs is not None and min(mine, theirs) != mine:
            yield Excess(name, str(mine), f"{theirs} for a child")


def _below(above: Bounds, distance: int) -> Bounds:
    """Return the bounds that a task so far below one with these bounds can have at most."""
    if above.levels is None:
        return above
    return Bounds(above.audiences, above.levels - distance, above.children, above.below)


def _either(asked: int | None, above: int | None) -> int | None:
    return above if asked is None else asked


def _words(words: frozenset[str]) -> str:
    """Write some words: the first few, and how many more there are."""
    some = sorted(words)
    more = f" and {len(some) - _NAMES} more" if len(some) > _NAMES else ""
    return " ".join(some[:_NAMES]) + more if some else "none"
