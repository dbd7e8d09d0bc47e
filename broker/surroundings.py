"""The targets of a broker, each with what it may have of the broker."""

from typing import Protocol

from backends.contract import Surroundings
from broker.clock import Clock
from broker.ids import IdFactory
from broker.login_tokens import EpochSource, LoginTokens, epoch_of
from broker.minting import KeyringSource
from broker.settings.settings import Settings
from broker.targets.settings import load_targets
from broker.targets.target import Told
from broker.targets.targets import Targets, open_targets


class LedgerRead(EpochSource, KeyringSource, Protocol):
    """Who has read the ledger: which one it is, and its keys."""


def targets_of(
    settings: Settings, replica: LedgerRead, clock: Clock, told: Told, ids: IdFactory
) -> Targets:
    """Make the targets that the settings name. Connects to nothing.

    Raises:
        ConfigurationError: something is wrong with them.
    """
    tokens = LoginTokens(settings.issuer, replica, clock=clock, new_id=ids.operation)
    surroundings = Surroundings(lambda: epoch_of(replica), tokens.sign)
    return open_targets(load_targets(settings), surroundings=surroundings, clock=clock, told=told)
