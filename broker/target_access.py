"""Reaching targets from a command that runs beside the brokers, as the ledger's own."""

from collections.abc import Iterator
from contextlib import contextmanager

from backends.contract import Surroundings
from broker.clock import SystemClock
from broker.errors import ConfigurationError
from broker.installation import Installation
from broker.key_state import KeyState
from broker.login_tokens import LoginTokens
from broker.store.control_record import ControlRecord
from broker.targets.settings import load_targets
from broker.targets.targets import Targets, open_targets


class _Untold:
    """Counts nothing: no scrape sees a command."""

    def target_called(self, target: str, operation: str, outcome: str) -> None:
        """Forget it."""


async def record_of(found: Installation) -> ControlRecord:
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


async def login_keys(found: Installation, record: ControlRecord) -> KeyState:
    """Load the keys by which a broker says who it is; without them some targets let nobody in."""
    keys = KeyState(found.settings.keys.directory, issuer=found.settings.issuer)
    await keys.follow(record)
    return keys


@contextmanager
def reached_targets(found: Installation, epoch: str, keys: KeyState) -> Iterator[Targets]:
    """Open the targets of an installation, and let go of them at the end.

    Raises:
        ConfigurationError: they are wrongly declared, or what a kind needs is not installed.
    """
    clock = SystemClock()
    tokens = LoginTokens(
        found.settings.issuer, keys, clock=clock, new_id=found.ledger.ids.operation
    )
    targets = open_targets(
        load_targets(found.settings),
        surroundings=Surroundings(lambda: epoch, tokens.sign),
        clock=clock,
        told=_Untold(),
    )
    try:
        yield targets
    finally:
        targets.close()
