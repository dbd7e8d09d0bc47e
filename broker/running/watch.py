"""Looks after a run while its command lives: files follow renewals, and what ends is told.

* **A younger credential** is in the files within a second.
* **No broker, or evidence that it does not take:** the command goes on with what it has. That is
  said once, and once when it is over; renewing is tried all the time.
* **A credential that has died of age,** because no broker could be asked for longer than it lived,
  is followed by another as soon as one can be had.
* **A credential that was taken away, a task that was ended:** it is said, and the command is asked
  to end (or is not, as was chosen).
* **A frozen task** has lost all it had, and may get it again: the command goes on without. What
  follows after the thaw is in its files.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from broker.client.api_errors import TaskFrozenError
from broker.client.backoff import Backoff
from broker.client.errors import ClientError, TokenSourceError
from broker.client.problem import Problem
from broker.client.results import Task
from broker.client.task_scope import TaskScope
from broker.running.folder import FolderError, RunFolder
from broker.running.keeper import Keeper
from broker.running.shapes.shape import ShapeUnfitError
from broker.running.voice import Voice

LOOK_SECONDS: Final = 0.5
"""How often it is looked at what is held here; nobody is asked for that."""

_THAW_SECONDS: Final = 2.0
"""How often a frozen task is asked for something, at the most."""

_NO_EVIDENCE: Final = "the file of your workload token cannot be read, or is empty"

Show = Callable[[str], Awaitable[Task]]


class Watch:
    """The watch over one run."""

    def __init__(
        self,
        scope: TaskScope,
        keepers: Sequence[Keeper],
        *,
        folder: RunFolder,
        show: Show,
        voice: Voice,
        on_taken: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._scope = scope
        self._keepers = keepers
        self._folder = folder
        self._show = show
        self._voice = voice
        self._on_taken = on_taken
        self._sleep = sleep
        self._thawed: Task | None = None
        """What was heard last when the thaw was: it may still say that the task is frozen."""

    async def run(self) -> None:
        """Go on until cancelled."""
        await asyncio.gather(self._task(), *(self._need(each) for each in self._keepers))

    async def _task(self) -> None:
        while not self._scope.was_ended.is_set():
            await self._sleep(LOOK_SECONDS)
            self._tell_trouble()
        self._voice.say("the task was ended by somebody else: all its credentials are dead")
        self._on_taken()

    def _tell_trouble(self) -> None:
        troubles = [self._scope.heart.trouble, *(keeper.trouble for keeper in self._keepers)]
        trouble = next((each for each in troubles if each is not None), None)
        if trouble is None:
            self._voice.ends("trouble", "the broker answers again")
        else:
            why = _NO_EVIDENCE if isinstance(trouble, TokenSourceError) else trouble
            text = f"{why}: the command goes on with what it has, and this is tried again"
            self._voice.begins("trouble", text)

    async def _need(self, keeper: Keeper) -> None:
        written, backoff = keeper.newest, Backoff(first_seconds=1, cap_seconds=10)
        while not self._scope.was_ended.is_set():
            await self._sleep(LOOK_SECONDS)
            if keeper.newest is not written and self._write(keeper):
                written = keeper.newest
            if keeper.end is not None or self._is_known_frozen():
                if not await self._comes_back(keeper):
                    return
            elif keeper.wants_another and not await self._another(keeper) and not keeper.end:
                await self._sleep(backoff.next_seconds())
            self._tell_refusal(keeper)

    def _write(self, keeper: Keeper) -> bool:
        name = keeper.need.name
        try:
            self._folder.write(keeper.files())
        except (FolderError, ShapeUnfitError) as error:
            self._voice.begins(f"files of {name}", f"{error}: the files of {name} grow old")
            return False
        self._voice.ends(f"files of {name}", f"the files of {name} are current again")
        return True

    def _tell_refusal(self, keeper: Keeper) -> None:
        if keeper.refusal is not None and keeper.end is None:
            name, until = keeper.need.name, keeper.newest.expires_at.isoformat(timespec="seconds")
            text = f"{name} is not renewed any more, and lives until {until}: {keeper.refusal}"
            self._voice.begins(f"refusal of {name}", text)

    async def _another(self, keeper: Keeper) -> bool:
        try:
            await keeper.follow()
        except ClientError as error:
            if keeper.end is None:
                text = f"no other {keeper.need.name} can be had: {error}"
                self._voice.begins(f"other {keeper.need.name}", text)
            return False
        self._voice.ends(f"other {keeper.need.name}", f"{keeper.need.name} has been renewed")
        return True

    async def _comes_back(self, keeper: Keeper) -> bool:
        """Wait for a thaw; without one, say what was taken away."""
        name = keeper.need.name
        if not await self._is_frozen(keeper):
            self._voice.say(f"{name} is dead: {keeper.end}")
            self._on_taken()
            return False
        text = "the task is frozen: its credentials are dead, and none are given until it is thawed"
        self._voice.begins("frozen", text)
        keeper.suspend(TaskFrozenError(Problem(409, "task-frozen", detail="the task is frozen")))
        if not await self._has_another(keeper):
            await self._sleep(_THAW_SECONDS)
            return True
        self._voice.ends("frozen", "the task was thawed: its credentials are new ones")
        return True

    async def _has_another(self, keeper: Keeper) -> bool:
        try:
            await keeper.replace()
        except ClientError:
            return False
        self._thawed = self._scope.heart.seen
        return True

    def _is_known_frozen(self) -> bool:
        seen = self._scope.heart.seen
        return seen.frozen and seen is not self._thawed

    async def _is_frozen(self, keeper: Keeper) -> bool:
        if isinstance(keeper.end, TaskFrozenError) or self._is_known_frozen():
            return True
        try:
            return (await self._show(self._scope.id)).frozen
        except ClientError:
            return False
