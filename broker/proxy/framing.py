"""Where a body ends (RFC 9112 §6), and passing it on piece by piece.

Bodies are framed anew: a chunk's size is read, never copied, and neither chunk extensions nor
trailers pass. Of requests they are refused, of answers left out.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from broker.proxy.message import AnswerHead, Fields, RequestHead
from broker.proxy.problem import GoneError, RefusedError, bad_answer, malformed
from broker.proxy.wire import PIECE, Wire

_LENGTH: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,15})([ \t]*(?:;[^\r\n]*)?)")
_TRAILERS: Final = 64
"""Lines after the last chunk that are read and left out."""

_NO_BODY: Final = frozenset({204, 304})


class Framing(Enum):
    """How the end of a body is told."""

    LENGTH = auto()
    CHUNKED = auto()
    CLOSE = auto()


@dataclass(frozen=True, slots=True)
class Body:
    """How one body is framed."""

    framing: Framing
    length: int = 0
    strict: bool = True
    """Refuse chunk extensions and trailers, which servers send and clients have no use for."""

    @property
    def is_empty(self) -> bool:
        """Tell whether there is none."""
        return self.framing is Framing.LENGTH and self.length == 0

    def fields(self) -> tuple[tuple[str, str], ...]:
        """Return the field by which it is passed on."""
        if self.framing is Framing.LENGTH:
            return (("Content-Length", str(self.length)),)
        return (("Transfer-Encoding", "chunked"),)

    def frame(self, piece: bytes) -> bytes:
        """Frame a piece as :meth:`fields` promise."""
        if self.framing is Framing.LENGTH or not piece:
            return piece
        return b"%x\r\n%b\r\n" % (len(piece), piece)

    def end(self) -> bytes:
        """Return what is written after the last piece."""
        return b"" if self.framing is Framing.LENGTH else b"0\r\n\r\n"


EMPTY: Final = Body(Framing.LENGTH)


def body_of_request(head: RequestHead) -> Body:
    """Tell how the body of a request is framed.

    Raises:
        RefusedError: by more than one way, or by one that is not understood.
    """
    length, coding = head.fields.one("content-length"), head.fields.one("transfer-encoding")
    if length is not None and coding is not None:
        raise malformed("both Content-Length and Transfer-Encoding are there: send one")
    if coding is not None:
        if coding.lower() != "chunked":
            raise RefusedError(501, "coding", "the only transfer coding is chunked")
        return Body(Framing.CHUNKED)
    if length is None:
        return EMPTY
    if _LENGTH.fullmatch(length) is None:
        raise malformed("Content-Length is not a number")
    return Body(Framing.LENGTH, int(length))


def body_of_answer(head: AnswerHead, method: str) -> Body:
    """Tell how the body of an answer is framed.

    Raises:
        RefusedError: by more than one way, or by one that is not understood.
    """
    if method == "HEAD" or head.status in _NO_BODY or head.status < 200:  # noqa: PLR2004  RFC 9112 §6.3
        return EMPTY
    return _framed(head.fields.all("content-length"), head.fields.all("transfer-encoding"))


def _framed(lengths: list[str], codings: list[str]) -> Body:
    if len(lengths) + len(codings) > 1:
        raise bad_answer("the server frames its answer in two ways")
    if codings:
        if codings[0].lower() != "chunked":
            raise bad_answer("the server's transfer coding is not chunked")
        return Body(Framing.CHUNKED, strict=False)
    if not lengths:
        return Body(Framing.CLOSE)
    if _LENGTH.fullmatch(lengths[0]) is None:
        raise bad_answer("the server's Content-Length is not a number")
    return Body(Framing.LENGTH, int(lengths[0]))


def length_of_head_answer(fields: Fields) -> tuple[tuple[str, str], ...]:
    """Return the Content-Length that an answer without a body tells of, where it is well-formed."""
    lengths = fields.all("content-length")
    fits = len(lengths) == 1 and _LENGTH.fullmatch(lengths[0])
    return (("Content-Length", lengths[0]),) if fits else ()


async def read_body(wire: Wire, body: Body, seconds: float) -> AsyncIterator[bytes]:
    """Read a body piece by piece, each in so many seconds.

    Raises:
        RefusedError: a chunk is malformed.
        GoneError: the peer closed before the end, or is too slow.
    """
    if body.framing is Framing.LENGTH:
        async for piece in _read_length(wire, body.length, seconds):
            yield piece
    elif body.framing is Framing.CHUNKED:
        async for piece in _read_chunks(wire, seconds, strict=body.strict):
            yield piece
    else:
        async for piece in wire.pieces(seconds):
            yield piece


async def _read_length(wire: Wire, length: int, seconds: float) -> AsyncIterator[bytes]:
    while length:
        piece = await wire.piece(min(length, PIECE), seconds)
        if not piece:
            raise GoneError("closed before the end of a body")
        length -= len(piece)
        yield piece


async def _read_chunks(wire: Wire, seconds: float, *, strict: bool) -> AsyncIterator[bytes]:
    while size := _size(await wire.line(seconds), strict=strict):
        async for piece in _read_length(wire, size, seconds):
            yield piece
        if await wire.exactly(2, seconds) != b"\r\n":
            raise malformed("a chunk does not end where it says")
    for _ in range(_TRAILERS):
        if not await wire.line(seconds):
            return
        if strict:
            break
    raise malformed("there are fields after the body: leave them out")


def _size(line: bytes, *, strict: bool) -> int:
    match = _CHUNK.fullmatch(line)
    if match is None or (strict and match[2]):
        raise malformed("a chunk's size is not a bare number: leave extensions out")
    return int(match[1], 16)
