"""The heartbeats of one task, and the first news that it is over."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from broker.client.api_errors import AbsentError, TaskEndedError
from broker.client.backoff import SYSTEM_RANDOM
from broker.client.errors import ClientError
from broker.client.results import Task

BEATS_PER_TIMEOUT: Final = 3
"""Two beats may be lost before the broker takes the agent for silent."""

MIN_PERIOD_SECONDS: Final = 0.01
"""Whatever idle timeout an answer names, the broker is not flooded."""

MIN_BEAT_SECONDS: Final = 1.0
"""How long one beat may take at least; a slow answer is still news."""

_LOG: Final = logging.getLogger(__name__)


class Heart:
    """Beats until it is stopped or the task is over. A lost beat is made good by the next one."""

    def __init__(
        self,
        task: Task,
        beat: Callable[[], Awaitable[Task]],
        *,
        on_loss: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = SYSTEM_RANDOM,
        beats_alone: bool = True,
    ) -> None:
        """Fix what to do.

        Args:
            task: says how long the agent may be silent.
            beat: sends one heartbeat.
            on_loss: called once, when the broker says that the task is over.
            sleep: how to wait.
            random: draws from 0 to 1; a tenth of each period is left to chance, so that a fleet
                which was started at once does not beat at once for ever.
            beats_alone: False lets a beat out only if :meth:`show_life` was called since the one
                before: work that hangs in a process that lives is silent then.
        """
        self._idle_seconds = task.idle_timeout_seconds
        self._beat = beat
        self._on_loss = on_loss
        self._sleep = sleep
        self._random = random
        self._beats_alone = beats_alone
        self._has_shown_life = False
        self.seen = task
        """The task as the newest answer has it."""
        self.trouble: Exception | None = None
        """Why the newest beat was not heard; None if it was."""

    @property
    def period_seconds(self) -> float:
        """The longest time between two beats."""
        return max(self._idle_seconds / BEATS_PER_TIMEOUT, MIN_PERIOD_SECONDS)

    def show_life(self) -> None:
        """Let the next beat out; calling it as often as one likes costs nothing."""
        self._has_shown_life = True

    async def run(self) -> None:
        """Go on until cancelled, or until the task is over."""
        if self._idle_seconds <= 0:
            return  # nobody listens for beats
        while True:
            await self._sleep(self.period_seconds * (1 - 0.1 * self._random()))
            if self._is_silent():
                continue
            if await self._is_over():
                self._on_loss()
                return

    def _is_silent(self) -> bool:
        """Tell whether nobody has shown life since the last beat that was due."""
        had_shown_life, self._has_shown_life = self._has_shown_life, False
        return not (self._beats_alone or had_shown_life)

    async def _is_over(self) -> bool:
        try:
            async with asyncio.timeout(max(self.period_seconds, MIN_BEAT_SECONDS)):
                self.seen = await self._beat()
        except (TaskEndedError, AbsentError):
            return True
        except (ClientError, TimeoutError) as error:
            self.trouble = error
            return False
        except Exception as error:  # noqa: BLE001  a heart that stops for a slip would end the task
            _LOG.warning("a heartbeat failed: %s", type(error).__name__)
            self.trouble = error
            return False
        self.trouble = None
        return not (self.seen.alive or self.seen.frozen)  # a frozen one may be thawed
