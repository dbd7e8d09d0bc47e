"""Clocks that a test moves by hand."""

from broker.clock import SystemClock


class FakeClock:
    """Both clocks of :class:`broker.clock.Clock`; they move together unless a test steps one."""

    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self._now_ms = now_ms
        self._monotonic_ms = 5_000

    def now_ms(self) -> int:
        """Return the wall clock."""
        return self._now_ms

    def monotonic_ms(self) -> int:
        """Return the monotonic clock."""
        return self._monotonic_ms

    def advance(self, ms: int) -> None:
        """Let time pass."""
        self._now_ms += ms
        self._monotonic_ms += ms

    def set_wall(self, now_ms: int) -> None:
        """Step the wall clock; the monotonic one does not notice."""
        self._now_ms = now_ms


class WrongClock(SystemClock):
    """This machine's clocks, the wall clock wrong by as much as a test says."""

    def __init__(self) -> None:
        self.shift_ms = 0

    def now_ms(self) -> int:
        """Return a wall clock that is wrong."""
        return super().now_ms() + self.shift_ms
