"""The one ticker: APScheduler with its memory store, one job per kind of regular work.

Never a job per credential (``docs/adr/0004``): a job that misses its moment would be lost with it,
while each tick here asks what is late *now*.

APScheduler lives by the wall clock. When that is set back, its jobs would rest for as long as it
was set back, and nothing would be swept or watched: so the ticker looks at both clocks, and lets
every job run at once when they part.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from broker.clock import Clock

LOOK_S: Final = 1.0
"""Between looks at the clocks; also how long jobs can rest after the wall clock was set back."""

STEP_MS: Final = 500
"""More than clocks drift apart between two looks."""

_EXECUTOR: Final = "apscheduler.executors.default"
"""Who logs what becomes of jobs."""

_log = logging.getLogger(__name__)


class Ticker:
    """Calls coroutines regularly; a call that takes longer than its interval delays only itself."""

    def __init__(self, clock: Clock) -> None:
        # At info it writes two lines for every tick.
        logging.getLogger("apscheduler").setLevel(logging.WARNING)
        logging.getLogger(_EXECUTOR).addFilter(_is_no_cancellation)
        self._clock = clock
        self._offset_ms = 0
        self._following: asyncio.Task[None] | None = None
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
        self._offset_ms = self._offset()
        self._following = asyncio.create_task(self._follow())

    def stop(self) -> None:
        """Tick no more."""
        if self._following is not None:
            self._following.cancel()
        self._scheduler.shutdown(wait=False)

    def look(self) -> None:
        """Let every job run now if the wall clock was set back since the last look."""
        former_ms, self._offset_ms = self._offset_ms, self._offset()
        if self._offset_ms >= former_ms - STEP_MS:
            return
        _log.warning("the wall clock was set back by %d ms", former_ms - self._offset_ms)
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        for job in self._scheduler.get_jobs():
            job.modify(next_run_time=now)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def _offset(self) -> int:
        return self._clock.now_ms() - self._clock.monotonic_ms()


def _is_no_cancellation(record: logging.LogRecord) -> bool:
    """Let pass what is no error: a tick that was cut short because the broker stops."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not issubclass(kind, asyncio.CancelledError)
