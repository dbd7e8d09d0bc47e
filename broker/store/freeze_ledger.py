"""Freezing and thawing tasks in the ledger: one write on one node, whatever hangs below it.

- A freeze carries an instant, its cut: what was issued in the tree until then is dead for good.
- It takes away, so neither short memory, nor a full outbox, nor a doubtful clock keeps it.
- Thawing gives back the right to ask anew, and nothing else.
"""

from collections.abc import Sequence

from broker.ids import IdFactory, TaskId
from broker.store import codec, scripts
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.keyspace import Keyspace
from broker.store.limits import Limits
from broker.store.link import Link
from broker.store.refusals import accept


class FreezeLedger:
    """Freezes and thaws."""

    def __init__(
        self,
        link: Link,
        keys: Keyspace,
        ids: IdFactory,
        limits: Limits,
        *,
        bounds: ClockBounds = ANY_TIME,
    ) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids
        self._limits = limits
        self._bounds = bounds

    async def freeze(
        self, path: tuple[TaskId, ...], *, by: str, reason: str, once: bool = False
    ) -> bool:
        """Freeze the last task of a path; return whether it was not frozen before.

        One that is frozen keeps its first freeze. With ``once`` a task that was last frozen by the
        same for the same reason, and thawed since, stays thawed.

        Raises:
            NotFoundError: there is no such task.
            TaskClosedError: it has ended, and everything in it with it.
        """
        return await self._run_freeze(path, by, reason, int(once))

    async def tell(self, path: tuple[TaskId, ...]) -> None:
        """Tell of the freeze of a path's last task if that could not be done when it came.

        One that was thawed meanwhile stays thawed.

        Raises:
            NotFoundError: there is no such task.
        """
        await self._run_freeze(path, "", "", "tell")

    async def _run_freeze(
        self, path: tuple[TaskId, ...], by: str, reason: str, how: str | int
    ) -> bool:
        args: list[str | int] = [path[-1], self._ids.operation(), by, reason]
        args += [*self._bounds.around_now(), how]
        keys = [*self._at(path), self._keys.of(path[-1]).fences]
        reply = accept(await self._link.run(scripts.TASK_FREEZE, keys, args))
        return reply[0] == "ok"

    async def thaw(
        self, path: tuple[TaskId, ...], *, tenant: str, agent: str, by: str, reason: str
    ) -> bool:
        """Thaw the last task of a path; return whether it was frozen.

        Raises:
            NotFoundError: there is no such task.
            TaskClosedError: it has ended.
            UnavailableError: the outbox is full, or the clocks disagree.
        """
        task = path[-1]
        detail = codec.encode({"task": task, "agent": agent, "by": by, "reason": reason})
        args: list[str | int] = [task, self._ids.operation(), self._limits.outbox]
        args += [*self._bounds.around_now(), tenant, detail]
        reply = accept(await self._link.run(scripts.TASK_THAW, self._at(path), args))
        return reply[0] == "ok"

    async def cut_of(self, path: tuple[TaskId, ...]) -> int:
        """Return until when what was issued under a path is dead by a freeze; 0: there was none."""
        bucket = self._keys.of(path[-1])
        found = [await self._link.read("HGET", key, "cut") for key in bucket.path(path)]
        with codec.reading("when a task was frozen"):
            return max(int(cut or 0) for cut in found)

    async def follow(self, tasks: Sequence[TaskId], when_ms: int) -> None:
        """Have the due queue follow up a freeze in the tasks below the one that is frozen."""
        if tasks:
            bucket = self._keys.of(tasks[0])
            args: list[str | int] = [when_ms, *(f"z:{task}" for task in tasks)]
            await self._link.run(scripts.DUE_AGAIN, [bucket.due, bucket.fences], args)

    def _at(self, path: tuple[TaskId, ...]) -> list[str]:
        bucket = self._keys.of(path[-1])
        return [*bucket.head, bucket.task(path[-1]), bucket.audiences(path[0])]
