"""Freezing tasks: an emergency brake that can be released.

- It takes away, so it needs no policy: an operator, or whoever opened the task, may; and parts of
  the broker that have seen something wrong.
- Everything in the tree that was issued until then is dead for good; nothing is given meanwhile.
- Only an operator releases it, and that gives nothing back: the agent asks, and is judged, anew.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from broker.errors import NotFoundError, TaskClosedError
from broker.faultpoints import FaultPoints
from broker.ids import TaskId, bucket_of
from broker.model.principal import Principal
from broker.model.task import Task
from broker.ownership import is_opener, is_operator_of
from broker.store.freeze_ledger import FreezeLedger
from broker.store.ledger import Ledger
from broker.store.task_ledger import TaskLedger


class Freezing:
    """Freezes and thaws. ``wake`` is told the task whose freeze wants following up at once."""

    def __init__(
        self,
        *,
        tasks: TaskLedger,
        freezes: FreezeLedger,
        faults: FaultPoints,
        wake: Callable[[TaskId], None],
    ) -> None:
        self._tasks = tasks
        self._freezes = freezes
        self._faults = faults
        self._wake = wake

    @classmethod
    def over(
        cls, ledger: Ledger, faults: FaultPoints, wake: Callable[[Sequence[int]], None]
    ) -> "Freezing":
        """Build it; ``wake`` is told buckets."""
        return cls(
            tasks=ledger.tasks,
            freezes=ledger.freezes,
            faults=faults,
            wake=lambda task: wake([bucket_of(task)]),
        )

    async def freeze(self, task: TaskId, *, by: str, reason: str) -> bool:
        """Freeze a task by the broker's own decision; return whether that changed anything.

        ``by`` names the part of the broker, or the person, that wants it. One that has ended is
        dead already.

        Raises:
            NotFoundError: there is no such task.
        """
        found = await self._tasks.view(task)
        with suppress(TaskClosedError):
            return await self._freeze(found, by, reason)
        return False

    async def freeze_own(
        self,
        task: TaskId,
        whose: str,
        tenant: str,
        *,
        by: str,
        reason: str,
        is_person: bool = False,
    ) -> bool:
        """Freeze a task only if it is this agent's in this tenant, and once for this reason.

        With ``is_person`` if it is on behalf of that person; return whether it is frozen by it now.

        Raises:
            NotFoundError: it is not, or there is no such task.
        """
        found = await self._tasks.view(task)
        spec = found.spec
        if ((spec.on_behalf_of if is_person else spec.agent), spec.tenant) != (whose, tenant):
            raise NotFoundError("no such task")
        with suppress(TaskClosedError):
            await self._freeze(found, by, reason, once=True)
            return True
        return False

    async def order(self, caller: Principal, task: TaskId, reason: str) -> Task:
        """Freeze a task for its opener or an operator; a frozen one keeps its first freeze.

        Raises:
            NotFoundError: the caller may not, or there is no such task.
            TaskClosedError: it has ended.
        """
        found = await self._tasks.view(task)
        if not (is_opener(caller, found.spec) or is_operator_of(caller, found.spec.tenant)):
            raise NotFoundError("no such task")
        await self._freeze(found, caller.ref, reason)
        return await self._tasks.view(task)

    async def _freeze(self, found: Task, by: str, reason: str, *, once: bool = False) -> bool:
        task, path = found.spec.id, found.spec.path
        is_new = await self._freezes.freeze(path, by=by, reason=reason, once=once)
        self._faults.reach("freeze.written")
        self._wake(task)
        return is_new

    async def thaw(self, caller: Principal, task: TaskId, reason: str) -> Task:
        """Let a task ask anew, for an operator of its tenant.

        A task above it that is frozen keeps it from being given anything all the same.

        Raises:
            NotFoundError: the caller is none, or there is no such task.
            TaskClosedError: it has ended.
            UnavailableError: it cannot be told, or the clocks disagree.
        """
        found = await self._tasks.view(task)
        spec = found.spec
        if not is_operator_of(caller, spec.tenant):
            raise NotFoundError("no such task")
        await self._freezes.thaw(
            spec.path, tenant=spec.tenant, agent=spec.agent, by=caller.ref, reason=reason
        )
        self._faults.reach("thaw.written")
        self._wake(task)
        return await self._tasks.view(task)
