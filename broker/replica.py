"""What this broker runs: the published revision and the published keys, as the control record says.

- A replica runs the published revision and keys or gives nothing: what it cannot load closes the
  gate (:mod:`broker.policy_state`, :mod:`broker.key_state`).
- The ledger's epoch is remembered: another one, or none where one was, means that the ledger was
  lost or swapped; a record that is older than the one seen before, that it went back.
"""

import asyncio
from typing import Final

from broker.errors import (
    StoreUnavailableError,
    UnavailableError,
    UnreadableRecordError,
)
from broker.facts.facts import Facts
from broker.facts_copy import Step
from broker.facts_replica import FACTS, FactsReplica
from broker.gate import Gate, Hindrance
from broker.governance.published import Published
from broker.governance.registered import Registered
from broker.key_state import KeyState
from broker.policy_state import PolicyState
from broker.restoration import Restoration
from broker.signing.keyring import Keyring
from broker.signing.token_verifier import TokenVerifier
from broker.store.control import ControlStore
from broker.store.control_record import ControlRecord
from broker.store.facts_entry import Position

WATCHERS: Final = ("ledger", "policy", "keys", FACTS)
"""The words under which this object and what it follows report to the gate."""

_FRESH_S: Final = 0.5
"""How long an answer waits for the newest record before it is given by the last one known."""


class Replica:
    """Follows the control record."""

    def __init__(
        self,
        *,
        control: ControlStore,
        restoration: Restoration,
        gate: Gate,
        keys: KeyState,
        policy: PolicyState,
        facts: FactsReplica,
    ) -> None:
        self._control = control
        self._restoration = restoration
        self._gate = gate
        self._keys = keys
        self._policy = policy
        self._facts = facts
        self._record: ControlRecord | None = None
        self._settled: tuple[int, int] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._looks = 0
        self._is_in_touch = True

    @property
    def published(self) -> Published:
        """The revision in force here.

        Raises:
            UnavailableError: none is.
        """
        return self._policy.published

    @property
    def revision(self) -> int:
        """The number of the revision in force here, 0 when there is none."""
        return self._policy.revision

    @property
    def facts(self) -> Facts:
        """Things and relationships, also while the published policies cannot be loaded.

        Raises:
            UnavailableError: they were never read.
        """
        return self._facts.facts.over(self.registered.base)

    @property
    def graph(self) -> int:
        """The revision of the facts that was read last, 0 when there is none."""
        return self._facts.revision

    @property
    def facts_age_ms(self) -> int:
        """How long ago they were confirmed to be the newest; -1 when they never were."""
        return self._facts.age_ms

    def steps(self, first: int, last: int) -> tuple[Step, ...] | None:
        """Return every revision of the facts after one up to another, as far as all are known.

        Raises:
            UnavailableError: nothing readable was ever published.
        """
        found, base = self._facts.steps(first, last), self.registered.base
        return None if found is None else tuple(step.over(base) for step in found)

    async def newest_facts(self) -> tuple[Facts, Position]:
        """Follow the facts log now, and decide by it; return the facts and where it ends.

        Raises:
            UnavailableError: it cannot be read.
        """
        _, end = await self._facts.newest()
        self._policy.put_facts_in_force()
        return self.facts, end

    @property
    def epoch(self) -> str:
        """The epoch of the ledger that was read last.

        Raises:
            UnavailableError: none was read, or none is set up.
        """
        if self._record is None:
            raise UnavailableError("the ledger was not read yet")
        return self._record.epoch

    @property
    def registered(self) -> Registered:
        """Who is registered: known even while the published policies cannot be loaded.

        Raises:
            UnavailableError: nothing readable was ever published.
        """
        return self._policy.registered

    @property
    def keyring(self) -> Keyring:
        """The published keys, with the private halves that are here.

        Raises:
            UnavailableError: none are published.
        """
        return self._keys.keyring

    @property
    def verifier(self) -> TokenVerifier:
        """The verifier of our own tokens.

        Raises:
            UnavailableError: no keys are published.
        """
        return self._keys.verifier

    async def fresh_keyring(self) -> Keyring:
        """Return the keys as they are published at this moment: every replica answers the same.

        While the ledger does not answer, as they were last known.

        Raises:
            UnavailableError: none are published.
        """
        if self._is_in_touch:
            look = asyncio.create_task(self._look_quietly())
            await asyncio.wait({look}, timeout=_FRESH_S)
        return self._keys.keyring

    async def _look_quietly(self) -> None:
        try:
            await self.refresh()
        except UnavailableError:
            return  # the gate says so

    async def refresh(self) -> None:
        """Load what the control record names, as far as it is new, and report to the gate.

        Whoever asks gets what was published when it asked; those who wait share one look.

        Raises:
            StoreUnavailableError: the record cannot be read; what is loaded stays.
        """
        begun = self._looks
        async with self._one_at_a_time:
            if self._looks > begun:
                return  # one that began after we asked has ended
            self._looks += 1
            await self._look()

    async def _look(self) -> None:
        try:
            record = await self._control.read()
        except StoreUnavailableError as error:
            self._is_in_touch = False
            self._gate.report("ledger", _unread(error))
            raise
        self._is_in_touch = True
        hindrance = self._unfit(record)
        if hindrance is None:
            await self._facts.follow()
        if record is None or hindrance is not None:
            self._gate.report("ledger", hindrance or _lost(self._record))
            return
        if self._record is not None and record.version < self._record.version:
            await self._notice(self._record, record)
            return
        self._gate.report("ledger", *_doubts(record))
        await self._restoration.follow(record)
        self._report("keys", await self._keys.follow(record))
        self._report("policy", await self._policy.follow(record))
        self._policy.put_facts_in_force()
        self._record = record
        await self._settle(record)

    async def _notice(self, known: ControlRecord, found: ControlRecord) -> None:
        """Say that the ledger went back: from the next look on it is known as what it is now."""
        why = f"it went back from change {known.version} to {found.version}"
        self._gate.report("ledger", _went_back(why))
        await self._restoration.suspect(why)
        self._record = None

    def _unfit(self, record: ControlRecord | None) -> Hindrance | None:
        """Tell what keeps this broker from working with the ledger at all."""
        known = self._record
        if record is None:
            return None
        if known is not None and known.epoch != record.epoch:
            return _lost(known)
        misfit = self._control.misfit(record)
        return Hindrance(misfit, "then restart this broker") if misfit else None

    async def _settle(self, record: ControlRecord) -> None:
        done = (record.manifest, record.revision)
        if done != self._settled:
            await self._control.settle(record)
            self._settled = done

    def _report(self, what: str, hindrance: Hindrance | None) -> None:
        self._gate.report(what, *([] if hindrance is None else [hindrance]))


def _unread(error: StoreUnavailableError) -> Hindrance:
    if isinstance(error, UnreadableRecordError):
        return Hindrance(str(error), "somebody wrote into it: restore the ledger")
    return Hindrance(f"the control record cannot be read: {error}", "bring Redis back")


def _doubts(record: ControlRecord) -> list[Hindrance]:
    return [] if record.suspicion is None else [_went_back(record.suspicion.why)]


def _went_back(why: str) -> Hindrance:
    return Hindrance(
        f"the ledger is not trusted: {why}; all that it held is cut",
        "look at `broker keys list` and `broker revisions list`; then `broker apply --restored`",
    )


def _lost(former: ControlRecord | None) -> Hindrance:
    if former is None:
        return Hindrance(
            "the ledger is empty: no control record", "run `broker keys init` and `broker apply`"
        )
    return Hindrance(
        f"the ledger of epoch {former.epoch} is gone or was swapped",
        "bring it back; or end what it held, then restart the brokers to accept the new one",
    )
