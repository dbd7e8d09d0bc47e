"""How long to wait before trying again."""

import secrets
from collections.abc import Callable
from typing import Final

SYSTEM_RANDOM: Final = secrets.SystemRandom().random
"""Draws from 0 to 1, by the operating system."""


class Backoff:
    """Delays that double up to a cap, each a random part of it, so that no herd comes back at once.

    (Full jitter: every delay lies between nothing and the current bound.)
    """

    def __init__(
        self,
        *,
        first_seconds: float = 0.1,
        cap_seconds: float = 5.0,
        random: Callable[[], float] = SYSTEM_RANDOM,
    ) -> None:
        self._first_seconds = first_seconds
        self._cap_seconds = cap_seconds
        self._random = random
        self._bound_seconds = first_seconds

    def reset(self) -> None:
        """Begin again with the shortest delay, because something worked."""
        self._bound_seconds = self._first_seconds

    def next_seconds(self) -> float:
        """Return the next delay, in seconds."""
        delay = self._bound_seconds * self._random()
        self._bound_seconds = min(self._bound_seconds * 2, self._cap_seconds)
        return delay
