"""What is said of the uses of credentials, as the edge calls it."""

from typing import Protocol

from broker.ids import TaskId
from broker.model.principal import Principal
from broker.model.said import SaidBatch, SaidOfTask
from broker.model.task import Task


class Said(Protocol):
    """:class:`broker.said_uses.SaidUses`."""

    async def note(
        self, caller: Principal, task: TaskId, batch: SaidBatch, idempotency_key: str
    ) -> Task:
        """Note what the owning instance says."""
        ...

    async def show(self, caller: Principal, task: TaskId) -> SaidOfTask:
        """Show what was said of a task."""
        ...
