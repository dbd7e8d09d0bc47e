"""Speaks MCP on standard input and output, and can be told to stop.

The SDK reads standard input in a thread, which nothing wakes: whoever is told to end would wait for
the next line. Here the event loop reads it, and a thread reads only files: no loop can wait for
these, and they let nobody wait.
"""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any, Final, cast

from mcp.server import MCPServer
from mcp.server.stdio import stdio_server

from broker.daemon_thread import in_daemon_thread

_LONGEST_LINE: Final = 4_194_304
"""Bytes; the SDK takes no longer body over HTTP either."""


class StandardLines:
    """Standard input, line by line. A line that is too long ends it."""

    async def __aiter__(self) -> AsyncIterator[str]:
        """Read until it ends."""
        lines = _of_a_file() if _is_file(sys.stdin.fileno()) else _as_they_come()
        async with aclosing(lines):
            async for line in lines:
                yield line.decode(errors="replace")


def _is_file(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    is_device = stat.S_ISCHR(mode) and not os.isatty(descriptor)  # /dev/null
    return stat.S_ISREG(mode) or is_device


async def _of_a_file() -> AsyncGenerator[bytes]:
    read = partial(sys.stdin.buffer.readline, _LONGEST_LINE)
    while (line := await in_daemon_thread(read)) and len(line) < _LONGEST_LINE:
        yield line


async def _as_they_come() -> AsyncGenerator[bytes]:
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        while line := await _next(reader):
            yield line
    finally:
        transport.close()


async def _next(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError:
        return b""


async def speak(server: MCPServer) -> None:
    """Serve until standard input ends, or the task is cancelled."""
    core = server._lowlevel_server  # noqa: SLF001 - the SDK has no other way to give it streams
    async with stdio_server(stdin=cast("Any", StandardLines())) as (read, write):
        await core.run(read, write, core.create_initialization_options())
