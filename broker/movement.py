"""What has changed between two states of the facts, as far as live leases may be concerned.

Each step in between counts, not only the two ends: what was granted by a revision that has come and
gone since is concerned by its going. Where a step is no longer known, everything is.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from broker.affected import EVERYTHING, NOTHING, Affected, by_bundles, by_impact
from broker.facts.base import Base
from broker.facts.impact import impact_of_all
from broker.facts_copy import Step
from broker.governance.document import BundleDocument
from broker.store.history import History
from broker.store.redo_ledger import Marks

STEPS: Final = 16
"""More steps than this are not looked at one by one."""

FACT_STEPS: Final = 200
"""The same of the facts log, where steps are small and come many a second."""

_KEPT: Final = 64


FactsSteps = Callable[[int, int], Sequence[Step] | None]
"""Returns the revisions of the facts log between two, one by one, as far as all are known."""


class Movement:
    """Compares what is kept of them. All buckets ask for the same, so answers are kept."""

    def __init__(self, history: History, facts_steps: FactsSteps) -> None:
        self._history = history
        self._facts_steps = facts_steps
        self._known: OrderedDict[tuple[Marks, Marks], Affected] = OrderedDict()
        self._steps = _Steps()

    async def between(self, redone: Marks, floors: Marks) -> Affected:
        """Tell what has to be looked at again.

        Raises:
            StoreUnavailableError: the ledger does not answer.
        """
        key = (redone, floors)
        if key not in self._known:
            self._known[key] = await self._compare(redone, floors)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return self._known[key]

    async def _compare(self, redone: Marks, floors: Marks) -> Affected:
        affected = NOTHING
        if redone.graph < floors.graph:
            affected |= await self._facts(redone.graph, floors.graph)
        if redone.facts < floors.facts:
            affected |= await self._bundles(redone.facts, floors.facts)
        return affected

    async def _facts(self, first: int, last: int) -> Affected:
        steps = self._facts_steps(first, last)
        if steps is None or len(steps) > FACT_STEPS:
            return EVERYTHING
        # Following all that is below a thing may take a while: not on the event loop.
        return await asyncio.to_thread(self._steps.affected, steps)

    async def _bundles(self, first: int, last: int) -> Affected:
        if first == 0 or last - first > STEPS:
            return EVERYTHING
        texts = [await self._history.text(revision) for revision in range(first, last + 1)]
        # Parsing a large bundle takes tens of milliseconds: not on the event loop.
        return await asyncio.to_thread(_by_texts, texts)


class _Steps:
    """What each step of the facts can concern. Buckets begin at different ones, and share many."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, int, Base], Affected] = OrderedDict()

    def affected(self, steps: Sequence[Step]) -> Affected:
        """Return what any of them can concern."""
        affected = NOTHING
        for step in steps:
            affected |= self._of(step)
        return affected

    def _of(self, step: Step) -> Affected:
        key = (step.before.revision, step.after.revision, step.after.base)
        known = self._known.get(key)
        if known is None:
            known = by_impact(impact_of_all(step.before, step.after, step.changes))
            self._known[key] = known
            while len(self._known) > FACT_STEPS:
                self._known.popitem(last=False)
        return known


def _by_texts(texts: list[str]) -> Affected:
    try:
        documents = [msgspec.json.decode(text, type=BundleDocument) for text in texts]
    except (msgspec.DecodeError, RecursionError):
        return EVERYTHING  # a step is not kept, or not readable
    affected = NOTHING
    for before, after in pairwise(documents):
        affected |= by_bundles(before, after)
    return affected
