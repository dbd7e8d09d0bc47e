"""Changes that run to their end, whoever stops waiting for them."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Mutations:
    """Runs handlers that change something as tasks of their own, and knows which still run.

    A client that goes away, or a shutdown that loses patience, ends the waiting and never the
    work: a verb cut off between its ledger write and what follows it is a crash that we would
    cause ourselves.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[web.StreamResponse]] = set()

    def protect(self, handler: Handler) -> Handler:
        """Wrap a handler so that cancelling its caller does not cancel it."""

        @wraps(handler)
        async def run(request: web.Request) -> web.StreamResponse:
            task = asyncio.ensure_future(handler(request))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            return await asyncio.shield(task)

        return run

    async def settle(self, seconds: float) -> int:
        """Wait for what still runs; return how many did not end in time."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=seconds)
        return len(self._running)
