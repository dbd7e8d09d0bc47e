"""Where messages begin and end in a stream of them, however it comes in pieces."""

import struct
from typing import Final

from broker.proxy.postgres.messages import HEADER_BYTES, LENGTH_BYTES
from broker.proxy.problem import bad_answer

_LENGTH: Final = struct.Struct("!xi")


class Frames:
    """Follows a stream; it is never held back for that."""

    def __init__(self) -> None:
        self._left = 0
        """Bytes until the next message begins."""
        self._begun = b""
        """A header that is not all there."""

    @property
    def is_between(self) -> bool:
        """Tell whether all that has begun is whole."""
        return not (self._left or self._begun)

    def follow(self, piece: bytes) -> None:
        """Take the next piece.

        Raises:
            RefusedError: a length cannot be meant; nobody knows where the next message begins.
        """
        data = self._begun + piece if self._begun else piece
        at, size = self._left, len(data)
        while at + HEADER_BYTES <= size:
            (length,) = _LENGTH.unpack_from(data, at)
            if length < LENGTH_BYTES:
                raise bad_answer("the server sends a message that cannot be read")
            at += 1 + length
        self._left = max(at - size, 0)
        self._begun = data[at:]
