"""Tells the broker how a task's credentials were used: in batches, and never in the way.

* Taking uses costs no waiting. They are counted by their kind (:mod:`broker.running.tally`), and
  told every half minute, and on leaving.
* A batch that may not have been heard is told again under the same key: it counts once.
* What cannot be told is counted, and the count is told with the next batch, or left in ``untold``.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, Protocol, Self

from broker.client import route
from broker.client.api_errors import (
    AbsentError,
    AccessRefusedError,
    ProofRejectedError,
    RequestRejectedError,
    TaskEndedError,
)
from broker.client.backoff import Backoff
from broker.client.errors import ClientError
from broker.client.results import Task
from broker.client.use_results import SayUse
from broker.proxy import Use
from broker.running.tally import Batch, Tally

EVERY_SECONDS: Final = 30.0
"""Uses of so long a time are told together."""

SOON_SECONDS: Final = 1.0
"""The first is told sooner: whoever watches a task sees that it has begun."""

LAST_SECONDS: Final = 5.0
"""How long leaving may take, where the broker does not answer."""

_OVER: Final = (TaskEndedError, AbsentError)
_WRONG: Final = (RequestRejectedError, AccessRefusedError)
"""It is the batch that is wrong: all else may be otherwise next time, evidence and clocks too."""

_LOG: Final = logging.getLogger(__name__)


class SayUses(Protocol):
    """Tells the broker: :meth:`broker.client.task_calls.TaskCalls.say_uses`."""

    async def __call__(
        self, task: str, uses: Sequence[SayUse], /, *, untold: int, idempotency_key: str
    ) -> Task:
        """Tell of uses of a task's credentials."""
        ...


class UseReporter:
    """A :class:`~broker.proxy.Reporter` of one task, for as long as a ``with`` block lasts.

    Open the proxy within the block, and end the task after it: of a task that has ended nothing is
    heard any more.
    """

    def __init__(
        self,
        say: SayUses,
        task: str,
        *,
        every_seconds: float = EVERY_SECONDS,
        soon_seconds: float = SOON_SECONDS,
        last_seconds: float = LAST_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._say = say
        self._task = task
        self._every_seconds = every_seconds
        self._soon_seconds = soon_seconds
        self._last_seconds = last_seconds
        self._sleep = sleep
        self._tally = Tally()
        self._sent: tuple[str, Batch] | None = None
        """What was sent, and may not have been heard."""
        self._news = asyncio.Event()
        self._teller: asyncio.Task[None] | None = None
        self._is_over = False
        self.trouble: ClientError | None = None
        """Why the newest batch was not heard; None if it was."""

    @property
    def untold(self) -> int:
        """How many exchanges the broker has not heard of so far."""
        waiting = self._tally.waiting
        return waiting + (self._sent[1].times if self._sent else 0)

    async def report(self, uses: Sequence[Use], missing: int = 0) -> None:
        """Take uses; ``missing`` more there were. It is told later."""
        for use in uses:
            self._tally.add(use)
        self._tally.untold += missing
        self._news.set()

    async def __aenter__(self) -> Self:
        self._teller = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell what is left, within a bound."""
        if self._teller is not None:
            self._teller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._teller
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._last_seconds):
                await self._flush()
        if self.untold:
            _LOG.warning("%d uses were not told to the broker: %s", self.untold, self.trouble)

    async def _run(self) -> None:
        pause = self._soon_seconds
        while not self._is_over:
            await self._news.wait()
            await self._sleep(pause)
            await self._tell()
            pause = self._every_seconds

    async def _flush(self) -> None:
        backoff = Backoff()
        while not self._is_over and (self._sent or self._tally.has_rows):
            if not await self._tell():
                await self._sleep(backoff.next_seconds())

    async def _tell(self) -> bool:
        """Tell one batch; False: it has to be told again."""
        if self._sent is None:
            self._news.clear()
            batch = self._tally.take()
            if batch is None:
                return True
            self._sent = (route.new_idempotency_key(), batch)
        key, batch = self._sent
        try:
            await self._say(self._task, batch.uses, untold=batch.untold, idempotency_key=key)
        except ClientError as error:
            self.trouble = error
            return self._failed(error, batch)
        except Exception as error:  # noqa: BLE001  one slip must not end the telling
            _LOG.warning("uses were not told: %s", type(error).__name__)
            self._news.set()
            return False
        self._sent, self.trouble = None, None
        return True

    def _failed(self, error: ClientError, batch: Batch) -> bool:
        if isinstance(error, _OVER):
            self._is_over = True
            return True
        if isinstance(error, _WRONG) and not isinstance(error, ProofRejectedError):
            self._sent = None
            self._tally.untold += batch.times
            return True
        self._news.set()
        return False
