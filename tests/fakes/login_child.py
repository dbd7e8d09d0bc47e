"""A client of PostgreSQL that says exactly what a test tells it to."""

import asyncio
import struct
from typing import Self

from broker.proxy.postgres.scram import MECHANISM, Client


def packet(body: bytes) -> bytes:
    """Write a message without a type."""
    return struct.pack("!i", len(body) + 4) + body


def message(kind: bytes, body: bytes = b"") -> bytes:
    """Write a message."""
    return kind + packet(body)


def start(*settings: str, version: int = 196_608) -> bytes:
    """Write the start of a session."""
    words = "".join(f"{word}\0" for word in settings)
    return packet(struct.pack("!i", version) + words.encode() + b"\0")


def initial(first: bytes, mechanism: str = MECHANISM) -> bytes:
    """Write the first answer of SCRAM."""
    return message(b"p", f"{mechanism}\0".encode() + struct.pack("!i", len(first)) + first)


class LoginChild:
    """One connection to the relay."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer
        self.user, self.database, self.version = "run", "orders", 196_608
        self.negotiated: tuple[bytes, bytes] | None = None
        """What the relay said of the version."""

    @classmethod
    async def to(cls, port: int) -> Self:
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def say(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)

    async def hear(self) -> tuple[bytes, bytes]:
        """Read one message."""
        header = await self.reader.readexactly(5)
        length = struct.unpack("!i", header[1:])[0]
        return header[:1], await self.reader.readexactly(length - 4)

    async def rest(self) -> bytes:
        """Read until the relay closes."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    async def log_in(self, password: str, *settings: str) -> list[tuple[bytes, bytes]]:
        """Log in; return all that is said until it is ready, or refused."""
        named = ("user", self.user, *(("database", self.database) if self.database else ()))
        self.say(start(*named, *settings, version=self.version))
        client = Client(password, "of-the-child", "n,,")
        heard = await self.hear()
        if heard[0] == b"v":
            self.negotiated, heard = heard, await self.hear()
        assert heard[0] == b"R"
        self.say(initial(client.first()))
        self.say(message(b"p", client.prove((await self.hear())[1][4:])))
        told = [await self.hear()]
        while told[-1][0] not in {b"Z", b"E"}:
            told.append(await self.hear())
        return told

    def close(self) -> None:
        """Go away."""
        self._writer.transport.abort()


def state_of(error: bytes) -> str:
    """Return the SQLSTATE in the body of an error."""
    fields = {field[:1]: field[1:] for field in error.split(b"\0")}
    return fields[b"C"].decode()
