"""A task that lives exactly as long as a ``with`` block.

* While the block runs, heartbeats go out in the background, and held credentials are renewed.
* The task is ended on every way out: ``complete`` when the block succeeds, ``fail`` when it raises,
  ``cancel`` when it is told to stop (cancelled, interrupted). A cancellation during opening or
  ending waits, within a bound, until the broker has been told, and then goes on.
* What the block raised is what the caller sees; that the task could not be ended, or had been ended
  by somebody else, is a note on it. When the block raised nothing, it is the error.
* With ``wait`` leaving takes until every credential has come so far, ``wait_seconds`` at most; that
  it has not is :class:`~broker.client.reaching.NotReachedError`. A cancelled block does not wait.
* With ``beats_alone=False`` a heartbeat goes out only after :meth:`TaskScope.show_life`: where the
  work hangs, the idle timeout ends the task although the process lives.
* When somebody else ends the task, ``was_ended`` is set; with ``cancel_when_lost`` the block is
  cancelled as well and leaves as :class:`~broker.client.errors.TaskLostError`.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from functools import partial
from itertools import chain
from types import TracebackType
from typing import Any, Final, Self

from broker.client.api_errors import TaskEndedError
from broker.client.credential_calls import NO_TOOL, CredentialCalls
from broker.client.ending import END_SECONDS, Outcome, outcome_of, report_end
from broker.client.errors import TaskLostError
from broker.client.heart import Heart
from broker.client.held import Asked, HeldCredential
from broker.client.levels import Level
from broker.client.noticing import Noticing
from broker.client.reaching import WITHIN_SECONDS, NotReachedError
from broker.client.renewing import HAND_OVER_SECONDS, Renewing, give_back_later
from broker.client.results import IssuedCredential, OpenedTask, Report, Task
from broker.client.task_calls import TaskCalls
from broker.client.tls import Tls
from broker.client.unhurried import finished
from broker.clock import Clock, SystemClock
from broker.proof.dpop_key import DpopKey

_LOG: Final = logging.getLogger(__name__)


class TaskScope:
    """An open task as an async context manager; :meth:`BrokerClient.task` makes one."""

    opened: Task
    """The task as the broker opened it, or gave it to this instance; set on entering."""

    heart: Heart
    """Beats, and knows what was heard of it; set on entering."""

    report: Report | None = None
    """The first page of the receipts, or all of them where these are waited for; set on leaving, if
    the broker was told of the end."""

    def __init__(  # noqa: PLR0913  one keyword per choice, each with its default
        self,
        tasks: TaskCalls,
        credentials: CredentialCalls,
        open_task: Callable[[], Coroutine[Any, Any, OpenedTask | Task]],
        *,
        cancel_when_lost: bool = False,
        end_within_seconds: float = END_SECONDS,
        wait: str = "",
        wait_seconds: float = WITHIN_SECONDS,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        key: DpopKey | None = None,
        tls: Tls | None = None,
        beats_alone: bool = True,
    ) -> None:
        self._beats_alone = beats_alone
        self._key = key
        self._tls = tls
        self._tasks = tasks
        self._credentials = credentials
        self._open_task = open_task
        self._cancel_when_lost = cancel_when_lost
        self._end_within_seconds = end_within_seconds
        self._level = Level(wait) if wait else None
        self._wait_seconds = wait_seconds
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._background: list[asyncio.Task[None]] = []
        self._held: dict[HeldCredential, list[asyncio.Task[None]]] = {}
        self._body: asyncio.Task[Any] | None = None
        self._cancelling_before = 0
        self._has_cancelled = False
        self._is_leaving = False
        self.was_ended = asyncio.Event()
        """Set when the broker has said that the task is over: stop working."""

    @property
    def id(self) -> str:
        """The task's id."""
        return self.opened.id

    async def __aenter__(self) -> Self:
        opening = asyncio.create_task(self._open_task())
        if await finished(opening):
            await self._abandon(opening)
            raise asyncio.CancelledError
        self.opened = opening.result()
        if not self.opened.alive:
            raise TaskLostError(f"the task {self.id} is {self.opened.state}, or one above it")
        self._body = asyncio.current_task()
        self._cancelling_before = self._body.cancelling() if self._body else 0
        beat = partial(self._tasks.heartbeat, self.id)
        self.heart = Heart(
            self.opened,
            beat,
            on_loss=self._lose,
            sleep=self._sleep,
            beats_alone=self._beats_alone,
        )
        self._background.append(asyncio.create_task(self.heart.run()))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ending = asyncio.create_task(self._end(outcome_of(error), kind.__name__ if kind else ""))
        was_cancelled = await finished(ending)
        trouble = ending.exception()
        is_own = self._was_only_cancelled_by_loss()
        if is_own and (error is None or isinstance(error, asyncio.CancelledError)):
            raise TaskLostError(f"the task {self.id} was ended while the block ran") from error
        # A cancellation from outside goes on; what the block raised is its context.
        cancelled = asyncio.CancelledError() if was_cancelled and not is_own else None
        seen = cancelled or error
        if trouble is not None and seen is None:
            raise trouble
        if trouble is not None and seen is not None:
            seen.add_note(f"the task {self.id} could not be ended: {trouble}")
        if cancelled is not None:
            raise cancelled
        if trouble is None and outcome_of(error) is not Outcome.CANCELLED:
            await self._reach(error)

    def show_life(self) -> None:
        """Say that the work goes on: the next heartbeat may go out. Not for other threads."""
        self.heart.show_life()

    def ensure_open(self) -> None:
        """Return as long as nothing has been heard of the task's end.

        Raises:
            TaskLostError: it was ended by somebody else.
        """
        if self.was_ended.is_set():
            raise TaskLostError(f"the task {self.id} was ended by somebody else")

    async def issue(
        self,
        capability: str,
        *,
        scopes: tuple[str, ...],
        ttl_seconds: int | None = None,
        tool: Mapping[str, str] = NO_TOOL,
        wait_for_approval: float = 0,
    ) -> IssuedCredential:
        """Ask for a credential within this task. It dies with the task at the latest.

        ``tool`` is what it will be used by (:meth:`CredentialCalls.issue`). Where people have to
        agree first, it waits so many seconds for them.
        """
        try:
            return await self._credentials.issue(
                self.id,
                capability,
                scopes=scopes,
                ttl_seconds=ttl_seconds,
                tool=tool,
                wait_for_approval=wait_for_approval,
            )
        except TaskEndedError:
            self._lose()
            raise

    async def credential(
        self,
        capability: str,
        *,
        scopes: tuple[str, ...],
        ttl_seconds: int | None = None,
        tool: Mapping[str, str] = NO_TOOL,
        hand_over_seconds: float = HAND_OVER_SECONDS,
    ) -> HeldCredential:
        """Ask for a credential and keep it fresh in the background until the task ends.

        One at a target that cannot be renewed is followed by another, beside which it lives on for
        ``hand_over_seconds``: sessions that it has opened end then. One that was ended for the sake
        of others is followed, too, within :data:`~broker.client.noticing.LOOK_SECONDS`.
        """
        asked = Asked.now(self._clock)
        issued = await self.issue(capability, scopes=scopes, ttl_seconds=ttl_seconds, tool=tool)
        retire = partial(self._retire, hand_over_seconds)
        renew = Renewing(
            self._credentials,
            issued,
            scopes=scopes,
            ttl_seconds=ttl_seconds,
            tool=tool,
            retire=retire,
        )
        held = HeldCredential(
            issued,
            asked,
            renew,
            clock=self._clock,
            sleep=self._sleep,
            key=self._key,
            tls=self._tls,
        )
        self._held[held] = [asyncio.create_task(held.keep_fresh())]
        if issued.target:
            noticing = Noticing(held, self._credentials.show, sleep=self._sleep)
            self._held[held].append(asyncio.create_task(noticing.run()))
        return held

    @contextlib.asynccontextmanager
    async def lent(
        self,
        capability: str,
        *,
        scopes: tuple[str, ...],
        ttl_seconds: int | None = None,
        tool: Mapping[str, str] = NO_TOOL,
    ) -> AsyncIterator[HeldCredential]:
        """Hold a credential for the length of a block, and give it back on every way out of it.

        A cancellation waits, within a bound, until that is done. What cannot be given back dies
        with the task.
        """
        asking = asyncio.create_task(
            self.credential(capability, scopes=scopes, ttl_seconds=ttl_seconds, tool=tool)
        )
        was_cancelled = await finished(asking)
        if was_cancelled and asking.exception() is not None:
            raise asyncio.CancelledError
        held = asking.result()
        try:
            if was_cancelled:
                raise asyncio.CancelledError
            yield held
        finally:
            if await finished(asyncio.create_task(self._return(held))):
                raise asyncio.CancelledError

    async def _return(self, held: HeldCredential) -> None:
        held.halt()
        for task in self._held.pop(held, ()):
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._end_within_seconds):
                await give_back_later(self._credentials, held.current, 0, self._sleep)

    def _retire(self, seconds: float, former: IssuedCredential) -> None:
        giving = give_back_later(self._credentials, former, seconds, self._sleep)
        going_on = [task for task in self._background if not task.done()]
        self._background = [*going_on, asyncio.create_task(giving)]

    def _lose(self) -> None:
        if self.was_ended.is_set() or self._is_leaving:
            return
        self.was_ended.set()
        for held in self._held:
            held.halt()
        if self._cancel_when_lost and self._body is not None:
            self._has_cancelled = True
            self._body.cancel("the task was ended by somebody else")

    def _was_only_cancelled_by_loss(self) -> bool:
        """Tell whether the block was cancelled by us, and by nobody else; take it back if so."""
        if not self._has_cancelled or self._body is None:
            return False
        return self._body.uncancel() <= self._cancelling_before

    async def _abandon(self, opening: asyncio.Task[OpenedTask | Task]) -> None:
        if opening.cancelled() or opening.exception() is not None:
            return
        self.opened = opening.result()
        ending = asyncio.create_task(self._end(Outcome.CANCELLED, "cancelled while it was opened"))
        await finished(ending)
        if ending.exception() is not None:  # the idle timeout will do it
            _LOG.warning("the task %s could not be ended", self.id)

    async def _end(self, outcome: Outcome, reason: str) -> None:
        self._is_leaving = True
        await self._stop_background()
        say = {
            Outcome.COMPLETED: self._tasks.complete,
            Outcome.FAILED: self._tasks.fail,
            Outcome.CANCELLED: self._tasks.cancel,
        }[outcome]
        self.report = await report_end(
            say, self.id, reason, within_seconds=self._end_within_seconds, sleep=self._sleep
        )
        ended = self.report.task if self.report else None
        if ended is not None and ended.state != outcome:
            by = ended.closed_by or ended.ended_by
            raise TaskLostError(f"the task {self.id} was {ended.state} before, by {by}")

    async def _reach(self, error: BaseException | None) -> None:
        """Wait for the death of what the task had; a cancellation ends this wait at once."""
        if self._level is None:
            return
        try:
            self.report = await self._tasks.reach(
                self.id, self._level, within_seconds=self._wait_seconds
            )
        except NotReachedError as late:
            self.report = late.report
            if error is None:
                raise
            error.add_note(f"the task {self.id} has ended, and: {late}")

    async def _stop_background(self) -> None:
        background = [*self._background, *chain.from_iterable(self._held.values())]
        for task in background:
            task.cancel()
        for held in self._held:
            await held.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*background, return_exceptions=True)
