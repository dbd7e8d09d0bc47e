"""A link that loses replies where a test says so, and can hold a caller up in the middle."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

from broker.errors import StoreUnavailableError
from broker.store.link import Link, Reply, Script, Value


@dataclass(frozen=True)
class Fault:
    """What goes wrong at which call.

    ``after`` the server ran it, or before it heard of it; and ``for_good``: everything from there
    on fails, as for a broker that was killed.
    """

    at: int
    after: bool
    for_good: bool


class FaultyLink:
    """Passes calls on to a link, unless a fault is armed.

    Attributes:
        calls: how many came since :meth:`arm`.
        struck: whether the fault did strike.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._fault: Fault | None = None
        self.calls = 0
        self.struck = False

    def arm(self, fault: Fault | None) -> None:
        """Let a fault strike at one of the next calls, or none."""
        self._fault, self.calls, self.struck = fault, 0, False

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Value] = ()) -> Reply:
        """Run a script."""
        return await self.start(script, keys, args)

    def start(
        self, script: Script, keys: Sequence[str], args: Sequence[Value] = ()
    ) -> Awaitable[Reply]:
        """Send a script."""
        is_lost = self._strikes()
        reply = self._link.start(script, keys, args)
        return _lost(reply) if is_lost else reply

    async def read(self, *command: Value) -> Reply:
        """Run a command."""
        is_lost = self._strikes()
        reply = self._link.read(*command)
        return await (_lost(reply) if is_lost else reply)

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

    def _strikes(self) -> bool:
        """Tell whether this call's reply is lost; raise when the call itself is."""
        fault, number = self._fault, self.calls
        self.calls += 1
        if fault is None or number < fault.at or (number > fault.at and not fault.for_good):
            return False
        self.struck = True
        if fault.after and number == fault.at:
            return True
        raise StoreUnavailableError("the test lost this call")


class PausingLink(FaultyLink):
    """Holds its caller up at one call, until it is released."""

    def __init__(self, link: Link, *, at: int) -> None:
        super().__init__(link)
        self._at = at
        self._count = 0
        self.reached = asyncio.Event()
        self.released = asyncio.Event()

    def pause_at(self, call: int) -> None:
        """Hold up the call with this number, counted from now."""
        self._at, self._count = call, 0
        self.reached.clear()
        self.released.clear()

    async def reached_by(self, work: "asyncio.Task[Any]") -> None:
        """Wait until some work is held up, or is over without coming so far."""
        reached = asyncio.create_task(self.reached.wait())
        await asyncio.wait([work, reached], return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()

    def start(
        self, script: Script, keys: Sequence[str], args: Sequence[Value] = ()
    ) -> Awaitable[Reply]:
        """Send a script, perhaps much later."""
        return self._send(script, keys, args)

    async def _send(self, script: Script, keys: Sequence[str], args: Sequence[Value]) -> Reply:
        await self._pause()
        return await super().start(script, keys, args)

    async def read(self, *command: Value) -> Reply:
        """Run a command, perhaps much later."""
        await self._pause()
        return await super().read(*command)

    async def _pause(self) -> None:
        number, self._count = self._count, self._count + 1
        if number == self._at:
            self.reached.set()
            await self.released.wait()


async def _lost(reply: Awaitable[Reply]) -> Reply:
    await reply
    raise StoreUnavailableError("the test lost this reply")
