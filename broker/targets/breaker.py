"""A target that does not answer is left alone for a while, before one call tries again."""

from broker.clock import Clock


class Breaker:
    """Counts unanswered calls in a row.

    Killing is never held back by it (I5): it only tells how killing went.
    """

    def __init__(self, clock: Clock, *, failures: int, rest_ms: int) -> None:
        self._clock = clock
        self._most = failures
        self._rest_ms = rest_ms
        self._failed = 0
        self._open_until_ms = 0

    @property
    def is_open(self) -> bool:
        """Whether calls are refused at once."""
        return self._failed >= self._most and self._clock.monotonic_ms() < self._open_until_ms

    def admit(self) -> bool:
        """Tell whether a call may be tried; after a rest one may, and the next after another."""
        if self._failed < self._most:
            return True
        if self.is_open:
            return False
        self._open_until_ms = self._clock.monotonic_ms() + self._rest_ms
        return True

    def answered(self) -> None:
        """Note that the target answers, whatever it says."""
        self._failed = 0

    def unanswered(self) -> None:
        """Note that it did not answer."""
        self._failed += 1
        if self._failed >= self._most:
            self._open_until_ms = self._clock.monotonic_ms() + self._rest_ms
