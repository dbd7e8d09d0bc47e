"""The facts that this broker decides by, and what it owes the log.

- They are followed on every tick, whenever a decision was found to be older than the ledger, and
  when a change was made here.
- Whoever reads a revision makes it count in every bucket, for whoever appended it may have died.
- Damaged, gone back, or not confirmed for too long: nothing is given by them.
- Any broker writes the next snapshot when it is due.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from broker.clock import Clock
from broker.errors import StoreUnavailableError, UnavailableError, UnreadableRecordError
from broker.facts.facts import Facts
from broker.facts_copy import FactsCopy, Step, WentBackError
from broker.faultpoints import FaultPoints
from broker.gate import Gate, Hindrance
from broker.restoration import Restoration
from broker.store.facts_entry import Position
from broker.store.facts_rows import Head
from broker.store.ledger import Ledger

FACTS: Final = "facts"
"""The word under which this object reports to the gate."""

Told = Callable[[int, int], None]
"""Is told the revision that was confirmed, and how long ago (ms) that was."""

_log = logging.getLogger(__name__)


class FactsReplica:
    """Keeps one broker's copy."""

    def __init__(
        self,
        ledger: Ledger,
        restoration: Restoration,
        gate: Gate,
        *,
        clock: Clock,
        faults: FaultPoints,
        max_age_ms: int,
        told: Told = lambda _revision, _age_ms: None,
    ) -> None:
        self._log = ledger.facts
        self._snapshots = ledger.snapshots
        self._copy = FactsCopy(ledger.facts, ledger.snapshots)
        self._restoration = restoration
        self._gate = gate
        self._clock = clock
        self._faults = faults
        self._max_age_ms = max_age_ms
        self._told = told
        self._confirmed_ms: int | None = None
        self._settled = 0
        self._writing: asyncio.Task[None] | None = None

    @property
    def facts(self) -> Facts:
        """The facts, without a bundle below them.

        Raises:
            UnavailableError: they were never read.
        """
        return self._copy.facts

    @property
    def is_read(self) -> bool:
        """Tell whether there are any."""
        return self._copy.is_read

    @property
    def end(self) -> Position:
        """Where the log ended when they were read."""
        return self._copy.end

    @property
    def revision(self) -> int:
        """The revision that was read last, 0 when there is none."""
        return self._copy.end.revision

    @property
    def age_ms(self) -> int:
        """How long ago they were confirmed to be the newest; -1 when they never were."""
        if self._confirmed_ms is None:
            return -1
        return self._clock.monotonic_ms() - self._confirmed_ms

    def steps(self, first: int, last: int) -> tuple[Step, ...] | None:
        """Return every revision after ``first`` up to ``last``; None when one is not remembered."""
        return self._copy.steps(first, last)

    async def newest(self) -> tuple[Facts, Position]:
        """Follow the log now; return the facts and where it ended. They are confirmed by that.

        Raises:
            StoreUnavailableError: it cannot be read.
        """
        begun_ms = self._clock.monotonic_ms()
        await self._copy.follow()
        self._confirm(begun_ms)
        return self._copy.facts, self._copy.end

    async def follow(self) -> None:
        """Follow the log, and report to the gate; do for it what nobody may have lived to do.

        Raises:
            UnavailableError: it went back, and that could not be kept: say it again.
        """
        begun_ms = self._clock.monotonic_ms()
        try:
            head = await self._copy.follow()
        except WentBackError as error:
            self._gate.report(FACTS, _unread(error))
            await self._restoration.suspect(str(error))
        except UnreadableRecordError as error:
            self._gate.report(FACTS, _unread(error))
        except StoreUnavailableError as error:
            _log.info("facts not read: %s", error)
        else:
            self._confirm(begun_ms)
            await self._settle(head)
            self._begin_snapshot(head)
        await self.look()

    def _confirm(self, begun_ms: int) -> None:
        """Note that they are the newest as of an instant; who began earlier may end later."""
        self._confirmed_ms = max(begun_ms, self._confirmed_ms or 0)
        self._gate.report(FACTS)

    async def look(self) -> None:
        """Shut the gate when the copy was not confirmed for too long."""
        age_ms = self.age_ms
        self._told(self.revision, age_ms)
        if age_ms > self._max_age_ms:
            self._gate.report(FACTS, _too_old(age_ms))

    async def _settle(self, head: Head) -> None:
        """Make what was read count in every bucket, once; what fails is tried on the next tick."""
        if head.revision <= self._settled:
            return
        try:
            await self._log.settle(head.revision)
        except StoreUnavailableError as error:
            _log.warning("facts not settled: revision %d: %s", head.revision, error)
        else:
            self._settled = head.revision

    def _begin_snapshot(self, head: Head) -> None:
        is_free = self._writing is None or self._writing.done()
        if is_free and self._snapshots.is_due(head):
            self._writing = asyncio.create_task(self._snapshot(head))

    async def _snapshot(self, head: Head) -> None:
        try:
            if await self._snapshots.write(self._copy.facts, self._copy.end, head):
                self._faults.reach("snapshot.pointed")
                await self._snapshots.tidy()
                self._faults.reach("snapshot.trimmed")
        except UnavailableError as error:
            _log.warning("no snapshot of the facts was written: %s", error)

    async def stop(self) -> None:
        """End what is under way; another broker writes the snapshot."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)


def _unread(error: UnreadableRecordError) -> Hindrance:
    return Hindrance(str(error), "restore the ledger, then run `broker apply --restored`")


def _too_old(age_ms: int) -> Hindrance:
    return Hindrance(f"the facts were last confirmed {age_ms} ms ago", "bring Redis back")
