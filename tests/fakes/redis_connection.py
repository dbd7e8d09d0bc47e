"""A connection as redis-py leaves it to a wire, on which a test says what comes."""

import asyncio
from types import SimpleNamespace

import hiredis
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.exceptions import BusyLoadingError, InvalidResponse, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError


class FakeTransport(asyncio.Transport):
    """A socket on which nothing comes."""

    def __init__(self) -> None:
        super().__init__()
        self._protocol: asyncio.BaseProtocol = asyncio.Protocol()
        self.written = b""

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who reads it."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let somebody else read it."""
        self._protocol = protocol

    def resume_reading(self) -> None:
        """Go on."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Note what is sent."""
        self.written += data

    def is_closing(self) -> bool:
        """Tell that it is open."""
        return False


class FakeConnection:
    """A connection that is made already, and reads nothing."""

    is_connected = True

    def __init__(self) -> None:
        self._reader = asyncio.StreamReader()
        self._writer = SimpleNamespace(transport=FakeTransport())
        reader = hiredis.Reader(
            protocolError=InvalidResponse,
            replyError=_parse_error,
            notEnoughData=NOT_ENOUGH_DATA,
            encoding="utf-8",
        )
        self._parser = SimpleNamespace(_reader=reader)

    @property
    def written(self) -> bytes:
        """All that was sent."""
        return bytes(self._writer.transport.written)

    def has_read(self, data: bytes) -> None:
        """Let something have come before anybody takes over."""
        self._reader.feed_data(data)

    def says(self, data: bytes) -> None:
        """Let something come."""
        self._writer.transport.get_protocol().data_received(data)

    def breaks(self) -> None:
        """Let the connection be lost."""
        self._writer.transport.get_protocol().connection_lost(None)

    async def disconnect(self, *, nowait: bool) -> None:
        """Take note of nothing."""


def _parse_error(text: str) -> RedisError:
    if text.startswith("LOADING"):
        return BusyLoadingError(text)
    return RedisConnectionError(text) if text.startswith("BYE") else ResponseError(text)
