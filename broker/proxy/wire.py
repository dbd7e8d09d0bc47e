"""Bytes to and from one peer, each wait bounded.

Whatever a peer does wrong at this level is a :class:`GoneError` (it is away, or silent) or a
:class:`RefusedError` (it breaks the rules of lines); nothing of asyncio's own errors gets out.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from broker.proxy.problem import GoneError, RefusedError, malformed

PIECE: Final = 65_536
"""The most that is held of a body at a time."""

_LINE_END: Final = b"\r\n"


class SilentError(GoneError):
    """The peer is there and says nothing, or takes nothing."""


@contextlib.contextmanager
def _as_gone() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise SilentError("silent") from error
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        raise GoneError(type(error).__name__) from error


class Wire:
    """One connection, read and written by one exchange at a time."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        beneath: "Wire | None" = None,
    ) -> None:
        """Take both ways of a connection.

        Args:
            reader: what the peer says.
            writer: what is said to it.
            beneath: the connection in the clear that TLS is spoken over. It is kept here, because
                a writer that nobody keeps closes what it wrote to.
        """
        self._reader = reader
        self.writer = writer
        self._beneath = beneath

    @property
    def is_idle(self) -> bool:
        """Tell whether the peer still listens."""
        return not (self._reader.at_eof() or self.writer.is_closing())

    async def is_quiet(self) -> bool:
        """Tell whether the peer is there, and has said nothing since it was last read.

        What it said is lost: it was said to nobody.
        """
        if not self.is_idle:
            return False
        with contextlib.suppress(OSError, EOFError):
            try:
                async with asyncio.timeout(0):
                    await self._reader.read(1)
            except TimeoutError:
                return True
        return False

    async def head(self, first: float, rest: float, limit: int) -> list[bytes] | None:
        """Read the lines of a head, without their ends; None when the peer has closed instead.

        Args:
            first: seconds that the peer may take to begin.
            rest: seconds that it may take from then on.
            limit: bytes of all lines.

        Raises:
            RefusedError: a line ends otherwise than by CR LF, or they are too long.
            GoneError: the peer closed in the middle, or is too slow.
        """
        try:
            async with asyncio.timeout(first):
                begun = await self._reader.readexactly(1)
        except TimeoutError as error:
            raise SilentError("silent") from error
        except (OSError, EOFError):
            return None
        with _as_gone():
            async with asyncio.timeout(rest):
                return await self._lines(begun, limit)

    async def _lines(self, begun: bytes, limit: int) -> list[bytes]:
        lines: list[bytes] = []
        left = limit
        while True:
            try:
                line = begun + await self._reader.readuntil(b"\n") if begun != b"\n" else begun
            except asyncio.LimitOverrunError:
                raise _too_long() from None
            begun = b""
            left -= len(line)
            if left < 0:
                raise _too_long()
            if not line.endswith(_LINE_END):
                raise malformed("a line does not end by CR LF")
            if line == _LINE_END:
                return lines
            lines.append(line[:-2])

    async def line(self, seconds: float) -> bytes:
        """Read one short line of a chunked body, without its end."""
        with _as_gone():
            async with asyncio.timeout(seconds):
                line = await self._reader.readuntil(b"\n")
        if not line.endswith(_LINE_END):
            raise malformed("a line does not end by CR LF")
        return line[:-2]

    async def piece(self, at_most: int, seconds: float) -> bytes:
        """Read what there is; nothing when the peer has closed."""
        with _as_gone():
            async with asyncio.timeout(seconds):
                return await self._reader.read(min(at_most, PIECE))

    async def exactly(self, count: int, seconds: float) -> bytes:
        """Read so many bytes."""
        with _as_gone():
            async with asyncio.timeout(seconds):
                return await self._reader.readexactly(count)

    async def send(self, data: bytes, seconds: float) -> None:
        """Write, and wait until the peer has taken enough of it."""
        with _as_gone():
            self.writer.write(data)
            async with asyncio.timeout(seconds):
                await self.writer.drain()

    def add(self, data: bytes) -> None:
        """Write a few bytes, without waiting for anybody to take them."""
        if data and not self.writer.is_closing():
            self.writer.write(data)

    async def pieces(self, seconds: float) -> AsyncIterator[bytes]:
        """Read until the peer closes."""
        while piece := await self.piece(PIECE, seconds):
            yield piece

    def end_writing(self) -> bool:
        """Say that nothing more comes, where that can be said without closing."""
        if self.writer.is_closing() or not self.writer.can_write_eof():
            return False
        self.writer.write_eof()
        return True

    async def linger(self, silent_seconds: float, longest_seconds: float) -> None:
        """Read on and drop it, until the peer closes or is silent.

        Whoever closes on bytes that were not read takes away from a peer that is still sending what
        it was told last (RFC 9112 §9.6).
        """
        with contextlib.suppress(GoneError, TimeoutError):
            async with asyncio.timeout(longest_seconds):
                while await self.piece(PIECE, silent_seconds):
                    pass

    def abort(self) -> None:
        """Cut it off: what was not delivered is lost, and the peer sees that."""
        self.writer.transport.abort()

    async def close(self, seconds: float = 2) -> None:
        """Deliver what was written, then close."""
        self.writer.close()
        try:
            async with asyncio.timeout(seconds):
                await self.writer.wait_closed()
        except (OSError, TimeoutError):
            self.abort()


def _too_long() -> RefusedError:
    return RefusedError(431, "too-long", "the lines before the body are too long: send fewer")
