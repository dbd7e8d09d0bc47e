"""The smallest sets of steps after which an answer is another one.

All sets are tried, the smaller ones first, and none that holds one which was found. So of what is
found no proper part does it: each part was tried and did not. The number of trials is bounded; what
could not be tried any more is said.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, Generic, Protocol, TypeVar

MOST_STEPS: Final = 3
"""More steps at once explain nothing any more."""

MOST_TRIALS: Final = 1_000
"""Each is a decision of a millisecond or two, on facts of its own."""

MOST_FOUND: Final = 8
"""So many sets are told."""

_AT_ONCE: Final = 10
"""Trials in one go, before others have their turn."""


class Step(Protocol):
    """Something that could be otherwise. Two with the same ``place`` exclude each other."""

    @property
    def place(self) -> Hashable:
        """What it would change."""
        ...


S = TypeVar("S", bound=Step)


@dataclass(frozen=True, slots=True)
class Flips(Generic[S]):
    """Sets of steps, the smallest first. ``is_complete``: there is no other of so many steps."""

    sets: tuple[tuple[S, ...], ...]
    is_complete: bool
    trials: int


async def flips(
    steps: Sequence[S],
    turns: Callable[[tuple[S, ...]], bool],
    *,
    most_trials: int = MOST_TRIALS,
    most_found: int = MOST_FOUND,
) -> Flips[S]:
    """Search. ``turns`` tells whether the answer is another one after exactly these steps."""
    found: list[tuple[S, ...]] = []
    parts: list[frozenset[int]] = []
    trials = 0
    for numbers in _sets(steps):
        if any(part <= numbers for part in parts):
            continue
        if trials >= most_trials or len(found) >= most_found:
            return Flips(tuple(found), is_complete=False, trials=trials)
        trials += 1
        tried = tuple(steps[number] for number in sorted(numbers))
        if turns(tried):
            found.append(tried)
            parts.append(numbers)
        if trials % _AT_ONCE == 0:
            await asyncio.sleep(0)
    return Flips(tuple(found), is_complete=True, trials=trials)


def _sets(steps: Sequence[Step]) -> Iterator[frozenset[int]]:
    for size in range(1, MOST_STEPS + 1):
        for numbers in combinations(range(len(steps)), size):
            if len({steps[number].place for number in numbers}) == size:
                yield frozenset(numbers)
