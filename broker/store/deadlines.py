"""Limits in time for calls, and an end for all of them when their link closes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from broker.errors import StoreUnavailableError


class Deadlines:
    """Opened by being made; ended once, for good."""

    def __init__(self) -> None:
        self._running: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._ended = False

    @asynccontextmanager
    async def within(self, deadline_s: float) -> AsyncIterator[None]:
        """Give the block so long.

        Raises:
            TimeoutError: it took longer.
            StoreUnavailableError: the link is closed, or was meanwhile.
        """
        self.require_running()
        try:
            async with asyncio.timeout(deadline_s) as limit:
                self._running.add(limit)
                self._idle.clear()
                try:
                    yield
                finally:
                    self._forget(limit)
        except TimeoutError:
            self.require_running()
            raise

    async def end(self) -> None:
        """Let every block fail now, let none begin, and return when the last is over."""
        self._ended = True
        for limit in self._running:
            limit.reschedule(0)
        await self._idle.wait()

    def require_running(self) -> None:
        """Refuse when all is over.

        Raises:
            StoreUnavailableError: the link is closed.
        """
        if self._ended:
            raise StoreUnavailableError("the link to Redis is closed")

    def _forget(self, limit: asyncio.Timeout) -> None:
        self._running.discard(limit)
        if not self._running:
            self._idle.set()
