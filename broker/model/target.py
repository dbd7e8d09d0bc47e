"""A credential at a target of its own: which target, and how far its death there has come."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class TargetRef:
    """The target that a credential was made for: its name here, and who it was by its own word.

    ``trail`` is what it said of the credential once that existed; activating adds it.
    ``probe`` is the kind's own: how to try whether the target refuses the credential.
    """

    name: str
    identity: str
    trail: str = ""
    probe: str = ""


class DeathState(StrEnum):
    """How far the death of a credential at its target has come."""

    REQUESTED = "requested"
    """It has ended in the ledger; the target has not been asked yet."""
    PENDING = "pending"
    """The target did not answer, or said no: it will be asked again."""
    ACCEPTED = "accepted"
    """The target has the order; it will be asked again."""
    CONFIRMED = "confirmed"
    """The target refuses it."""
    EXPIRED = "expired"
    """It has died of age there, sessions included."""
    IRREVOCABLE = "irrevocable"
    """Nobody can take it back: it dies of age."""


SETTLED = frozenset({DeathState.CONFIRMED, DeathState.EXPIRED})


@dataclass(frozen=True, slots=True)
class TargetDeath:
    """Where the killing of an ended credential stands.

    ``why`` is a word of :class:`backends.errors.Trouble`, or empty. Instants are the ledger's, in
    milliseconds; 0 stands for none.
    """

    state: DeathState
    why: str = ""
    tries: int = 0
    tried_at_ms: int = 0
    next_at_ms: int = 0
    settled_at_ms: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.state in SETTLED

    def to_text(self) -> str:
        """Write it as the ledger's scripts do."""
        words = (self.state, self.why or "-", self.tries, self.tried_at_ms, self.next_at_ms)
        return " ".join(map(str, (*words, self.settled_at_ms)))

    @classmethod
    def parse(cls, text: str) -> "TargetDeath":
        """Read what a script wrote.

        Raises:
            ValueError: it is none.
        """
        state, why, tries, tried_at, next_at, settled_at = text.split(" ")
        return cls(
            DeathState(state),
            "" if why == "-" else why,
            int(tries),
            int(tried_at),
            int(next_at),
            int(settled_at),
        )
