"""What every connection of one run shares."""

from dataclasses import dataclass, field

from broker.clock import Clock
from broker.proxy.certificates import TaskAuthority
from broker.proxy.dialling import Dialler
from broker.proxy.limits import Limits
from broker.proxy.rules import Rules
from broker.proxy.source import CredentialSource
from broker.proxy.uses import Uses
from broker.proxy.watching import Words
from broker.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One run's rules, partners and bounds."""

    rules: Rules
    source: CredentialSource
    dialler: Dialler
    authority: TaskAuthority
    uses: Uses
    limits: Limits
    clock: Clock
    given: Words = field(default_factory=Words)
    """All that was put in so far, in every spelling: no answer may bring it to the child."""
    word: Secret
    """By which the child shows that it is this run's."""
    only_declared: bool
    """Refuse every server that is not declared."""
    open_to: frozenset[tuple[str, int]]
    """Hosts and ports that are reached all the same, without a credential."""
