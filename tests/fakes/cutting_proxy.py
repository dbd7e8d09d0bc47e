"""A network that breaks a connection after so many bytes, once for each time it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 65_536


class CuttingProxy:
    """Stands before a server; what goes to the client may be cut anywhere.

    Attributes:
        cuts: how many connections were cut.
        sent: what clients sent, in the pieces in which it came.
    """

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.cuts = 0
        self.sent: list[bytes] = []
        self._upstream = upstream
        self._room: int | None = None
        self._is_cut = asyncio.Event()

    async def cut_after(self, count: int) -> None:
        """Let so many more bytes reach clients, and return when the connection is cut there."""
        self._is_cut.clear()
        self._room = count
        await self._is_cut.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection, until either side or the cut ends it."""
        with suppress(OSError):
            up_reader, up_writer = await asyncio.open_connection(*self._upstream)
            ways = (self._up(reader, up_writer), self._down(up_reader, writer))
            pumps = [asyncio.create_task(way) for way in ways]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
                up_writer.transport.abort()
        writer.transport.abort()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            self.sent.append(data)
            writer.write(data)
            await writer.drain()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            room, self._room = self._room, None
            if room is not None and len(data) > room:
                self.cuts += 1
                writer.write(data[:room])
                await writer.drain()
                self._is_cut.set()
                return
            self._room = None if room is None else room - len(data)
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def cutting(upstream: tuple[str, int]) -> AsyncIterator[tuple[CuttingProxy, str]]:
    """Stand before a server; yields the proxy and its URL."""
    proxy = CuttingProxy(upstream)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()[:2]
        yield proxy, f"http://{host}:{port}"
    finally:
        server.close()
