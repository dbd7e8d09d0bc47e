"""What ``/readyz`` says: whether access is given, and if not, why and what to do."""

from typing import Literal, Protocol

from broker.gate import Gate
from broker.http.services import FactsState, Readiness, Reason

DRAIN = "drain"
"""The word under which a stopping broker closes its gate."""


class Known(Protocol):
    """What is known of the facts."""

    @property
    def revision(self) -> int:
        """Which revision decisions read."""
        ...

    @property
    def age_ms(self) -> int:
        """How long ago it was confirmed to be the newest."""
        ...


def readiness(gate: Gate, durability: str, facts: Known) -> Readiness:
    """Read the gate."""
    hindrances = gate.hindrances()
    draining = any(word == DRAIN for word, _, _ in hindrances)
    shut: Literal["draining", "revoke-only"] = "draining" if draining else "revoke-only"
    return Readiness(
        is_ready=gate.is_open,
        mode="full" if gate.is_open else shut,
        durability=durability,
        facts=FactsState(facts.revision, facts.age_ms),
        reasons=tuple(Reason(f"{word}: {what}", remedy) for word, what, remedy in hindrances),
    )
