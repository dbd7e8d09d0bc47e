"""Reaching targets from a command that runs beside the brokers, as the ledger's own."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from broker.clock import SystemClock
from broker.errors import ConfigurationError
from broker.governance.registered import Registered
from broker.installation import Installation
from broker.key_state import KeyState
from broker.model.capability import Capability
from broker.signing.keyring import Keyring
from broker.store.control_record import ControlRecord
from broker.surroundings import targets_of
from broker.targets.targets import Targets


class _Untold:
    """Counts nothing: no scrape sees a command."""

    def target_called(self, target: str, operation: str, outcome: str) -> None:
        """Forget it."""


async def _record_of(found: Installation) -> ControlRecord:
    """Read which ledger this is.

    Raises:
        ConfigurationError: it is empty: nothing could be told from what is another's.
        StoreUnavailableError: it does not answer.
    """
    record = await found.ledger.control.read()
    if record is None:
        raise ConfigurationError("the ledger is empty: run `broker keys init` and `broker apply`")
    if misfit := found.ledger.control.misfit(record):
        raise ConfigurationError(misfit)
    return record


class LedgerSeen:
    """Which ledger it is, and its keys: without them some targets let nobody in."""

    def __init__(self, found: Installation, record: ControlRecord, keys: KeyState) -> None:
        self.epoch = record.epoch
        self._control = found.ledger.control
        self._revision = record.revision
        self._keys = keys

    async def capabilities(self) -> Collection[Capability]:
        """Return the published capabilities; none where nothing is published.

        Raises:
            ConfigurationError: what is published is no bundle.
            StoreUnavailableError: the ledger does not answer.
        """
        if not self._revision:
            return ()
        raw = (await self._control.bundle(self._revision)).encode()
        return Registered.read(raw).capabilities.values()

    @property
    def keyring(self) -> Keyring:
        """The published keys.

        Raises:
            UnavailableError: none are published.
        """
        return self._keys.keyring


async def see_ledger(found: Installation) -> LedgerSeen:
    """Read which ledger this is, and load the keys that are here.

    Raises:
        ConfigurationError: it is empty: nothing could be told from what is another's.
        StoreUnavailableError: it does not answer.
    """
    record = await _record_of(found)
    keys = KeyState(found.settings.keys.directory, issuer=found.settings.issuer)
    await keys.follow(record)
    return LedgerSeen(found, record, keys)


@contextmanager
def reached_targets(found: Installation, seen: LedgerSeen) -> Iterator[Targets]:
    """Open the targets of an installation, and let go of them at the end.

    Raises:
        ConfigurationError: they are wrongly declared, or what a kind needs is not installed.
    """
    targets = targets_of(found.settings, seen, SystemClock(), _Untold(), found.ledger.ids)
    try:
        yield targets
    finally:
        targets.close()
