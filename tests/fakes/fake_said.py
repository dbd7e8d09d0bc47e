"""What agents say of the uses of their credentials, as far as the edge can tell."""

from dataclasses import dataclass

from broker.ids import TaskId
from broker.model.principal import Principal
from broker.model.said import SaidBatch, SaidKind, SaidOfTask, SaidTotal
from broker.model.task import Task
from tests.fakes.orders import Stage
from tests.fakes.samples import LEASE, NOW_MS, a_task


@dataclass
class FakeSaid:
    """Saying, and showing what was said."""

    stage: Stage

    async def note(
        self, caller: Principal, task: TaskId, batch: SaidBatch, idempotency_key: str
    ) -> Task:
        """Note."""
        asked = (task, batch, idempotency_key)
        return await self.stage.play("said.note", caller, *asked, answer=a_task(task))

    async def show(self, caller: Principal, task: TaskId) -> SaidOfTask:
        """Show."""
        kind = SaidKind(outcome="answered", credential=LEASE, capability="orders-api", status=200)
        found = SaidOfTask(task, (SaidTotal(kind, 12, NOW_MS),), 1, 2, NOW_MS)
        return await self.stage.play("said.show", caller, task, answer=found)
