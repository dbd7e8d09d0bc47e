"""One copy of the facts, in the memory of one process: the newest snapshot and all that followed.

It is whole or not there: what cannot be read, or does not follow from what was read before, is told
and changes nothing.
"""

import asyncio

from broker.errors import UnavailableError, UnreadableRecordError
from broker.facts.facts import Facts
from broker.facts_steps import FactsSteps
from broker.store.facts_entry import START, Position
from broker.store.facts_log import FactsLog
from broker.store.facts_rows import BehindError, Head
from broker.store.facts_snapshots import FactsSnapshots, applied


class WentBackError(UnreadableRecordError):
    """The facts log is not what it was: it went back, and lacks what was acknowledged."""


class FactsCopy:
    """Follows the log. ``facts`` are without a bundle below them."""

    def __init__(self, log: FactsLog, snapshots: FactsSnapshots) -> None:
        self._log = log
        self._snapshots = snapshots
        self._facts: Facts | None = None
        self._end = START
        self._one_at_a_time = asyncio.Lock()
        self.steps = FactsSteps()

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

    async def follow(self) -> Head:
        """Bring the copy to where the log ends now, and return that.

        Raises:
            WentBackError: the log holds another history than was read of it.
            UnreadableRecordError: something in it is missing or damaged; the copy stays as it was.
            StoreUnavailableError: it cannot be reached; the copy stays as it was.
        """
        async with self._one_at_a_time:
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
        self.steps.begin()
        self._facts, self._end = loaded.facts, loaded.end
        return loaded.head

    async def _go_on(self, facts: Facts) -> Head:
        while True:
            head, entries = await self._log.after(self._end)
            if not entries:
                return head
            before, facts = facts, await applied(facts, entries)
            self.steps.add(before, entries)
            self._facts, self._end = facts, entries[-1].position

    async def _after_damage(self) -> Head:
        """Tell damage from a log that went back, and from one that was let go on after that."""
        if await self._log.has_left(self._end):
            raise WentBackError(
                f"the facts log has another history than was read up to revision {self._end[0]}"
            )
        return await self._load()
