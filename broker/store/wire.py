"""One connection that many callers share: written in batches, answered first in, first out.

- A slot in the queue is given up only by its reply or by the end of the connection, never because
  its caller was cancelled or ran out of patience: so no caller can receive another's reply.
- Nothing is ever sent twice.
- A server that does not answer is noticed: its callers are let go after the deadline, new ones are
  refused at once, and after twice the deadline the connection is given up.
"""

import asyncio
from collections import deque
from typing import Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError

from broker.errors import StoreUnavailableError
from broker.store.link import Reply
from broker.store.takeover import Takeover

WATCHES_PER_DEADLINE: Final = 40
"""How often the queue is looked at within one deadline: bounds both lateness and the work."""

Slot = tuple["asyncio.Future[Reply]", float]
"""Who waits for the reply, and until when (event loop time)."""


class Wire:
    """A connected redis-py connection and the calls in flight on it.

    :meth:`carry` must be running for anything to move.
    """

    def __init__(self, connection: AbstractConnection, *, deadline_s: float, limit: int) -> None:
        self._connection = connection
        self._deadline_s = deadline_s
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._slots: deque[Slot] = deque()
        self._unsent: list[bytes] = []
        self._stream = Takeover(connection, self._hand_out)

    def send(self, packed: bytes) -> "asyncio.Future[Reply]":
        """Queue a packed command. The future brings the reply or an exception, as a *value*.

        Raises:
            StoreUnavailableError: nothing was queued, and the command will not run.
        """
        now = self._loop.time()
        self._refuse_if_hopeless(now)
        future = self._loop.create_future()
        self._slots.append((future, now + self._deadline_s))
        if not self._unsent:
            self._loop.call_soon(self._write)
        self._unsent.append(packed)
        return future

    async def carry(self) -> BaseException:
        """Let answers come in until the connection breaks or is given up; return why it did."""
        try:
            self._stream.begin()
            await self._watch()
        finally:
            self._stream.end(RedisConnectionError("closed"))
            self._release_all(self._stream.ended.result())
            await self._connection.disconnect(nowait=True)
        return self._stream.ended.result()

    def _refuse_if_hopeless(self, now: float) -> None:
        if self._stream.ended.done():
            cause = self._stream.ended.result()
            raise StoreUnavailableError(f"the connection to Redis broke: {cause}")
        if len(self._slots) >= self._limit:
            raise StoreUnavailableError(f"{self._limit} calls wait for Redis already")
        if self._slots and self._slots[0][1] < now:
            raise StoreUnavailableError("Redis does not answer")

    def _write(self) -> None:
        batch, self._unsent = self._unsent, []
        self._stream.write(b"".join(batch))

    def _hand_out(self, reply: Reply) -> None:
        """Give an answer to who has waited longest."""
        if not self._slots:
            raise RedisConnectionError("a reply that nobody asked for")
        future, _ = self._slots.popleft()
        if not future.done():
            future.set_result(reply)
        if isinstance(reply, ReadOnlyError):
            raise reply  # a master no more: look for the new one behind the same address

    async def _watch(self) -> None:
        """Let go of whoever has waited too long, until the connection ends or has to."""
        ended, pause_s = self._stream.ended, self._deadline_s / WATCHES_PER_DEADLINE
        while not ended.done():
            now = self._loop.time()
            self._release_overdue(now)
            if self._slots and self._slots[0][1] + self._deadline_s < now:
                self._stream.end(RedisConnectionError("given up, the server is silent"))
            else:
                await asyncio.wait([ended], timeout=pause_s)

    def _release_overdue(self, now: float) -> None:
        for future, due in self._slots:
            if due > now:
                return
            if not future.done():
                future.set_result(TimeoutError(f"no answer within {self._deadline_s} s"))

    def _release_all(self, cause: BaseException) -> None:
        while self._slots:
            future, _ = self._slots.popleft()
            if not future.done():
                future.set_result(cause)
