from collections.abc import Hashable
from dataclasses import dataclass
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from broker.policy.flips import MOST_STEPS, flips


@dataclass(frozen=True)
class Turn:
    """A step by number; two of one place exclude each other."""

    number: int
    at: int

    @property
    def place(self) -> Hashable:
        """Where it turns something."""
        return self.at


STEPS = st.lists(st.builds(Turn, st.integers(0, 30), st.integers(0, 9)), max_size=8, unique=True)
CAUSES = st.lists(st.frozensets(st.integers(0, 30), min_size=1, max_size=4), max_size=4)


def truth(steps: list[Turn], causes: list[frozenset[int]]) -> set[frozenset[Turn]]:
    """Find by brute force the smallest sets that hold one of the causes."""
    able: list[frozenset[Turn]] = []
    for size in range(1, MOST_STEPS + 1):
        for chosen in combinations(steps, size):
            is_possible = len({step.at for step in chosen}) == size
            numbers = {step.number for step in chosen}
            if is_possible and any(cause <= numbers for cause in causes):
                able.append(frozenset(chosen))
    return {each for each in able if not any(other < each for other in able)}


@given(STEPS, CAUSES)
async def test_it_finds_every_smallest_set_and_nothing_else(
    steps: list[Turn], causes: list[frozenset[int]]
) -> None:
    """Of what it finds no proper part does it."""

    def turns(tried: tuple[Turn, ...]) -> bool:
        return any(cause <= {step.number for step in tried} for cause in causes)

    found = await flips(steps, turns, most_trials=10_000, most_found=1_000)

    assert {frozenset(each) for each in found.sets} == truth(steps, causes)
    assert len(found.sets) == len(set(map(frozenset, found.sets)))
    assert found.is_complete


@given(STEPS, CAUSES, st.integers(0, 20), st.integers(1, 2))
async def test_within_bounds_it_says_whether_that_was_all(
    steps: list[Turn], causes: list[frozenset[int]], most_trials: int, most_found: int
) -> None:
    """It never tries more, and what it found is the smallest all the same."""

    def turns(tried: tuple[Turn, ...]) -> bool:
        return any(cause <= {step.number for step in tried} for cause in causes)

    found = await flips(steps, turns, most_trials=most_trials, most_found=most_found)

    everything = truth(steps, causes)
    assert found.trials <= most_trials
    assert len(found.sets) <= most_found
    assert {frozenset(each) for each in found.sets} <= everything
    if found.is_complete:
        assert {frozenset(each) for each in found.sets} == everything
