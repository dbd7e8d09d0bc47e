"""The targets of a broker, each with what it may have of the broker."""

from backends.contract import Surroundings
from broker.clock import Clock
from broker.ids import IdFactory
from broker.login_tokens import LoginTokens, epoch_of
from broker.replica import Replica
from broker.settings.settings import Settings
from broker.targets.settings import load_targets
from broker.targets.target import Told
from broker.targets.targets import Targets, open_targets


def targets_of(
    settings: Settings, replica: Replica, clock: Clock, told: Told, ids: IdFactory
) -> Targets:
    """Make the targets that the settings name. Connects to nothing.

    Raises:
        ConfigurationError: something is wrong with them.
    """
    tokens = LoginTokens(settings.issuer, replica, clock=clock, new_id=ids.operation)
    surroundings = Surroundings(lambda: epoch_of(replica), tokens.sign)
    return open_targets(load_targets(settings), surroundings=surroundings, clock=clock, told=told)
