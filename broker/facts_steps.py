"""The last steps of the facts, as this broker has followed them: whom they can have touched.

Each revision is compared with the one before it, not the two ends with each other: what was granted
because of a relationship that has come and gone since is touched by its going.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from broker.facts.base import Base
from broker.facts.facts import Facts
from broker.facts.impact import EVERYTHING, Impact, impact_of_all
from broker.store.facts_entry import FactsEntry

STRETCHES: Final = 500
"""So many are remembered: of each no more than what has changed is kept."""

STEPS: Final = 200
"""More steps than this are not looked at one by one."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Some revisions that were followed at one go, and the facts before them."""

    before: Facts
    entries: Sequence[FactsEntry]


class FactsSteps:
    """Remembers them."""

    def __init__(self) -> None:
        self._stretches: deque[_Stretch] = deque(maxlen=STRETCHES)

    def begin(self) -> None:
        """Forget: what comes next does not follow from what was there."""
        self._stretches.clear()

    def add(self, before: Facts, entries: Sequence[FactsEntry]) -> None:
        """Remember some more revisions, and the facts that they came after."""
        self._stretches.append(_Stretch(before, entries))

    async def impact(self, first: int, last: int, base: Base) -> Impact:
        """Tell whom the revisions after ``first`` until ``last`` can have touched, over a bundle.

        What is not remembered may have touched everything.
        """
        stretches = [each for each in self._stretches if each.entries[-1].revision > first]
        if not stretches or stretches[0].before.revision > first:
            return EVERYTHING
        entries = [entry for each in stretches for entry in each.entries if entry.revision <= last]
        wanted = sum(entry.revision > first for entry in entries)
        if not entries or entries[-1].revision < last or wanted > STEPS:
            return EVERYTHING
        # Following all that is below a thing may take a while: not on the event loop.
        before = stretches[0].before.over(base)
        return await asyncio.to_thread(_touched, before, entries, first)


def _touched(facts: Facts, entries: Sequence[FactsEntry], first: int) -> Impact:
    impact = Impact()
    for before, after, entry in _steps(facts, entries):
        if entry.restarts:
            return EVERYTHING
        if entry.revision > first:
            impact |= impact_of_all(before, after, entry.parts)
    return impact


def _steps(
    facts: Facts, entries: Sequence[FactsEntry]
) -> Iterator[tuple[Facts, Facts, FactsEntry]]:
    for entry in entries:
        after = facts.changed_by(entry.parts, entry.revision)
        yield facts, after, entry
        facts = after
