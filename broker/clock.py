"""The only reader of the wall clock and of the monotonic clock.

Instants are integers: milliseconds since the Unix epoch (``*_ms``), because the ledger's scripts,
which judge them, have no other type. ``docs/adr/0002`` has the reasons.
"""

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """What the rest of the broker may know about time."""

    def now_ms(self) -> int:
        """Return this machine's wall clock, in milliseconds since the epoch."""
        ...

    def monotonic_ms(self) -> int:
        """Return a clock that never goes back, in milliseconds; only differences mean anything."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def now_ms(self) -> int:
        """Return the wall clock, in milliseconds since the epoch."""
        return time.time_ns() // 1_000_000  # noqa: TID251 - here, and nowhere else

    def monotonic_ms(self) -> int:
        """Return the monotonic clock, in milliseconds."""
        return time.monotonic_ns() // 1_000_000


def rfc3339(instant_ms: int) -> str:
    """Write an instant for people and JSON: RFC 3339, UTC, milliseconds."""
    return f"{_second(instant_ms // 1000)}.{instant_ms % 1000:03d}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    """Write a second. Remembered: most instants that are written lie close together."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
