"""Stopping a process so that it does nothing more from the moment that we go on."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE_S = 20.0
"""After this a test is stuck, and fails."""


def freeze(pid: int) -> None:
    """Send SIGSTOP, and wait until every thread has heard it: one may be answering somebody yet.

    Raises:
        TimeoutError: it goes on.
    """
    os.kill(pid, signal.SIGSTOP)
    ends = time.monotonic() + PATIENCE_S
    while any(state != "T" for state in _states(pid)):
        if time.monotonic() > ends:
            raise TimeoutError(f"{pid} was not stopped")
        time.sleep(0.002)


def _states(pid: int) -> Iterator[str]:
    """Yield how each thread is; nothing where the system does not tell."""
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            yield stat.read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            continue  # it has ended meanwhile
