"""An incremental reader of server-sent events (WHATWG HTML, "Interpreting an event stream").

Bytes may be cut anywhere, between any two of them; the events are the same. Memory is bounded:
a line or an event that grows beyond the bound is an error, not a buffer. Fields that this product
does not use (``retry``) are passed over, as the standard demands for unknown ones.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"


class SseOverflowError(Exception):
    """A line, or the lines of one event, grew beyond the bound."""


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event: its type (``message`` when none was named), the last id so far, and its data."""

    type: str
    id: str
    data: bytes


class SseParser:
    """Turns the bytes of one connection into events. Make a new one for each connection."""

    def __init__(self, *, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._line = bytearray()
        self._ends_in_cr = False
        self._is_first_line = True
        self._type = b""
        self._id = b""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[SseEvent]:
        """Take in some bytes and yield the events that they complete.

        Raises:
            SseOverflowError: the bound is passed; the parser is of no further use.
        """
        for line in self._lines(chunk):
            if line:
                self._read_field(line)
            elif (event := self._dispatch()) is not None:
                yield event

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        if not chunk:
            return
        start = 1 if self._ends_in_cr and chunk.startswith(b"\n") else 0
        self._ends_in_cr = chunk.endswith(b"\r")
        for end in _LINE_END.finditer(chunk, start):
            self._grow(chunk[start : end.start()])
            start = end.end()
            yield self._take_line()
        self._grow(chunk[start:])

    def _grow(self, part: bytes) -> None:
        self._line += part
        if len(self._line) + self._data_bytes > self._max_event_bytes:
            raise SseOverflowError("an event of the stream is too big")

    def _take_line(self) -> bytes:
        line = bytes(self._line)
        self._line.clear()
        if self._is_first_line:
            self._is_first_line = False
            return line.removeprefix(_BOM)
        return line

    def _read_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
        elif name == b"event":
            self._type = value
        elif name == b"id" and b"\0" not in value:
            self._id = value

    def _dispatch(self) -> SseEvent | None:
        event = SseEvent(
            type=self._type.decode(errors="replace") or "message",
            id=self._id.decode(errors="replace"),
            data=b"\n".join(self._data),
        )
        has_data = bool(self._data)
        self._type, self._data_bytes = b"", 0
        self._data.clear()
        return event if has_data else None
