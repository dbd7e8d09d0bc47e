"""Changes under way, which a shutdown waits for.

aiohttp lets a handler run on when its client goes away (``handler_cancellation`` is off), so the
one thing that could cut a verb between its ledger write and what follows it is our own stopping.
Hence the server settles these before it cancels anything. A task of its own for each change would
protect no more, and cost a tenth of issuing a credential.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Mutations:
    """Knows how many handlers that change something are under way."""

    def __init__(self) -> None:
        self._running = 0
        self._settled = asyncio.Event()
        self._settled.set()

    def track(self, handler: Handler) -> Handler:
        """Wrap a handler so that it is waited for."""

        @wraps(handler)
        async def run(request: web.Request) -> web.StreamResponse:
            self._running += 1
            self._settled.clear()
            try:
                return await handler(request)
            finally:
                self._running -= 1
                if self._running == 0:
                    self._settled.set()

        return run

    async def settle(self, seconds: float) -> int:
        """Wait until nothing is under way; return how much still is when time is up."""
        try:
            async with asyncio.timeout(seconds):
                await self._settled.wait()
        except TimeoutError:
            return self._running
        return 0
