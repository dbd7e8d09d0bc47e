"""A port on loopback: so many connections at a time, each served by a task, all cut at the end."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Protocol

from broker.proxy.limits import Limits
from broker.proxy.wire import Wire

LOOPBACK: Final = "127.0.0.1"


class Served(Protocol):
    """One connection of a child."""

    async def run(self) -> None:
        """Serve it until either side ends it; nothing that they do makes it raise."""
        ...

    def abort(self) -> None:
        """Cut off both sides."""
        ...


class Listener:
    """Accepts connections while it is open."""

    def __init__(self, limits: Limits, serve: Callable[[Wire], Served], full: bytes = b"") -> None:
        """Nothing listens yet.

        Args:
            limits: how many connections, and how long a line.
            serve: makes what serves a connection.
            full: what one connection too many is told.
        """
        self._limits = limits
        self._serve = serve
        self._full = full
        self._server: asyncio.Server | None = None
        self._served: dict[asyncio.Task[None], Served] = {}

    @property
    def port(self) -> int:
        """The port.

        Raises:
            RuntimeError: it is not open.
        """
        if self._server is None:
            message = "the proxy is not open"
            raise RuntimeError(message)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def open(self) -> None:
        """Begin to listen."""
        limit = self._limits.head_bytes
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0, limit=limit)

    async def close(self) -> None:
        """Cut every connection off."""
        if self._server is not None:
            self._server.close()
        for task, served in list(self._served.items()):
            served.abort()
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._served) >= self._limits.connections:
            writer.write(self._full)
            writer.close()
            return
        served = self._serve(Wire(reader, writer))
        self._served[task] = served
        try:
            with contextlib.suppress(asyncio.CancelledError):  # the run is over
                await served.run()
        finally:
            served.abort()
            del self._served[task]
