"""A connection that redis-py has made, read and written without its streams from then on.

redis-py connects, speaks TLS and authenticates. For each answer it would then wake a task of its
own and await it through several layers; here answers are handed out as they come from the socket.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError

from broker.store.link import Reply
from broker.store.servers import FOREIGN_ERRORS


class Takeover(asyncio.Protocol):
    """Calls ``on_reply`` with each answer, errors included: to redis-py's reader they are values.

    What ``on_reply`` raises of redis-py's errors ends the connection.
    """

    def __init__(self, connection: AbstractConnection, on_reply: Callable[[Reply], None]) -> None:
        streams: Any = connection  # its own are private, and there is no other way to them
        self._transport: asyncio.Transport = streams._writer.transport  # noqa: SLF001
        self._stream: Any = streams._reader  # noqa: SLF001
        self._reader: Any = streams._parser._reader  # noqa: SLF001
        self._former = self._transport.get_protocol()
        self._on_reply = on_reply
        self.ended: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        """Brings why it is over, once it is."""

    def begin(self) -> None:
        """Take over, with what redis-py has read already and not parsed yet."""
        self._transport.set_protocol(self)
        self.data_received(bytes(self._stream._buffer))  # noqa: SLF001
        self._transport.resume_reading()
        if self._stream.at_eof() or self._transport.is_closing():
            self.end(RedisConnectionError("the server closed the connection"))

    def write(self, data: bytes) -> None:
        """Send, or keep it until the socket takes it; once it is over, it goes nowhere."""
        if not self.ended.done():
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Hand out what is whole."""
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not NOT_ENOUGH_DATA:
                if isinstance(reply, RedisConnectionError) and not _is_of_one_call(reply):
                    raise reply
                self._on_reply(reply)
        except FOREIGN_ERRORS as error:
            self.end(error)

    def connection_lost(self, error: Exception | None) -> None:
        """Say why, to redis-py's own protocol as well: it may wait for that."""
        self._former.connection_lost(error)
        self.end(error or RedisConnectionError("the server closed the connection"))

    def end(self, cause: BaseException) -> None:
        """Let it be over, for the first cause that there is."""
        if not self.ended.done():
            self.ended.set_result(cause)


def _is_of_one_call(error: RedisConnectionError) -> bool:
    """Tell whether the connection goes on: the server is there, and still loads its data."""
    return isinstance(error, BusyLoadingError)
