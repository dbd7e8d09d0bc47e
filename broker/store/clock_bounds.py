"""Between which instants the ledger's clock is believed by this broker.

The scripts that give, and the one that finds out what has aged, get these with each call and judge
by them in the same breath: between a look at the clocks and its use nothing can jump.
"""

from dataclasses import dataclass
from typing import Final

from broker.clock import Clock, SystemClock

FAR_MS: Final = 10**15
"""Further than any clock is wrong."""


@dataclass(frozen=True, slots=True)
class ClockBounds:
    """This machine's clock, and how far the ledger's may be from it.

    ``late_ms`` is how much later than now a call may still run: its deadline.
    """

    clock: Clock
    max_skew_ms: int
    late_ms: int

    def around_now(self) -> tuple[int, int]:
        """Return the earliest and the latest instant that a call that begins now may see."""
        now_ms = self.clock.now_ms()
        return now_ms - self.max_skew_ms, now_ms + self.max_skew_ms + self.late_ms


ANY_TIME: Final = ClockBounds(SystemClock(), max_skew_ms=FAR_MS, late_ms=0)
"""For those who give nothing and let nothing age."""
