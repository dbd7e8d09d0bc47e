"""The run's own folder: in memory where the machine has such a place, and gone when the run is.

* Mode 0700, its name drawn by chance; each file 0600, written whole beside its place and then moved
  there: whoever reads meanwhile reads all of the old one or all of the new one.
* A run holds a lock on its folder (``flock``), which dies with it however it dies. So the next run
  can tell whose owner is gone, and removes those.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from broker.running import linux
from broker.running.errors import RunError
from broker.secret import Secret

_PREFIX: Final = "jit-broker-run-"
_NEW: Final = "jit-broker-new-"
"""A folder that has nothing in it yet, and no lock. It is renamed when it has one: no other run can
take it for one whose owner is gone."""

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of ours is made in it, mode 0700


class FolderError(RunError):
    """The run's folder or a file in it cannot be made: the place is full, or not ours."""

    remedy = "Free some space there, or set XDG_RUNTIME_DIR to a folder of your own."


@dataclass(frozen=True, slots=True)
class Where:
    """Where folders of runs are made."""

    base: Path
    is_in_memory: bool


def choose_place(
    environment: Mapping[str, str],
    shared: Path = SHARED_MEMORY,
    is_in_memory: Callable[[Path], bool] = linux.is_in_memory,
) -> Where:
    """Choose the user's runtime folder, else shared memory, else a temporary folder.

    One that is in memory comes first: a runtime folder of somebody's making may be anywhere.

    Raises:
        FolderError: nothing can be written anywhere.
    """
    for place in _places(environment, shared):
        if is_in_memory(place):
            return Where(place, is_in_memory=True)
    for place in _places(environment, shared):
        return Where(place, is_in_memory=False)
    raise FolderError("there is no folder for the run's files")


def _places(environment: Mapping[str, str], shared: Path) -> Iterator[Path]:
    named = environment.get("XDG_RUNTIME_DIR", "")
    if named and _is_our_own(Path(named)):
        yield Path(named)
    if shared.is_dir() and os.access(shared, os.W_OK):
        yield shared
    # Looked for last: finding it means to write into it.
    with contextlib.suppress(FileNotFoundError):
        yield Path(tempfile.gettempdir())


class RunFolder:
    """One run's folder, for as long as its ``with`` block lasts."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._lock = -1
        self.path = base / (_PREFIX + secrets.token_hex(8))

    def __enter__(self) -> Self:
        remove_abandoned(self._base)
        try:
            self._make()
        except OSError as error:
            raise _trouble(self._base, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def write(self, files: Mapping[str, Secret]) -> None:
        """Write files, each at once; nothing is left of one that could not be written.

        Raises:
            FolderError: one cannot be written; those before it were.
        """
        for name, text in files.items():
            self._write(name, text)

    def make(self, name: str) -> Path:
        """Make a folder in it, mode 0700, and return where it is.

        Raises:
            FolderError: it cannot be made.
        """
        folder = self.path / name
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise _trouble(folder, error) from error
        return folder

    def _make(self) -> None:
        made = Path(tempfile.mkdtemp(prefix=_NEW, dir=self._base))
        lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            made.rename(self.path)
        except OSError:
            os.close(lock)
            made.rmdir()
            raise
        self._lock = lock

    def _write(self, name: str, text: Secret) -> None:
        unfinished = self.path / f".{secrets.token_hex(8)}"
        try:
            _write_new(unfinished, text)
            unfinished.replace(self.path / name)
        except OSError as error:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise _trouble(self.path / name, error) from error


def remove_abandoned(base: Path) -> int:
    """Remove what runs have left that were killed; return how many folders that were."""
    return sum(_removed(each) for each in _ours(_entries(base)))


def _entries(base: Path) -> Iterable[os.DirEntry[str]]:
    try:
        with os.scandir(base) as found:
            return [each for each in found if each.name.startswith(_PREFIX)]
    except OSError:
        return []


def _ours(entries: Iterable[os.DirEntry[str]]) -> Iterator[Path]:
    for entry in entries:
        with contextlib.suppress(OSError):
            seen = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid():
                yield Path(entry.path)


def _removed(folder: Path) -> bool:
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return False  # its run is alive
    finally:
        os.close(lock)
    return True


def _write_new(file: Path, text: Secret) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as output:
        output.write(text.reveal().encode())


def _is_our_own(folder: Path) -> bool:
    try:
        seen = folder.stat()
    except OSError:
        return False
    is_closed = stat.S_IMODE(seen.st_mode) & 0o077 == 0
    return stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid() and is_closed


def _trouble(where: Path, error: OSError) -> FolderError:
    return FolderError(f"{where} cannot be written: {error.strerror}")
