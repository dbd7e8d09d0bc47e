"""Text in pieces of a bounded size, whatever the file: the most that is in memory at one time.

A piece begins a little before the former one ended, so that nothing is cut in two; which matches of
it count is said by :attr:`Piece.fresh`.
"""

import codecs
import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

PIECE: Final = 1024 * 1024
"""Bytes that are looked at together."""

OVERLAP: Final = 32 * 1024
"""Longer than any secret that a rule finds."""

_PROBE: Final = 8 * 1024
_BLOCK: Final = 512
"""Bytes that `st_blocks` counts in (stat(2))."""

_WIDE: Final = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class Readable(Protocol):
    """Bytes that come one after the other."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many, none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text. Matches that begin at ``fresh`` or later come again in the next one."""

    text: bytes
    line: int
    """The number of its first line."""
    fresh: int


class NotTextError(Exception):
    """The bytes are no text: nothing in them is looked for."""


class ChangedError(Exception):
    """The file is another one than when its reading began."""


def pieces(source: Readable, size: int = PIECE) -> Iterator[Piece]:
    """Yield a text in pieces.

    Raises:
        NotTextError: it begins like a binary file.
    """
    first = _filled(source, size)
    decoded = _decoded(first, source)
    if decoded is None:
        if b"\0" in first[:_PROBE]:
            raise NotTextError
        yield from _pieces(first, source, size)
    else:
        yield from _pieces(b"", decoded, size)


def _pieces(buffer: bytes, source: Readable, size: int) -> Iterator[Piece]:
    line = 1
    buffer = buffer or _filled(source, size)
    while buffer:
        more = _filled(source, size)
        if not more:
            yield Piece(buffer, line, len(buffer))
            return
        fresh = _cut(buffer)
        yield Piece(buffer, line, fresh)
        line += buffer.count(b"\n", 0, fresh)
        buffer = buffer[fresh:] + more


def _cut(buffer: bytes) -> int:
    """Return where the next piece begins: at a line's begin, where lines are not too long."""
    earliest = max(len(buffer) - OVERLAP, 1)
    at_line = buffer.find(b"\n", earliest - 1, len(buffer) - OVERLAP // 2) + 1
    return at_line or earliest


def _filled(source: Readable, size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0 and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _decoded(first: bytes, source: Readable) -> "_Decoded | None":
    encoding = _WIDE.get(first[:2])
    if encoding is None or first[2:4] == b"\0\0":
        return None
    return _Decoded(io.BytesIO(first), source, encoding)


class _Decoded:
    """A text of another encoding, as UTF-8."""

    def __init__(self, first: Readable, rest: Readable, encoding: str) -> None:
        self._sources = [first, rest]
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def read(self, size: int, /) -> bytes:
        while self._sources:
            part = self._sources[0].read(size)
            if not part:
                self._sources.pop(0)
            if text := self._decoder.decode(part):
                return text.encode("utf-8", "surrogatepass")
        return b""


class _Bounded:
    """A file, no further than it reached when it was opened: one that grows has an end, too.

    Of a sparse file the holes are passed over: a terabyte of nothing is on disk in a moment.
    """

    def __init__(self, file: BinaryIO, status: os.stat_result) -> None:
        self._file = file
        self._at = 0
        # Files that the kernel makes up have no size, and still something in them.
        self._end = status.st_size or PIECE
        self._is_sparse = status.st_blocks * _BLOCK < status.st_size

    def read(self, size: int, /) -> bytes:
        if self._is_sparse:
            self._pass_over_hole()
        part = self._file.read(min(size, self._end - self._at))
        self._at += len(part)
        return part

    def _pass_over_hole(self) -> None:
        """Go on where there is something again."""
        try:
            data = os.lseek(self._file.fileno(), self._at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:  # ENXIO: nothing comes any more; else it cannot be told
                self._is_sparse = False
                return
            data = self._end
        self._file.seek(data)
        self._at = min(data, self._end)


@contextmanager
def opened(path: str) -> Iterator[Readable]:
    """Open a regular file, and hold at the end that it is still the same.

    Raises:
        OSError: it cannot be opened, or is no regular file (any more).
        ChangedError: it changed while it was read, so what was seen may be no state that it had.
    """
    # Neither a link nor a pipe may have taken the file's place since it was listed.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise OSError(0, "is no file any more")
        yield _Bounded(file, before)
        if _state(os.fstat(descriptor)) != _state(before):
            raise ChangedError


def _state(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns
