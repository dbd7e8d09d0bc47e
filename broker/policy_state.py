"""The policies as this broker has them: the published revision, or who is registered and no more.

- A bundle that this broker cannot load gives nothing, and the former one decides nothing meanwhile.
- Who is registered is known all the same, as far as any published bundle says so: taking access
  away needs no policy (I5).
"""

import asyncio
from typing import Final

from broker.errors import ConfigurationError, UnavailableError
from broker.facts.facts import Facts
from broker.facts_replica import FactsReplica
from broker.gate import Hindrance
from broker.governance.bundle import Bundle
from broker.governance.published import Build, Current, Published
from broker.governance.registered import Registered
from broker.store.control import ControlStore
from broker.store.control_record import ControlRecord

_LOOK_BACK: Final = 10
"""Revisions looked at for who was registered, when a broker starts on one that is no bundle."""


class PolicyState:
    """Follows the revision of the control record, over the facts that were followed last."""

    def __init__(self, control: ControlStore, facts: FactsReplica, build: Build) -> None:
        self._control = control
        self._facts = facts
        self._published_of = build
        self._current = Current()
        self._read_last: tuple[int, Facts] | None = None
        self._announced = 0
        self._registered: Registered | None = None

    @property
    def published(self) -> Published:
        """The revision in force here.

        Raises:
            UnavailableError: none is.
        """
        return self._current.published

    @property
    def revision(self) -> int:
        """The number of the revision in force here, 0 when there is none."""
        return self._current.revision

    @property
    def registered(self) -> Registered:
        """Who is registered: known even while the published policies cannot be loaded.

        Raises:
            UnavailableError: nothing readable was ever published.
        """
        if self._registered is None:
            raise UnavailableError("nobody is registered: run `broker apply`")
        return self._registered.over(self._facts.facts) if self._facts.is_read else self._registered

    def put_facts_in_force(self) -> None:
        """Let decisions read the facts that were followed last, if policy is here, too."""
        if self._current.revision and self._facts.is_read:
            facts = self._facts.facts
            if self._read_last != (self._current.revision, facts):
                self._current.replace(self._current.published.with_facts(facts))
                self._read_last = (self._current.revision, facts)

    async def follow(self, record: ControlRecord) -> Hindrance | None:
        """Take up what is new; return why nothing can be decided, or None.

        Raises:
            StoreUnavailableError: the ledger does not answer; what is loaded stays.
        """
        if record.revision == 0:
            return Hindrance("nothing is published", "run `broker apply`")
        try:
            if record.revision != self._current.revision:
                await self._load(record)
        except (ConfigurationError, UnavailableError) as error:
            return Hindrance(
                f"revision {record.revision} cannot be loaded: {error}",
                "run `broker apply` with files that this version understands",
            )
        if record.suspicion is not None:
            return None
        announced = await self._control.announced()
        is_stuck = announced > record.revision and announced == self._announced
        self._announced = announced
        return _half_published(announced) if is_stuck else None

    async def _load(self, record: ControlRecord) -> None:
        raw = (await self._control.bundle(record.revision)).encode()
        if record.revision > self._current.revision:
            # First, so that operators can act whatever the policies are worth.
            await self._register(raw, record.revision)
        # Parsing and self-testing take tens of milliseconds: not on the event loop.
        self._put_in_force(await asyncio.to_thread(self._build, raw, record))

    async def _register(self, raw: bytes, revision: int) -> None:
        try:
            self._registered = Registered.read(raw)
        except ConfigurationError:
            if self._registered is None:
                self._registered = await self._formerly_registered(revision)
            raise

    async def _formerly_registered(self, revision: int) -> Registered | None:
        """Find out who was registered last: enough to let them take access away, and no more."""
        for former in range(revision - 1, max(0, revision - 1 - _LOOK_BACK), -1):
            try:
                return Registered.read((await self._control.bundle(former)).encode())
            except (ConfigurationError, UnavailableError):
                continue
        return None

    def _put_in_force(self, built: Published) -> None:
        if self._facts.is_read:
            built = built.with_facts(self._facts.facts)
        if not self._current.replace(built):
            # An older revision under the same epoch: the ledger was rolled back.
            raise UnavailableError(
                f"this broker has seen revision {self._current.revision} of this ledger already"
            )

    def _build(self, raw: bytes, record: ControlRecord) -> Published:
        bundle = Bundle.from_bytes(raw)
        if bundle.digest != record.digest:
            raise ConfigurationError("it is not what was published: its digest is another")
        return self._published_of(bundle, record.revision)


def _half_published(revision: int) -> Hindrance:
    return Hindrance(
        f"revision {revision} was announced and never published, so no decision is new enough",
        "run `broker apply` again: its last run died halfway",
    )
