"""What came of one attempt to tell somebody."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from broker.notices.notice import Notice, Wishes


@dataclass(frozen=True, slots=True)
class Delivered:
    """Whoever is told has said that it arrived."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not arrive, or nobody knows whether it did.

    ``why`` is in our words and holds nothing that the other side sent.
    """

    why: str
    retry_after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Stopped:
    """The receiver wants no more of them (410)."""


Outcome = Delivered | Failed | Stopped


class Receiver(Protocol):
    """Somebody who is told."""

    @property
    def name(self) -> str:
        """How it is called in the settings."""
        ...

    @property
    def place(self) -> str:
        """Where it is, as people are shown it: without what may be a secret."""
        ...

    @property
    def wishes(self) -> Wishes:
        """What it is told of."""
        ...

    @property
    def is_alarm(self) -> bool:
        """Whether its answer counts as that an alarm has arrived."""
        ...

    def tell(self, notice: Notice, deadline_ms: int) -> Awaitable[Outcome]:
        """Try once. It takes at most the time given, and raises nothing but a cancellation.

        Twice: the same id arrives twice. Cancelled: it may have arrived.
        """
        ...
