"""What ``/readyz`` says: whether access is given, and if not, why and what to do."""

from typing import Literal

from broker.gate import Gate
from broker.http.services import FactsState, Readiness, Reason

DRAIN = "drain"
"""The word under which a stopping broker closes its gate."""


def readiness(gate: Gate, durability: str, facts: FactsState) -> Readiness:
    """Read the gate."""
    hindrances = gate.hindrances()
    draining = any(word == DRAIN for word, _, _ in hindrances)
    shut: Literal["draining", "revoke-only"] = "draining" if draining else "revoke-only"
    return Readiness(
        is_ready=gate.is_open,
        mode="full" if gate.is_open else shut,
        durability=durability,
        facts=facts,
        reasons=tuple(Reason(f"{word}: {what}", remedy) for word, what, remedy in hindrances),
    )
