"""Exchanges that last: they end with their credential, and with the child.

A credential that has ended is worth nothing at its own server sooner or later; here the streams
that it opened are cut within ``recheck_seconds``. A renewal changes nothing, unless the lease does
not reach so far any more.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from broker.proxy.source import CredentialSource, HeldValues, NotHeldError
from broker.proxy.wire import Wire
from broker.reach.reach import Reach


@dataclass(frozen=True, slots=True)
class Holding:
    """What an exchange lasts by."""

    need: str
    credential: str
    """The id of its lease."""
    is_within: Callable[[Reach | None], bool]
    """Whether what the lease says still has it."""

    def goes_on(self, held: HeldValues) -> bool:
        """Tell whether what is held now lets the exchange last."""
        return held.credential == self.credential and self.is_within(held.reach)


class Ends(Protocol):
    """What can be cut off."""

    def abort(self) -> None:
        """Cut it off."""
        ...


class Lasting:
    """One exchange, and afterwards whether it was cut."""

    def __init__(
        self,
        source: CredentialSource,
        holding: Holding | None,
        child: Wire,
        ends: tuple[Ends, ...],
    ) -> None:
        """Fix what it lasts by (None: by the child alone), and what is cut off with it."""
        self._source = source
        self._holding = holding
        self._child = child
        self._ends = ends
        self.is_cut = False

    async def watch(self, seconds: float) -> None:
        """Look every so often, until there is something to cut off."""
        try:
            while self._child.is_idle:
                async with asyncio.timeout(max(seconds, 1) * 5):
                    if not await self._is_held():
                        self.is_cut = True
                        break
                await asyncio.sleep(seconds)
        except TimeoutError:  # who holds the credential does not answer: unsure is no
            self.is_cut = True
        for end in self._ends:
            end.abort()

    async def _is_held(self) -> bool:
        if self._holding is None:
            return True
        try:
            held = await self._source.current(self._holding.need)
        except NotHeldError:
            return False
        return self._holding.goes_on(held)


@contextlib.asynccontextmanager
async def while_held(lasting: Lasting, seconds: float) -> AsyncIterator[Lasting]:
    """Cut it off when the credential is not held any more, or the child is away."""
    watchers: list[asyncio.Task[None]] = []

    def begin() -> None:
        watchers.append(asyncio.create_task(lasting.watch(seconds)))

    # Most exchanges are over before the first look, and cost no task.
    timer = asyncio.get_running_loop().call_later(seconds, begin)
    try:
        yield lasting
    finally:
        timer.cancel()
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
