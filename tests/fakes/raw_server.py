"""A server that writes any bytes in answer to a request: what no web framework would send."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Play = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawServer:
    """Plays one part for every request; counts the requests."""

    play: Play
    url: str = ""
    heads: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read the head of one request, play, hang up."""
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await self.play(writer)
        finally:
            writer.transport.abort()
            await asyncio.sleep(0)  # the socket is closed in the loop's next round


def saying(*parts: bytes, then_hang: bool = False) -> Play:
    """Return a part that writes these bytes, and then hangs up or says nothing more."""

    async def play(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if then_hang:
            await asyncio.Event().wait()
        writer.close()
        await writer.wait_closed()

    return play


def for_ever(part: bytes, *, pause: float = 0.0, head: bytes = b"") -> Play:
    """Return a part that writes the same bytes until the other side goes away."""

    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return play


@asynccontextmanager
async def running(play: Play) -> AsyncIterator[RawServer]:
    """Serve on a free port of this machine; whoever is still connected is cut off at the end."""
    served: set[asyncio.Task[None]] = set()
    server = RawServer(play)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        served.add(task)
        task.add_done_callback(served.discard)
        with suppress(asyncio.CancelledError):
            await server.serve(reader, writer)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for _ in range(10):  # a connection that was taken a moment ago becomes a task first
            await asyncio.sleep(0)
            for task in served:
                task.cancel()
            await asyncio.gather(*served, return_exceptions=True)
