"""One call to a quota that several leases share.

Requests that arrive together mostly count against the same few quotas. A call of its own for each
costs the server, and the broker, several times what counting does.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final

from broker.errors import StoreUnavailableError
from broker.ids import LeaseId
from broker.store.link import Reply, Value

MOST: Final = 100
"""Leases of one call: they hold the server for well below a millisecond."""


class QuotaCall:
    """Collects leases until it is sent, and hands out the answers."""

    def __init__(self) -> None:
        self.args: list[Value] = []
        self._places: list[asyncio.Future[Reply]] = []
        self._loop = asyncio.get_running_loop()

    @property
    def is_full(self) -> bool:
        """Tell whether the next lease needs another call."""
        return len(self._places) >= MOST

    def add(self, lease: LeaseId, life_ms: int, limit: int) -> "asyncio.Future[Reply]":
        """Join it. The future brings the answer for this lease, or an exception, as a *value*."""
        self.args += (lease, life_ms, limit)
        place = self._loop.create_future()
        self._places.append(place)
        return place

    async def settle(self, sent: Awaitable[Sequence[Reply]]) -> None:
        """Await the server's answers and hand them out."""
        count = len(self._places)
        answers: Sequence[Reply] = [StoreUnavailableError("a quota did not answer")] * count
        try:
            answers = await sent
        except StoreUnavailableError as error:
            answers = [error] * count
        finally:
            # Whatever happened, nobody waits for ever; who gave up waiting gets no answer.
            for place, answer in zip(self._places, answers, strict=True):
                if not place.done():
                    place.set_result(answer)
