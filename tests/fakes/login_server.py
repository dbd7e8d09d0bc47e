"""A server of PostgreSQL's protocol that does what a test tells it to, right or wrong."""

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from broker.proxy.postgres.scram import MECHANISM, Server, Verifier
from tests.fakes.login_child import message

READY = message(b"Z", b"I")
KEY = message(b"K", struct.pack("!i", 4711) + b"real")
IN = message(b"R", struct.pack("!i", 0))
SASL = message(b"R", struct.pack("!i", 10) + MECHANISM.encode() + b"\0\0")

Script = Callable[["LoginServer"], Awaitable[None]]


@dataclass
class LoginServer:
    """Reads the start of a session, and leaves the rest to its script."""

    script: Script
    context: ssl.SSLContext | None = None
    answer_to_tls: bytes = b""
    """Empty: TLS is not asked for."""
    received: bytearray = field(default_factory=bytearray)
    """All that it was sent, after TLS where there is any."""
    port: int = 0
    connections: int = 0
    reader: asyncio.StreamReader = field(init=False)
    writer: asyncio.StreamWriter = field(init=False)

    async def take(self, count: int) -> bytes:
        """Read so many bytes."""
        data = await self.reader.readexactly(count)
        self.received += data
        return data

    async def packet(self) -> bytes:
        """Read a message without a type."""
        (length,) = struct.unpack("!i", await self.take(4))
        return await self.take(length - 4)

    async def answer(self) -> bytes:
        """Read a message, without its type."""
        await self.take(1)
        return await self.packet()

    def say(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    def ask(self, code: int, data: bytes = b"") -> None:
        """Ask for a login of some kind, or go on in it."""
        self.say(message(b"R", struct.pack("!i", code) + data))

    async def scram(self, password: str) -> None:
        """Let in whoever knows the password."""
        exchange = Server(Verifier.of(password, b"salt-of-tests"), "of-the-server")
        self.say(SASL)
        first = (await self.answer()).split(b"\0", 1)[1][4:]
        self.ask(11, exchange.challenge(first))
        self.ask(12, exchange.verify(await self.answer()))
        self.say(IN)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        self.reader, self.writer = reader, writer
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            if self.answer_to_tls:
                await self.packet()
                self.say(self.answer_to_tls)
                if self.context is not None:
                    await writer.start_tls(self.context)
            await self.packet()
            await self.script(self)
            await writer.drain()
            await reader.read()
        writer.transport.abort()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Serve on a free port until the block ends."""
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            if self.connections:
                self.writer.transport.abort()
            await asyncio.sleep(0)
