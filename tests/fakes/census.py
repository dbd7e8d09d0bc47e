"""Who is still there: for tests that promise that nobody is."""

import os
import time
from collections.abc import Iterable
from pathlib import Path


def is_running(pid: int) -> bool:
    """Tell whether a process runs. A zombie does not: it waits only for its parent to look."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def all_gone(pids: Iterable[int], *paths: Path, within_seconds: float = 20) -> bool:
    """Wait until no process runs and no path exists; False if something stayed."""
    remaining = list(pids)
    give_up = time.monotonic() + within_seconds
    while time.monotonic() < give_up:
        remaining = [pid for pid in remaining if is_running(pid)]
        if not remaining and not any(path.exists() for path in paths):
            return True
        time.sleep(0.02)
    return False
