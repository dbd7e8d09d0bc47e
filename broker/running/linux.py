"""What Linux can do for a run, and other systems cannot: there these are without effect."""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36

_IS_LINUX: Final = sys.platform == "linux"

_MOUNTS: Final = Path("/proc/self/mountinfo")
_MEMORY: Final = frozenset({"tmpfs", "ramfs"})


def hide_memory() -> None:
    """Keep this process out of core dumps, and its memory and variables from the same user."""
    _prctl(_PR_SET_DUMPABLE, 0)


def die_with_parent(parent: int) -> None:
    """Have the kernel send this process SIGTERM when its parent dies; it survives an ``exec``."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def adopt_orphans() -> None:
    """Become the parent of whatever our descendants leave behind."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def children() -> list[int]:
    """Return the processes whose parent we are."""
    return [pid for pid in _processes() if _parent_of(pid) == os.getpid()] if _IS_LINUX else []


def is_in_memory(folder: Path, mounts: Path = _MOUNTS) -> bool:
    """Tell whether what is written there stays in memory; what cannot be known is on a disk."""
    try:
        device = folder.stat().st_dev
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    here = f"{os.major(device)}:{os.minor(device)}"
    kinds = [_kind_of(line) for line in lines if line.split(" ")[2:3] == [here]]
    return bool(kinds) and _MEMORY.issuperset(kinds)


def _kind_of(mount: str) -> str:
    # Optional fields come before the dash (proc_pid_mountinfo(5)); spaces in paths are escaped.
    return mount.partition(" - ")[2].partition(" ")[0]


def _prctl(option: int, value: int) -> None:
    if _IS_LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _processes() -> Iterator[int]:
    with os.scandir("/proc") as found:
        yield from [int(each.name) for each in found if each.name.isdecimal()]


def _parent_of(pid: int) -> int:
    with contextlib.suppress(OSError):
        # The second field is the program's name in brackets, and may hold anything, also brackets.
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return int(text.rpartition(")")[2].split()[1])
    return 0
