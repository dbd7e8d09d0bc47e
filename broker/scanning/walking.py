"""Every file below a folder, in a stable order, without following a link.

So no loop of links holds it, and it never leaves the folder. Folders of other people's code and of
caches are left out, and counted; so is Git's own folder, but for its configuration.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.scanning.coverage import Coverage, reason

LEFT_OUT: Final = frozenset(
    [
        *(".venv", "venv", "node_modules", "bower_components", "__pycache__"),
        *("site-packages", ".tox", ".nox", ".mypy_cache", ".ruff_cache"),
        *(".pytest_cache", ".hypothesis", ".cache", ".import_linter_cache", ".gradle"),
        *(".terraform"),
    ]
)
"""Folders that hold what others wrote, or what a tool can make again."""

_GIT: Final = ".git"
_MOUNTS: Final = Path("/proc/self/mounts")
_MADE_UP: Final = frozenset(
    [
        *("proc", "sysfs", "devpts", "devtmpfs", "cgroup", "cgroup2", "securityfs", "debugfs"),
        *("tracefs", "configfs", "bpf", "pstore", "mqueue", "binfmt_misc", "efivarfs"),
    ]
)
"""File systems in which nobody keeps a file: what is in them the kernel makes up, without end."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file: where it is, and how it is called from the folder that was named."""

    path: str
    name: str
    size: int = 0
    """In bytes, when it was listed."""


class Walk:
    """Walks folders. ``is_wanted`` is asked for each file and folder by its name from the root."""

    def __init__(
        self,
        coverage: Coverage,
        is_wanted: Callable[[str], bool] = lambda _: True,
        *,
        with_all: bool = False,
    ) -> None:
        self._coverage = coverage
        self._is_wanted = is_wanted
        self._left_out = frozenset() if with_all else LEFT_OUT
        self._of_kernel = _kernel_folders()

    def files(self, root: Path) -> Iterator[Found]:
        """Yield the files of a folder, or the one file that was named."""
        start = os.fspath(root)
        if root.is_file():
            yield Found(start, root.name, root.stat().st_size)
            return
        waiting = [(start, "")]
        while waiting:
            folder, name = waiting.pop()
            below: list[tuple[str, str]] = []
            for entry in self._entries(folder):
                yield from self._look_at(entry, f"{name}{entry.name}", below)
            waiting += reversed(below)

    def _look_at(
        self, entry: "os.DirEntry[str]", name: str, below: list[tuple[str, str]]
    ) -> Iterator[Found]:
        if not self._is_wanted(name):
            self._coverage.left_out["excluded"] += 1
            return
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            self._coverage.trouble(name, reason(error))
            return
        mode = status.st_mode
        if stat.S_ISREG(mode):
            yield Found(entry.path, name, status.st_size)
        elif not stat.S_ISDIR(mode):
            self._coverage.left_out["links" if stat.S_ISLNK(mode) else "special files"] += 1
        elif entry.name == _GIT:
            yield from _configuration(entry.path, name)
        elif entry.path in self._of_kernel:
            self._coverage.left_out["folders of the kernel"] += 1
        elif entry.name in self._left_out:
            self._coverage.left_out["folders"] += 1
        else:
            below.append((entry.path, f"{name}/"))

    def _entries(self, folder: str) -> "list[os.DirEntry[str]]":
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self._coverage.trouble(folder, reason(error))
            return []


def _kernel_folders() -> frozenset[str]:
    """Return where file systems of the kernel are mounted; nothing where that cannot be told."""
    try:
        lines = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return frozenset()
    fields = (line.split(" ") for line in lines)
    return frozenset(words[1] for words in fields if len(words) > 2 and words[2] in _MADE_UP)  # noqa: PLR2004 - device, place, kind


def _configuration(folder: str, name: str) -> Iterator[Found]:
    """Yield Git's own configuration: the addresses in it may hold tokens."""
    path = os.path.join(folder, "config")  # noqa: PTH118 - a name may hold what no Path would keep
    if os.path.isfile(path) and not os.path.islink(path):  # noqa: PTH113, PTH114 - as above
        yield Found(path, f"{name}/config")
