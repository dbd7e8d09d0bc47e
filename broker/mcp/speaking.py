"""Speaks MCP on standard input and output, and can be told to stop.

The SDK reads standard input in a thread, which nothing wakes: whoever is told to end would wait for
the next line. Here the event loop reads it.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any, Final, cast

from mcp.server import MCPServer
from mcp.server.stdio import stdio_server

_LONGEST_LINE: Final = 4_194_304
"""Bytes; the SDK takes no longer body over HTTP either."""


class StandardLines:
    """Standard input, line by line. A line that is too long ends it."""

    async def __aiter__(self) -> AsyncIterator[str]:
        """Read until it ends."""
        reader = asyncio.StreamReader(limit=_LONGEST_LINE)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        try:
            while line := await _next(reader):
                yield line.decode(errors="replace")
        finally:
            transport.close()


async def _next(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError:
        return b""


async def speak(server: MCPServer) -> None:
    """Serve until standard input ends, or the task is cancelled.

    Raises:
        ValueError: standard input is no pipe, socket or terminal.
    """
    core = server._lowlevel_server  # noqa: SLF001 - the SDK has no other way to give it streams
    async with stdio_server(stdin=cast("Any", StandardLines())) as (read, write):
        await core.run(read, write, core.create_initialization_options())
