"""What is being used is looked at more often: that it has ended is known within seconds.

A resource server that has begun to answer does not look again; the run's proxy cuts what it hears
to have ended. What nobody uses costs the broker no question.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from weakref import WeakKeyDictionary

from broker.client.held import HeldCredential
from broker.client.noticing import Noticing
from broker.client.results import Credential
from broker.clock import Clock, SystemClock

GLANCE_MS: Final = 2_000
"""The shortest time between two glances at one credential."""


class Glances:
    """Glances at credentials beside their use; nobody waits for one."""

    def __init__(
        self, show: Callable[[str], Awaitable[Credential]], clock: Clock | None = None
    ) -> None:
        """Fix who tells what has become of a credential."""
        self._show = show
        self._clock = clock or SystemClock()
        self._last: WeakKeyDictionary[HeldCredential, int] = WeakKeyDictionary()
        self._under_way: dict[HeldCredential, asyncio.Task[None]] = {}

    def at(self, held: HeldCredential) -> None:
        """Glance at a credential that is being used, unless that was done a moment ago."""
        now = self._clock.monotonic_ms()
        is_late = now - self._last.setdefault(held, now) >= GLANCE_MS
        if not is_late or held in self._under_way:
            return
        self._last[held] = now
        glance = asyncio.create_task(Noticing(held, self._show).look())
        self._under_way[held] = glance
        glance.add_done_callback(lambda _: self._under_way.pop(held, None))

    async def stop(self) -> None:
        """End what is under way."""
        under_way = [*self._under_way.values()]
        for glance in under_way:
            glance.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
