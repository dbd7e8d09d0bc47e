"""One copy of the facts, in the memory of one process: the newest snapshot and all that followed.

It is whole or not there: what cannot be read, or does not follow from what was read before, is told
and changes nothing.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

from broker.errors import UnavailableError, UnreadableRecordError
from broker.facts.base import Base
from broker.facts.change import ChangeSet
from broker.facts.facts import Facts
from broker.store.facts_entry import START, Position
from broker.store.facts_log import FactsLog
from broker.store.facts_rows import BehindError, Head
from broker.store.facts_snapshots import FactsSnapshots, applied

REMEMBERED: Final = 256
"""Revisions of which it is known what each changed: half a minute of changes without a pause."""


class WentBackError(UnreadableRecordError):
    """The facts log is not what it was: it went back, and lacks what was acknowledged."""


@dataclass(frozen=True, slots=True)
class Step:
    """One revision: the facts before and after it, and what changed them."""

    before: Facts
    after: Facts
    changes: tuple[ChangeSet, ...]

    def over(self, base: Base) -> "Step":
        """Return the same step over a bundle."""
        return Step(self.before.over(base), self.after.over(base), self.changes)


class FactsCopy:
    """Follows the log. ``facts`` are without a bundle below them."""

    def __init__(self, log: FactsLog, snapshots: FactsSnapshots) -> None:
        self._log = log
        self._snapshots = snapshots
        self._facts: Facts | None = None
        self._end = START
        self._steps: deque[Step] = deque(maxlen=REMEMBERED)
        self._one_at_a_time = asyncio.Lock()
        self._looks = 0
        self._seen: tuple[int, Head] | None = None

    @property
    def is_read(self) -> bool:
        """Tell whether the log was ever followed."""
        return self._facts is not None

    @property
    def facts(self) -> Facts:
        """The facts as they were followed last.

        Raises:
            UnavailableError: they never were.
        """
        if self._facts is None:
            raise UnavailableError("the facts were not read yet")
        return self._facts

    @property
    def end(self) -> Position:
        """Where the log ended then."""
        return self._end

    def steps(self, first: int, last: int) -> tuple[Step, ...] | None:
        """Return every revision after ``first`` up to ``last``; None when one is not remembered."""
        found = [
            step
            for step in self._steps
            if first <= step.before.revision and step.after.revision <= last
        ]
        if first == last:
            return ()
        if not found or (found[0].before.revision, found[-1].after.revision) != (first, last):
            return None
        return tuple(found)

    async def follow(self) -> Head:
        """Bring the copy to where the log ends now, and return that.

        Whoever asks gets what is there when it asked; those who wait share one look.

        Raises:
            WentBackError: the log holds another history than was read of it.
            UnreadableRecordError: something in it is missing or damaged; the copy stays as it was.
            StoreUnavailableError: it cannot be reached; the copy stays as it was.
        """
        begun = self._looks
        async with self._one_at_a_time:
            if self._seen is not None and self._seen[0] > begun:
                return self._seen[1]  # a look that began after we asked has ended well
            self._looks += 1
            head = await self._look()
            self._seen = (self._looks, head)
            return head

    async def _look(self) -> Head:
        if self._facts is None:
            return await self._load()
        try:
            return await self._go_on(self._facts)
        except BehindError:
            return await self._load()
        except UnreadableRecordError:
            return await self._after_damage()

    async def _load(self) -> Head:
        """Read everything anew.

        A bucket asks only for revisions that the log had when its floor was raised.
        """
        asked = await self._log.asked_for()
        loaded = await self._snapshots.load()
        if asked > loaded.end.revision:
            raise WentBackError(
                f"the facts log ends at revision {loaded.end.revision}, and had {asked}"
            )
        self._steps.clear()
        self._facts, self._end = loaded.facts, loaded.end
        return loaded.head

    async def _go_on(self, facts: Facts) -> Head:
        while True:
            head, entries = await self._log.after(self._end)
            if not entries:
                return head
            for entry in entries:
                before, facts = facts, await applied(facts, [entry])
                self._steps.append(Step(before, facts, entry.parts))
                self._facts, self._end = facts, entry.position

    async def _after_damage(self) -> Head:
        """Tell damage from a log that went back, and from one that was let go on after that."""
        if await self._log.has_left(self._end):
            raise WentBackError(
                f"the facts log has another history than was read up to revision {self._end[0]}"
            )
        return await self._load()
