"""Tells the broker how far this subscriber has applied the feed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from broker.client.backoff import Backoff
from broker.client.frames import Position

_LOG: Final = logging.getLogger(__name__)


class Acknowledger:
    """Sends the newest applied position, one request at a time.

    Positions that come while a request is under way are one request afterwards: under load the
    feed costs one acknowledgement per round trip, not one per frame. A failed one is repeated with
    whatever is newest then.
    """

    def __init__(
        self,
        newest: Callable[[], Position | None],
        send: Callable[[Position], Awaitable[None]],
        backoff: Backoff,
    ) -> None:
        """Fix where positions come from and go to.

        Args:
            newest: returns the last applied position.
            send: tells the broker a position; raises when that failed.
            backoff: the delays after failures.
        """
        self._newest = newest
        self._send = send
        self._backoff = backoff
        self._wake = asyncio.Event()
        self._told: Position | None = None

    def wake(self) -> None:
        """Say that there may be a newer position. Never waits."""
        self._wake.set()

    def restart(self) -> None:
        """Tell the position again on a new connection: it may lead to another broker."""
        self._told = None

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            position = self._newest()
            if position is None or position == self._told:
                continue
            try:
                await self._send(position)
            except Exception as error:  # noqa: BLE001  a dead acknowledger would leave receipts pending for ever
                _LOG.warning("a position could not be acknowledged: %s", type(error).__name__)
                await asyncio.sleep(self._backoff.next_seconds())
                self._wake.set()
            else:
                self._told = position
                self._backoff.reset()
