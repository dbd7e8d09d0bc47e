"""Clocks that move only when a test moves them."""


class ManualClock:
    """Implements :class:`broker.clock.Clock`; both clocks may be moved apart."""

    def __init__(self, now_ms: int = 1_800_000_000_000, monotonic_ms: int = 50_000) -> None:
        self._now_ms = now_ms
        self._monotonic_ms = monotonic_ms

    def now_ms(self) -> int:
        """Return the wall clock."""
        return self._now_ms

    def monotonic_ms(self) -> int:
        """Return the monotonic clock."""
        return self._monotonic_ms

    def advance(self, milliseconds: int) -> None:
        """Let time pass for both."""
        self._now_ms += milliseconds
        self._monotonic_ms += milliseconds

    def step_wall(self, milliseconds: int) -> None:
        """Set the wall clock, as an administrator or a time server would."""
        self._now_ms += milliseconds
