"""Telling the broker that the tasks of jobs have ended, until it has been told.

An end that cannot be told now is told again, for as long as the watcher runs: ending twice is
harmless, and not ending is not. What is no task of the watcher's is said once, and left.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from broker.client.api_errors import AbsentError, RequestRejectedError
from broker.client.backoff import Backoff
from broker.client.errors import ClientError
from broker.client.results import Report
from broker.errors import InvalidRequestError
from broker.ids import parse_task_id
from broker.watching.jobs import Outcome, Work

AT_ONCE: Final = 8
"""How many ends are told at one time."""


class Say(Protocol):
    """Says what happens, to whoever runs the watcher."""

    def __call__(self, event: str, **about: str | int) -> None:
        """Say it."""
        ...


class Ends(Protocol):
    """The calls that end a task: :class:`broker.client.task_calls.TaskCalls`."""

    async def complete(self, task: str, *, reason: str = "") -> Report:
        """End it well."""
        ...

    async def fail(self, task: str, *, reason: str = "") -> Report:
        """End it badly."""
        ...

    async def cancel(self, task: str, *, reason: str = "") -> Report:
        """Stop it."""
        ...


class Telling:
    """Ends tasks in the background; :meth:`close` gives up what is still untold."""

    def __init__(self, ends: Ends, say: Say, *, backoff: Callable[[], Backoff] = Backoff) -> None:
        self._ends = ends
        self._say = say
        self._backoff = backoff
        self._places = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()

    def tell(self, work: Work, outcome: Outcome) -> None:
        """Have the task of a job ended so."""
        task = asyncio.create_task(self._until_told(work, outcome))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Stop telling."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _until_told(self, work: Work, outcome: Outcome) -> None:
        try:
            parse_task_id(work.task)
        except InvalidRequestError:
            self._say("no-task", job=work.name)
            return
        backoff = self._backoff()
        is_told = await self._is_told(work, outcome)
        while not is_told:
            await asyncio.sleep(backoff.next_seconds())
            is_told = await self._is_told(work, outcome)

    async def _is_told(self, work: Work, outcome: Outcome) -> bool:
        try:
            async with self._places:
                report = await self._call(outcome)(
                    work.task, reason=f"kubernetes {work.name}"[:200]
                )
        except (AbsentError, RequestRejectedError) as error:
            self._say("not-ended", job=work.name, task=work.task, why=str(error))
            return True
        except ClientError as error:
            self._say("not-told-yet", job=work.name, task=work.task, why=str(error))
            return False
        by = report.task.ended_by if report.task else ""
        self._say("ended", job=work.name, task=work.task, ended_by=by)
        return True

    def _call(self, outcome: Outcome) -> Callable[..., Awaitable[Report]]:
        match outcome:
            case "complete":
                return self._ends.complete
            case "fail":
                return self._ends.fail
            case "cancel":
                return self._ends.cancel
