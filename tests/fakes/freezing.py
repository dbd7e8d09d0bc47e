"""Freezing and thawing as a double, and what it answers."""

from dataclasses import dataclass

from broker.ids import TaskId
from broker.model.principal import Principal
from broker.model.task import Task, TaskState
from tests.fakes.orders import Stage
from tests.fakes.replace import replace
from tests.fakes.samples import NOW_MS, a_task


@dataclass
class FakeFreezing:
    """Freezing and thawing."""

    stage: Stage

    async def order(self, caller: Principal, task: TaskId, reason: str) -> Task:
        """Freeze."""
        said = {"frozen_at_ms": NOW_MS + 1_000, "frozen_by": caller.ref, "frozen_reason": reason}
        frozen = replace(a_task(task), state=TaskState.FROZEN, is_alive=False, **said)
        return await self.stage.play("freezing.order", caller, task, reason, answer=frozen)

    async def thaw(self, caller: Principal, task: TaskId, reason: str) -> Task:
        """Thaw."""
        return await self.stage.play("freezing.thaw", caller, task, reason, answer=a_task(task))
