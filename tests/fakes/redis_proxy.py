"""A bad network between a link and its server: it loses, delays, freezes and cuts on demand.

It understands RESP2, so that it can lose the reply of exactly the n-th call: the server has then
run the script and the client sees its connection break.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Self

from broker.dev.guarded_server import Address

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class RedisProxy:
    """Stands before ``upstream``; ``async with`` it.

    Attributes:
        address: where it listens.
        seen: every command that a client sent, upper case, in order.
        lose_reply_of: the command (by name) whose next reply is lost, with its connection.
        lose_request_of: the command which is not passed on next time; its connection breaks too.
        delay_s: how much later every reply arrives.
        loses: asked with the command of each reply, whether this one is lost, with its connection.
        shift_s: by how much the server's clock is told to be wrong (``TIME``).
    """

    def __init__(
        self, upstream: Address, listen: Address, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.seen: list[str] = []
        self.lose_reply_of = ""
        self.lose_request_of = ""
        self.delay_s = 0.0
        self.loses: Callable[[str], bool] = lambda _: False
        self.shift_s = 0
        self._upstream = upstream
        self.address = listen
        self._tls = tls
        self._gate = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._gate.set()
        await self.accept()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.refuse()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def accept(self) -> None:
        """Let new connections in (again)."""
        if isinstance(self.address, str):
            self._server = await asyncio.start_unix_server(self._serve, self.address, ssl=self._tls)
        else:
            self._server = await asyncio.start_server(self._serve, *self.address, ssl=self._tls)

    async def refuse(self) -> None:
        """Cut every connection and let none in."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        await asyncio.sleep(0)

    def cut(self) -> None:
        """Break every connection, as a reset does."""
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Pass nothing on, in either direction, and keep the connections."""
        self._gate.clear()

    def thaw(self) -> None:
        """End :meth:`freeze`; what was held back arrives."""
        self._gate.set()

    def strand(self) -> None:
        """Let the connections of now hang for ever, as behind a dead router; new ones work."""
        self._gate.clear()
        self._gate = asyncio.Event()
        self._gate.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await self._dial()
        self._writers |= {writer, up_writer}
        asked: deque[str] = deque()
        pumps = {
            asyncio.create_task(self._pump(reader, up_writer, partial(self._request, asked))),
            asyncio.create_task(self._pump(up_reader, writer, partial(self._reply, asked))),
        }
        self._pumps |= pumps
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, up_writer):
            end.transport.abort()
            self._writers.discard(end)

    async def _dial(self) -> Streams:
        if isinstance(self._upstream, str):
            return await asyncio.open_unix_connection(self._upstream)
        return await asyncio.open_connection(*self._upstream)

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        passes: Callable[[bytes], Awaitable[bytes]],
    ) -> None:
        buffer, gate = b"", self._gate
        try:
            while chunk := await source.read(65536):
                buffer += chunk
                while length := message_length(buffer):
                    message, buffer = buffer[:length], buffer[length:]
                    await gate.wait()
                    passed = await passes(message)
                    if not passed:
                        return
                    sink.write(passed)
        except ConnectionError:
            return

    async def _request(self, asked: deque[str], message: bytes) -> bytes:
        name = command_name(message)
        self.seen.append(name)
        asked.append(name)
        if name == self.lose_request_of:
            self.lose_request_of = ""
            return b""
        return message

    async def _reply(self, asked: deque[str], message: bytes) -> bytes:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        name = asked.popleft()
        if name == self.lose_reply_of:
            self.lose_reply_of = ""
            return b""
        if self.loses(name):
            return b""
        if name == "TIME" and self.shift_s:
            return _shifted_time(message, self.shift_s)
        return message


def _shifted_time(message: bytes, seconds: int) -> bytes:
    """Write the reply of ``TIME`` as a server whose clock is wrong would."""
    _, _, told, *rest = message.split(b"\r\n")
    moved = str(int(told) + seconds).encode()
    return b"\r\n".join([b"*2", b"$%d" % len(moved), moved, *rest])


def command_name(message: bytes) -> str:
    """Read the name of a command from its RESP form."""
    return message.split(b"\r\n", 3)[2].decode().upper()


def message_length(buffer: bytes, start: int = 0) -> int:
    """Measure the RESP2 message at ``start``; 0 while it is incomplete."""
    line_end = buffer.find(b"\r\n", start)
    if line_end < 0:
        return 0
    head, size = buffer[start : start + 1], 0
    if head in b"$*":
        size = int(buffer[start + 1 : line_end])
    end = line_end + 2
    if head == b"$" and size >= 0:
        end += size + 2
        return end - start if end <= len(buffer) else 0
    for _ in range(size if head == b"*" else 0):
        length = message_length(buffer, end)
        if not length:
            return 0
        end += length
    return end - start
