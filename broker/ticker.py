"""The one ticker: APScheduler with its memory store, one job per kind of regular work.

Never a job per credential (``docs/adr/0004``): a job that misses its moment would be lost with it,
while each tick here asks what is late *now*.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC

from apscheduler.schedulers.asyncio import AsyncIOScheduler


class Ticker:
    """Calls coroutines regularly; a call that takes longer than its interval delays only itself."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def every(self, milliseconds: int, call: Callable[[], Awaitable[None]]) -> None:
        """Call it every so often, from the start on."""
        self._scheduler.add_job(call, "interval", seconds=milliseconds / 1000)

    def start(self) -> None:
        """Begin to tick, on the running event loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Tick no more."""
        self._scheduler.shutdown(wait=False)
