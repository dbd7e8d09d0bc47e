"""The one broker of many that tells: it takes the turn, follows the log and tells each receiver.

- The turn is a lease with a fencing number: whoever lost it can note nothing, whatever it still
  does. A message that two have sent has the same id.
- Nothing here keeps the gate shut or the log from being trimmed: it is bounded, and what is given
  up is counted and recorded.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final

from broker import under_way
from broker.errors import StoreUnavailableError
from broker.notices.collecting import Collecting
from broker.notices.outcome import Receiver
from broker.notices.telling import Means, Telling
from broker.store.feed_log import FeedLog
from broker.store.notice_ledger import TurnLostError

LASTS_MS: Final = 10_000
"""How long a broker that died keeps the others from telling."""

KEEP_S: Final = 2.5
REST_S: Final = 1.0

LOGGER: Final = logging.getLogger(__name__)


class Courier:
    """Runs beside a broker for as long as it does."""

    def __init__(
        self,
        process: str,
        receivers: Sequence[Receiver],
        log: FeedLog,
        means: Means,
        *,
        lasts_ms: int = LASTS_MS,
    ) -> None:
        self._process = process
        self._receivers = receivers
        self._ledger = means.ledger
        self._means = means
        self._lasts_ms = lasts_ms
        self._collecting = Collecting(log, means.ledger, receivers)
        self._fence = 0

    async def run(self) -> None:
        """Tell whenever it is this broker's turn, until cancelled."""
        if not self._receivers:
            return
        while True:
            try:
                turn = await self._ledger.turn(self._process, self._lasts_ms, self._fence)
                self._fence = turn.fence
                if turn.fence:
                    await self._have_turn()
            except StoreUnavailableError as error:
                LOGGER.warning("notices wait for the store: %s", error)
            except TurnLostError:
                LOGGER.info("another broker tells by now")
            await asyncio.sleep(REST_S)

    async def leave(self) -> None:
        """Let the turn go, so that another broker goes on at once."""
        with contextlib.suppress(StoreUnavailableError):
            await self._ledger.turn(self._process, 0, self._fence)

    async def _have_turn(self) -> None:
        """Do everything that the turn brings, until it is lost.

        Raises:
            TurnLostError: it was.
        """
        tellings = {each.name: Telling(each, self._means, self._fence) for each in self._receivers}
        runs = [self._keep(), self._collect(tellings), *(each.run() for each in tellings.values())]
        async with _together([asyncio.create_task(run) for run in runs]) as tasks:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def _keep(self) -> None:
        heard = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(min(KEEP_S, self._lasts_ms / 4000))
            try:
                turn = await self._ledger.turn(self._process, self._lasts_ms, self._fence)
            except StoreUnavailableError:
                if asyncio.get_running_loop().time() - heard > self._lasts_ms / 1000:
                    raise TurnLostError from None
                continue
            if turn.fence != self._fence:
                raise TurnLostError
            heard = asyncio.get_running_loop().time()

    async def _collect(self, tellings: dict[str, Telling]) -> None:
        while True:
            try:
                for name in await self._collecting.step(self._fence):
                    tellings[name].poke()
            except StoreUnavailableError as error:
                LOGGER.warning("notices wait for the store: %s", error)
                await asyncio.sleep(REST_S)


@contextlib.asynccontextmanager
async def _together(
    tasks: "list[asyncio.Task[None]]",
) -> AsyncIterator["list[asyncio.Task[None]]"]:
    try:
        yield tasks
    finally:
        await under_way.end(tasks)
