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

    @property
    def is_known(self) -> bool:
        """Tell whether it has shown that it is this run's."""
        ...

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
        if task is None or not self._has_room():
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
            self._served.pop(task, None)

    def _has_room(self) -> bool:
        """Tell whether there is room for one more; a stranger, the oldest, has to make it.

        Whoever is on this machine can connect; nobody but the child must keep the child out.
        """
        if len(self._served) < self._limits.connections:
            return True
        strangers = (task for task, each in self._served.items() if not each.is_known)
        oldest = next(strangers, None)
        if oldest is None:
            return False
        self._served.pop(oldest).abort()
        oldest.cancel()
        return True
