"""The trail's file: appended to by one process, never rewritten.

Everything here blocks; :class:`broker.audit.json_lines.JsonLinesSink` calls it in a thread.
"""

import contextlib
import errno
import fcntl
import json
import os
import shlex
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.audit.record import GENESIS, digest
from broker.errors import ConfigurationError
from broker.store.feed_cursors import Cursor

MAX_LINE: Final = 1_048_576
"""No line of ours is longer: a request's body has at most 64 KiB."""

KEEP: Final = "keep it as evidence, and name another file"
"""What to do with a file that was tampered with."""

_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_OTHERS: Final = 0o077


class UnfitTrailError(ConfigurationError):
    """The file cannot be this broker's trail. ``what`` is why, without saying where it is."""

    def __init__(self, path: Path, what: str, remedy: str) -> None:
        super().__init__(f"{path}: {what}: {remedy}")
        self.what = what


class TrailHeldError(Exception):
    """Another process writes the file."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Where a trail ends: its cursor, and its last record (empty in a new trail)."""

    at: Cursor
    record: dict[str, object]


class TrailFile:
    """One trail. Open it first; after an error, open it again."""

    def __init__(self, path: Path, *, is_synced: bool = True) -> None:
        self._path = path
        self._is_synced = is_synced
        self._descriptor = -1
        self._size = 0
        # A caller may give up waiting for a call that hangs; the next one waits for it here.
        self._turn = threading.RLock()

    def open(self) -> Tail:
        """Take the file for this process, cut off what a crash left of a line, and find its end.

        Raises:
            UnfitTrailError: the file is not fit to be a trail.
            TrailHeldError: another process has it.
            OSError: it cannot be written.
        """
        with self._turn:
            self.close()
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = self._opened()
            try:
                self._check()
                return self._find_end()
            except BaseException:
                self.close()
                raise

    def append(self, data: bytes) -> None:
        """Write whole lines, and have them on disk when this returns.

        Raises:
            OSError: nothing counts as written.
        """
        with self._turn:
            self._require_same_file()
            try:
                self._write(data)
            except OSError:
                # If even this fails, opening anew cuts off the half line, and finds the whole ones.
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self._size)
                raise
            self._size += len(data)

    def close(self) -> None:
        """Give the file back."""
        with self._turn:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        if self._is_synced:
            os.fsync(self._descriptor)

    def _opened(self) -> int:
        try:
            return os.open(self._path, _FLAGS, 0o600)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
                raise UnfitTrailError(self._path, "it is not a file", "name a file") from error
            raise

    def _check(self) -> None:
        found, quoted = os.fstat(self._descriptor), shlex.quote(str(self._path))
        if not stat.S_ISREG(found.st_mode):
            raise UnfitTrailError(self._path, "it is not a file", "name a file")
        if found.st_uid != os.geteuid():
            remedy = f"run chown {os.geteuid()} {quoted}"
            raise UnfitTrailError(self._path, "it belongs to somebody else", remedy)
        if found.st_mode & _OTHERS:
            remedy = f"run chmod 600 {quoted}"
            raise UnfitTrailError(self._path, "it is open to group or others", remedy)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrailHeldError from None

    def _find_end(self) -> Tail:
        size = os.fstat(self._descriptor).st_size
        ends = self._line_ends(size)
        end = next(ends, -1) + 1
        if end < size:
            os.ftruncate(self._descriptor, end)
        self._size = end
        if end == 0:
            return Tail(Cursor(0, "", GENESIS), {})
        start = next(ends, -1) + 1
        line = os.pread(self._descriptor, end - 1 - start, start)
        return self._tail_of(line)

    def _line_ends(self, size: int) -> Iterator[int]:
        """Find the line ends, the last one first."""
        block, high = 65_536, size
        while high > 0:
            low = max(0, high - block)
            data = os.pread(self._descriptor, high - low, low)
            at = data.rfind(b"\n")
            while at >= 0:
                yield low + at
                at = data.rfind(b"\n", 0, at)
            high = low

    def _tail_of(self, line: bytes) -> Tail:
        try:
            record = json.loads(line)
            cursor = Cursor(int(record["seq"]), str(record["epoch"]), digest(line))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            what = "its last line is no record of an audit trail"
            raise UnfitTrailError(self._path, what, KEEP) from error
        return Tail(cursor, record)

    def _require_same_file(self) -> None:
        """Notice that the file was removed, replaced or written by somebody else."""
        if self._descriptor < 0:
            raise OSError(errno.EBADF, "the audit file is not open")
        ours, there = os.fstat(self._descriptor), self._path.lstat()
        if (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino):
            raise OSError(errno.ESTALE, "the audit file was replaced")
        if ours.st_size != self._size:
            raise OSError(errno.EIO, "somebody else wrote to the audit file")
