"""Messages of PostgreSQL's protocol 3.0: a type, a length, a body (manual, "Message Formats")."""

import struct
from dataclasses import dataclass, field
from typing import Final

from broker.proxy.problem import malformed
from broker.proxy.wire import Wire

HEADER_BYTES: Final = 5
LENGTH_BYTES: Final = 4
"""The length counts itself, not the type."""

AUTHENTICATION: Final = b"R"
ERROR: Final = b"E"
NOTICE: Final = b"N"
KEY_DATA: Final = b"K"
PARAMETER: Final = b"S"
PASSWORD: Final = b"p"
READY: Final = b"Z"
"""Types that are dealt with here; all others only pass."""

_NUMBER: Final = struct.Struct("!i")


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Its body may be anybody's secret."""

    kind: bytes
    body: bytes = field(repr=False)

    def render(self) -> bytes:
        """Write it."""
        return self.kind + number(len(self.body) + LENGTH_BYTES) + self.body


def number(value: int) -> bytes:
    """Write a signed number of four bytes."""
    return _NUMBER.pack(value)


def to_number(data: bytes) -> int:
    """Read the first four bytes as a signed number.

    Raises:
        RefusedError: there are fewer.
    """
    if len(data) < _NUMBER.size:
        raise malformed("a message is too short")
    value: int = _NUMBER.unpack_from(data)[0]
    return value


def text(value: str) -> bytes:
    """Write a text with its end."""
    return value.encode() + b"\0"


def texts(data: bytes) -> list[bytes]:
    """Read a list of texts, which an empty one ends.

    Raises:
        RefusedError: the data end otherwise.
    """
    if not data.endswith(b"\0"):
        raise malformed("a list of texts has no end")
    *found, last = data[:-1].split(b"\0")
    if last:
        raise malformed("a list of texts ends within a text")
    return found


async def read_message(wire: Wire, seconds: float, most_bytes: int) -> Message:
    """Read one whole message.

    Args:
        wire: where from.
        seconds: how long its header, and then its body, may take.
        most_bytes: how long its body may be.

    Raises:
        RefusedError: its length cannot be meant, or is too great.
        GoneError: the peer has closed, or is too slow.
    """
    header = await wire.exactly(HEADER_BYTES, seconds)
    length = to_number(header[1:]) - LENGTH_BYTES
    if not 0 <= length <= most_bytes:
        raise malformed("a message has a length that cannot be meant")
    return Message(header[:1], await wire.exactly(length, seconds))
