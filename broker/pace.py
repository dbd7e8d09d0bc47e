"""A pace for long work beside requests: it is done in slices, which give way.

- Before each slice whoever waits has its turn.
- While requests come, slices hold the event loop for a stated share of the time. What a slice holds
  it for has to be earned by rest; some of that is saved up, so that little work is done at once,
  busy or not. Where it waits for a server it is in nobody's way: that does not count.
- When nobody asks it goes as fast as it can.

So the share bounds the disturbance; and for how long the work holds the loop, divided by the share,
bounds its time (``docs/adr/0040``).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Final, Generic, TypeVar

from broker.clock import Clock

LULL_MS: Final = 25
"""Nobody asks when no request came for so long."""

SAVED_MS: Final = 150
"""So much work (ms) is done without rest, when there was rest before: some thousands of leases."""

GUESS_MS: Final = 2
"""What a slice counts before it has ended: those that wait beside it line up by that."""

_LOOK_MS: Final = 10
"""How soon it is noticed that nobody asks any more."""

Sleep = Callable[[float], Awaitable[object]]
T = TypeVar("T")


class Pace:
    """Says when the next slice begins. ``share`` is above 0, and 1 at most."""

    def __init__(self, clock: Clock, *, share: float, sleep: Sleep = asyncio.sleep) -> None:
        self._clock = clock
        self._share = share
        self._sleep = sleep
        self._came_ms = clock.monotonic_ms() - LULL_MS
        self._next_ms = 0.0

    def came(self) -> None:
        """Note that somebody asks for something."""
        self._came_ms = self._clock.monotonic_ms()

    @property
    def is_busy(self) -> bool:
        """Tell whether requests come."""
        return self._clock.monotonic_ms() - self._came_ms < LULL_MS

    async def slice(self, work: Coroutine[Any, Any, T]) -> T:
        """Do a piece of work when it is its turn; return what it returns."""
        measured = _Measured(work, self._clock)
        try:
            counted_ms = await self._turn()
        except BaseException:
            work.close()  # it never began
            raise
        try:
            return await measured
        finally:
            if counted_ms:
                self._next_ms += (measured.held_ms - counted_ms) / self._share

    async def _turn(self) -> int:
        """Wait as long as must be; return what was counted beforehand."""
        if not self.is_busy:
            await self._sleep(0)
            return 0
        saved_ms = SAVED_MS / self._share
        begin_ms = max(self._next_ms, self._clock.monotonic_ms() - saved_ms)
        self._next_ms = begin_ms + GUESS_MS / self._share
        await self._rest(begin_ms)
        return GUESS_MS

    async def _rest(self, until_ms: float) -> None:
        """Let others go first; no longer than somebody asks."""
        while (left_ms := until_ms - self._clock.monotonic_ms()) > 0 and self.is_busy:
            await self._sleep(min(left_ms, _LOOK_MS) / 1000)
        await self._sleep(0)


class _Measured(Generic[T]):
    """A coroutine of which is known for how long (ms) it held the event loop."""

    def __init__(self, work: Coroutine[Any, Any, T], clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self.held_ms = 0

    def __await__(self) -> Generator[Any, Any, T]:
        step: Callable[[], Any] = lambda: self._work.send(None)  # noqa: E731 - typed
        while True:
            begun_ms = self._clock.monotonic_ms()
            try:
                waits_for = step()
            except StopIteration as ended:
                return ended.value  # type: ignore[no-any-return]  # what the coroutine returned
            finally:
                self.held_ms += self._clock.monotonic_ms() - begun_ms
            step = yield from self._next(waits_for)

    def _next(self, waits_for: object) -> Generator[Any, Any, Callable[[], Any]]:
        """Wait; return what to do with the coroutine then."""
        try:
            sent = yield waits_for
        except BaseException as error:  # noqa: BLE001 - a cancellation, handed on as it came
            thrown = error
            return lambda: self._work.throw(thrown)
        return lambda: self._work.send(sent)
