"""How old the view of the ledger is, by this machine's clocks alone.

A message says when the ledger was read, by the ledger's clock. The smallest difference between
receiving and reading that a connection has shown is taken for the difference of the two clocks;
whatever a later message takes longer is delay, and delay is age. So a constant offset of the
clocks does not matter, and a message held back on its way cannot pass for news.

What this cannot see is a delay that was there from a connection's first message on; the
subscription bounds it by giving up on connections that do not answer in time.
"""

from broker.clock import Clock


class Freshness:
    """The age of the newest complete reading."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_ms: int | None = None
        self._as_of: tuple[int, int] | None = None

    def restart(self) -> None:
        """Forget the clocks' difference: a new connection may lead to another ledger clock."""
        self._offset_ms = None

    def forget(self) -> None:
        """Forget what was read: something in it is missing."""
        self._as_of = None

    def note(self, read_at_ms: int, *, is_complete: bool) -> None:
        """Take in one reading; only a complete one makes the view younger."""
        received_ms = self._clock.monotonic_ms()
        offset_ms = received_ms - read_at_ms
        self._offset_ms = offset_ms if self._offset_ms is None else min(self._offset_ms, offset_ms)
        if is_complete:
            delay_ms = offset_ms - self._offset_ms
            as_of = (received_ms - delay_ms, self._clock.now_ms() - delay_ms)
            self._as_of = as_of if self._as_of is None else max(self._as_of, as_of)

    def age_ms(self) -> int | None:
        """Return how long ago the ledger was last read completely; None if it never was.

        The wall clock has a say too, because the monotonic one stands still while a machine
        sleeps; whichever clock says older is believed.
        """
        if self._as_of is None:
            return None
        monotonic_ms, wall_ms = self._as_of
        return max(self._clock.monotonic_ms() - monotonic_ms, self._clock.now_ms() - wall_ms)
