"""Telling the broker how a task ended: the right word, again if need be, within a bound."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final, Protocol

from broker.client.api_errors import AbsentError, ApiError, TaskEndedError
from broker.client.backoff import Backoff
from broker.client.errors import BrokerUnreachableError, ReplyLostError, TokenSourceError
from broker.client.results import Report

END_ATTEMPTS: Final = 4
"""How often the end is reported before the idle timeout is left to do it."""

END_SECONDS: Final = 20.0
"""How long reporting the end may take altogether: it holds up a cancellation for so long."""

_Passing = (BrokerUnreachableError, TokenSourceError, ApiError)


class Outcome(StrEnum):
    """How a task ended: the state that the ledger then shows."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SayEnd(Protocol):
    """One of the calls that end a task."""

    def __call__(self, task: str, /, *, reason: str) -> Awaitable[Report]:
        """End the task and return the report's first page."""
        ...


def outcome_of(error: BaseException | None) -> Outcome:
    """Name how a block ended.

    Nothing raised is ``completed``, an :class:`Exception` is ``failed``; what tells a program to
    stop (``CancelledError``, ``KeyboardInterrupt``, ``SystemExit``, ``GeneratorExit``) is
    ``cancelled``.
    """
    if error is None:
        return Outcome.COMPLETED
    return Outcome.FAILED if isinstance(error, Exception) else Outcome.CANCELLED


async def report_end(
    say: SayEnd,
    task: str,
    reason: str,
    *,
    within_seconds: float = END_SECONDS,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Report | None:
    """Report the end until the broker has heard it; None when it hears that it had already.

    Ending twice is harmless, so a lost answer is asked for again.

    Raises:
        ClientError: the broker was not told, or will not hear it.
    """
    try:
        async with asyncio.timeout(within_seconds):
            return await _report_end(say, task, reason, sleep)
    except TimeoutError:
        raise ReplyLostError(f"the end was not answered within {within_seconds:g} s") from None


async def _report_end(
    say: SayEnd, task: str, reason: str, sleep: Callable[[float], Awaitable[None]]
) -> Report | None:
    backoff = Backoff()
    for attempt in range(1, END_ATTEMPTS + 1):
        try:
            return await say(task, reason=reason)
        except _Passing as failure:
            if attempt > 1 and isinstance(failure, (TaskEndedError, AbsentError)):
                return None  # the try before had reached the broker after all
            is_final = isinstance(failure, ApiError) and not failure.is_temporary
            if attempt == END_ATTEMPTS or is_final:
                raise
        await sleep(backoff.next_seconds())
    raise AssertionError("the last attempt returns or raises")
