"""What a process has used, and where it listens: read from ``/proc``, so Linux only."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"
"""A socket's state in ``/proc/net/tcp`` (include/net/tcp_states.h, TCP_LISTEN)."""


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time of these processes, user and system, all threads.

    Raises:
        FileNotFoundError: one of them has ended.
    """
    ticks = sum(sum(_times(pid)) for pid in pids)
    return ticks / os.sysconf("SC_CLK_TCK")


def waited_seconds(pid: int) -> float:
    """Return how long a process's first thread was ready to run while others had the CPUs.

    A command of Redis that is interrupted looks as long as one that works.
    """
    return int((_PROC / str(pid) / "schedstat").read_text().split()[1]) / 1e9


def listens(pid: int, port: int) -> bool:
    """Tell whether a process itself listens on a TCP port (several may share it)."""
    own = {f"socket:[{inode}]" for inode in _listeners(port)}
    try:
        descriptors = list((_PROC / str(pid) / "fd").iterdir())
        return any(str(descriptor.readlink()) in own for descriptor in descriptors)
    except FileNotFoundError:  # it closed one, or ended
        return False


def _times(pid: int) -> tuple[int, int]:
    # The second field is the program's name in parentheses, and may hold anything.
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def _listeners(port: int) -> list[str]:
    rows = [row.split() for row in (_PROC / "net" / "tcp").read_text().splitlines()[1:]]
    return [
        row[9]
        for row in rows
        if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port
    ]
