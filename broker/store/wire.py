"""One connection that many callers share: written in batches, answered first in, first out.

- A slot in the queue is given up only by its reply or by the end of the connection, never because
  its caller was cancelled or ran out of patience: so no caller can receive another's reply.
- Nothing is ever sent twice.
- A server that does not answer is noticed: its callers are let go after the deadline, new ones are
  refused at once, and after twice the deadline the connection is given up.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import BusyLoadingError, ReadOnlyError
from redis.exceptions import ConnectionError as RedisConnectionError

from broker.errors import StoreUnavailableError
from broker.store.link import Reply
from broker.store.servers import FOREIGN_ERRORS

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
        self._something_unsent = asyncio.Event()
        self._cause: BaseException | None = None

    def send(self, packed: bytes) -> "asyncio.Future[Reply]":
        """Queue a packed command. The future brings the reply or an exception, as a *value*.

        Raises:
            StoreUnavailableError: nothing was queued, and the command will not run.
        """
        now = self._loop.time()
        self._refuse_if_hopeless(now)
        future = self._loop.create_future()
        self._slots.append((future, now + self._deadline_s))
        self._unsent.append(packed)
        self._something_unsent.set()
        return future

    async def carry(self) -> BaseException:
        """Write and read until the connection breaks or is given up; return why it did.

        When it breaks in the very moment in which this is cancelled, it may return as well: a task
        group knows one reason to end.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write())
                tasks.create_task(self._read())
                tasks.create_task(self._watch())
        except* FOREIGN_ERRORS as errors:
            self._cause = errors.exceptions[0]
        finally:
            self._cause = self._cause or RedisConnectionError("closed")
            self._release_all(self._cause)
            await self._connection.disconnect(nowait=True)
        return self._cause

    def _refuse_if_hopeless(self, now: float) -> None:
        if self._cause is not None:
            raise StoreUnavailableError(f"the connection to Redis broke: {self._cause}")
        if len(self._slots) >= self._limit:
            raise StoreUnavailableError(f"{self._limit} calls wait for Redis already")
        if self._slots and self._slots[0][1] < now:
            raise StoreUnavailableError("Redis does not answer")

    async def _write(self) -> None:
        while True:
            await self._something_unsent.wait()
            self._something_unsent.clear()
            batch, self._unsent = self._unsent, []
            await self._connection.send_packed_command(batch, check_health=False)

    async def _read(self) -> None:
        # Straight from the parser, for which errors are values as well: the connection's own method
        # minds timeouts, health checks and reconnecting for each reply, and those are ours here.
        read: Callable[[], Awaitable[Reply]] = self._connection._parser.read_response  # type: ignore[attr-defined]  # noqa: SLF001 - its type is the parsers' common base
        while True:
            try:
                reply = await read()
            except BusyLoadingError as error:
                reply = error
            if not self._slots:
                raise RedisConnectionError("a reply that nobody asked for")
            future, _ = self._slots.popleft()
            if not future.done():
                future.set_result(reply)
            if isinstance(reply, ReadOnlyError):
                raise reply  # a master no more: look for the new one behind the same address

    async def _watch(self) -> None:
        while True:
            now = self._loop.time()
            self._release_overdue(now)
            if self._slots and self._slots[0][1] + self._deadline_s < now:
                raise RedisConnectionError("given up, the server is silent")
            await asyncio.sleep(self._deadline_s / WATCHES_PER_DEADLINE)

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
