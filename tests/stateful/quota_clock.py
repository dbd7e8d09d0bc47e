"""Quotas run on their servers' own clocks, which a test cannot move: this stands in between.

A place is taken for ever, and given up when the time for which it was asked has passed by the
test's clock.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from broker.store.link import Link, Reply, Script, Value

FOR_EVER_MS: Final = 10**12


class QuotaClock:
    """A link that prolongs places, and remembers how long they were meant to last."""

    def __init__(self, link: Link, time_of: Callable[[str], int]) -> None:
        self._link = link
        self._time_of = time_of
        self._until: defaultdict[tuple[str, str], int] = defaultdict(int)

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Value] = ()) -> Reply:
        """Run a script."""
        return await self.start(script, keys, args)

    def start(
        self, script: Script, keys: Sequence[str], args: Sequence[Value] = ()
    ) -> Awaitable[Reply]:
        """Send a script."""
        if script.name == "quota_take":
            args = list(args)
            for at in range(2, len(args), 3):
                lease, life_ms = str(args[at]), int(args[at + 1])
                place = (keys[0], lease)
                self._until[place] = max(self._until[place], self._time_of(lease) + life_ms)
                args[at + 1] = FOR_EVER_MS
        if script.name == "quota_until":
            place, until = (keys[0], str(args[0])), int(args[1])
            is_more = args[2] == "at-least"
            self._until[place] = max(self._until[place], until) if is_more else until
        return self._link.start(script, keys, args)

    async def run_out(self) -> None:
        """Give up the places whose time is over."""
        for (key, lease), until in list(self._until.items()):
            if until <= self._time_of(lease):
                del self._until[key, lease]
                await self._link.read("ZREM", key, lease)

    async def read(self, *command: Value) -> Reply:
        """Run a command."""
        return await self._link.read(*command)

    async def tail(
        self, stream: str, after: str, *, block_ms: int, count: int
    ) -> list[tuple[str, dict[str, str]]]:
        """Wait for entries."""
        return await self._link.tail(stream, after, block_ms=block_ms, count=count)

    async def each_server(self, *command: Value) -> list[Reply]:
        """Ask every primary."""
        return await self._link.each_server(*command)

    async def close(self) -> None:
        """Leave the link open: others use it."""
