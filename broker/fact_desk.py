"""Facts beside the brokers: read, looked ahead of and changed through the ledger alone.

It works as a broker does and needs none that runs: what is too large for one call of the API is
imported here, and what files declare is put in force, all of it or nothing.
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

from broker.affected import Affected
from broker.clock import Clock
from broker.engines.chosen import ChosenEngine
from broker.errors import UnavailableError
from broker.fact_changes import FactChanges
from broker.fact_orders import refusal
from broker.facts.base import Base
from broker.facts.change import ChangeSet
from broker.facts.checking import faults_of
from broker.facts.facts import Facts
from broker.facts.fault import ChangeFault
from broker.facts_copy import FactsCopy
from broker.faultpoints import FaultPoints
from broker.foresight import Foresight, Outlook
from broker.governance.base_facts import base_of
from broker.governance.bundle import Bundle
from broker.governance.published import Published
from broker.installation import Installation
from broker.preview import Foreseen, Preview
from broker.store.facts_entry import Position

_MANY: Final = 1_000_000
"""More than anybody holds: whoever works here always looks ahead."""


class FactDesk:
    """Reads and changes the facts of one installation."""

    def __init__(self, installation: Installation, clock: Clock) -> None:
        ledger = installation.ledger
        self._settings = installation.settings
        self._control = ledger.control
        self._clock = clock
        self._copy = FactsCopy(ledger.facts, ledger.snapshots)
        self._preview = Preview.over(ledger)
        self._bundle: Bundle | None = None
        self._base = Base()
        self._changes = FactChanges(
            ledger.facts,
            self.newest,
            refusal=refusal,
            clock=clock,
            faults=FaultPoints.of_this_process(),
        )
        self._foresight = Foresight(
            self._foresee, _Plenty(), brake=self._settings.reevaluation.brake_leases
        )

    async def facts(self) -> Facts:
        """Return the facts as they stand, over what is published.

        Raises:
            ConfigurationError: what is published cannot be read by this version.
            UnavailableError: the ledger does not answer, or holds no such facts.
        """
        if self._bundle is None:
            await self._read_bundle()
        await self._copy.follow()
        return self._copy.facts.over(self._base)

    async def newest(self) -> tuple[Facts, Position]:
        """Return the facts and where their log ends."""
        return await self.facts(), self._copy.end

    async def faults(self, facts: Facts, change: ChangeSet) -> tuple[ChangeFault, ...]:
        """Return everything that is wrong with a change."""
        now_ms = self._clock.now_ms()
        return await asyncio.to_thread(faults_of, facts, change, now_ms=now_ms)

    async def look(self, facts: Facts, *parts: ChangeSet) -> Outlook:
        """Return which live credentials sets of changes without faults would end together."""
        after = await asyncio.to_thread(facts.changed_by, parts, facts.revision + 1)
        return await self._foresight.look(_as_one(parts), facts, after, is_exact=True)

    async def make(self, base: int, *parts: ChangeSet) -> int:
        """Make sets of changes that were looked at over a revision: all of them, or nothing.

        Returns:
            The revision that they are.

        Raises:
            InvalidChangeError: it cannot be any more.
            SupersededError: another revision stands by now.
            StoreUnavailableError: the outcome is unknown.
        """
        return await self._changes.apply_all(parts, base=base)

    async def _read_bundle(self) -> None:
        record = await self._control.read()
        if record is None or not record.revision:
            raise UnavailableError("nothing is published: run `broker apply` first")
        text = await self._control.bundle(record.revision)
        self._bundle = await asyncio.to_thread(Bundle.from_bytes, text.encode())
        self._base = base_of(self._bundle.document)

    async def _foresee(
        self, facts: Facts, tenants: Collection[str] | None, affected: Affected
    ) -> Foreseen:
        if self._bundle is None:
            raise UnavailableError("nothing is published")
        engine = ChosenEngine(self._settings.policy, self._clock)
        candidate = Published.of(
            self._bundle,
            revision=0,
            quotas=self._settings.quotas,
            deciding=engine.decider,
            clock=self._clock,
        ).with_facts(facts)
        try:
            return await self._preview.foresee_of(candidate, affected, tenants=tenants)
        finally:
            await engine.close()


def _as_one(parts: Sequence[ChangeSet]) -> ChangeSet:
    """Return what several sets change, to be looked at as one."""
    first, sources = parts[0], ", ".join(part.source for part in parts)
    changes = tuple(each for part in parts for each in part.changes)
    return ChangeSet(first.by, first.reason, changes, sources)


class _Plenty:
    """There is always more than may die unasked."""

    async def held(self, of: str, name: str) -> int:  # noqa: ARG002 - whatever it is
        return _MANY

    async def is_any(self, affected: Affected) -> bool:  # noqa: ARG002 - whatever it is
        return True
