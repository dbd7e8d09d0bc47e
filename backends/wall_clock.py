"""This machine's wall clock, for backends: they know nothing of the broker's."""

import time


def now_ms() -> int:
    """Read it, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000  # noqa: TID251 - a backend has no broker.clock
