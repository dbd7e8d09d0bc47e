"""A task that lives exactly as long as a ``with`` block.

* While the block runs, heartbeats go out in the background.
* The task is ended on every way out: completed when the block succeeds, failed when it raises or
  is cancelled; a cancellation during opening or ending waits until the broker has been told.
* What the block raised is what the caller sees; that the task could not be ended is a note on it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from broker.client.api_errors import AbsentError, BrokerUnavailableError, TaskEndedError
from broker.client.backoff import Backoff
from broker.client.credential_calls import CredentialCalls
from broker.client.errors import BrokerUnreachableError, ClientError, TokenSourceError
from broker.client.results import IssuedCredential, OpenedTask, Report
from broker.client.task_calls import TaskCalls

BEATS_PER_TIMEOUT: Final = 3
"""Two beats may be lost before the broker takes the agent for silent."""

END_ATTEMPTS: Final = 4
"""How often the end is reported before the idle timeout is left to do it."""

T = TypeVar("T")


class TaskScope:
    """An open task as an async context manager; :meth:`BrokerClient.task` makes one."""

    opened: OpenedTask
    """The task as the broker opened it; set on entering."""

    report: Report | None = None
    """The first page of the receipts; set on leaving, if the broker was told of the end."""

    def __init__(
        self,
        tasks: TaskCalls,
        credentials: CredentialCalls,
        open_task: Callable[[], Coroutine[Any, Any, OpenedTask]],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._tasks = tasks
        self._credentials = credentials
        self._open_task = open_task
        self._sleep = sleep
        self._heart: asyncio.Task[None] | None = None
        self.was_ended = asyncio.Event()
        """Set when the broker has said that the task is over: stop working."""

    @property
    def id(self) -> str:
        """The task's id."""
        return self.opened.id

    async def __aenter__(self) -> Self:
        opening = asyncio.create_task(self._open_task())
        try:
            self.opened = await _unhurried(opening)
        except asyncio.CancelledError:
            await self._abandon(opening)
            raise
        self._heart = asyncio.create_task(self._beat())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._leave("" if kind is None else kind.__name__, is_good=error is None)
        except ClientError as failure:
            if error is None:
                raise
            error.add_note(f"the task {self.id} could not be ended: {failure}")

    async def issue(
        self, capability: str, *, scopes: tuple[str, ...], ttl_seconds: int | None = None
    ) -> IssuedCredential:
        """Ask for a credential within this task. It dies with the task at the latest."""
        return await self._credentials.issue(
            self.id, capability, scopes=scopes, ttl_seconds=ttl_seconds
        )

    async def _beat(self) -> None:
        while not self.was_ended.is_set():
            await self._sleep(self.opened.idle_timeout_seconds / BEATS_PER_TIMEOUT)
            try:
                is_over = not (await self._tasks.heartbeat(self.id)).alive
            except ClientError as failure:  # of any other kind: the next beat is the repeat
                is_over = isinstance(failure, (TaskEndedError, AbsentError))
            if is_over:
                self.was_ended.set()

    async def _abandon(self, opening: asyncio.Task[OpenedTask]) -> None:
        if opening.cancelled() or opening.exception() is not None:
            return
        self.opened = opening.result()
        with contextlib.suppress(ClientError):  # the idle timeout will do it
            await self._leave("cancelled while it was opened", is_good=False)

    async def _leave(self, reason: str, *, is_good: bool) -> None:
        await _unhurried(asyncio.create_task(self._end(reason, is_good=is_good)))

    async def _end(self, reason: str, *, is_good: bool) -> None:
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.gather(self._heart, return_exceptions=True)
        say = self._tasks.complete if is_good else self._tasks.fail
        backoff = Backoff()
        for attempt in range(1, END_ATTEMPTS + 1):
            try:
                self.report = await say(self.id, reason=reason)
            except ClientError as failure:
                if attempt > 1 and isinstance(failure, (TaskEndedError, AbsentError)):
                    return  # the try before had reached the broker after all
                if attempt == END_ATTEMPTS or not _may_pass(failure):
                    raise
                await self._sleep(backoff.next_seconds())
            else:
                return


def _may_pass(failure: ClientError) -> bool:
    return isinstance(failure, (BrokerUnreachableError, BrokerUnavailableError, TokenSourceError))


async def _unhurried(work: asyncio.Task[T]) -> T:
    """Wait for the work to end even when cancelled meanwhile; then let the cancellation go on."""
    was_cancelled = False
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            was_cancelled = True
    if was_cancelled:
        work.cancelled() or work.exception()  # looked at, so that asyncio does not complain
        raise asyncio.CancelledError
    return work.result()
