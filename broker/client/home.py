"""Where connections are at home: one process and one event loop.

After a fork, parent and child would write into the same sockets; in another loop, nobody would wake
who waits. Both are refused before anything is sent.
"""

import asyncio
import os

from broker.client.errors import ForkedError, WrongLoopError


class Home:
    """The process that made it and the event loop that used it first."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None

    def is_here(self) -> bool:
        """Tell whether this is the process that made it."""
        return os.getpid() == self._pid

    def require_process(self) -> None:
        """Raise ForkedError in any other process than the one that made it."""
        if not self.is_here():
            raise ForkedError("made in another process, before a fork")

    def require(self) -> None:
        """Raise ForkedError in another process, WrongLoopError in another loop."""
        self.require_process()
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is not loop:
            raise WrongLoopError("used in another event loop than at first")
