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


@dataclass(frozen=True, slots=True)
class Found:
    """A file: where it is, and how it is called from the folder that was named."""

    path: str
    name: str


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

    def files(self, root: Path) -> Iterator[Found]:
        """Yield the files of a folder, or the one file that was named."""
        start = os.fspath(root)
        if root.is_file():
            yield Found(start, root.name)
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
            mode = entry.stat(follow_symlinks=False).st_mode
        except OSError as error:
            self._coverage.trouble(name, reason(error))
            return
        if stat.S_ISREG(mode):
            yield Found(entry.path, name)
        elif not stat.S_ISDIR(mode):
            self._coverage.left_out["links" if stat.S_ISLNK(mode) else "special files"] += 1
        elif entry.name == _GIT:
            yield from _configuration(entry.path, name)
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


def _configuration(folder: str, name: str) -> Iterator[Found]:
    """Yield Git's own configuration: the addresses in it may hold tokens."""
    path = os.path.join(folder, "config")  # noqa: PTH118 - a name may hold what no Path would keep
    if os.path.isfile(path) and not os.path.islink(path):  # noqa: PTH113, PTH114 - as above
        yield Found(path, f"{name}/config")
