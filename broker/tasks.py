"""The verbs on tasks. (stub)"""

from broker.ids import TaskId
from broker.model.principal import Principal
from broker.model.requests import ExtendTask, OpenedTask, OpenTask, TaskFilter, TaskPage
from broker.model.task import Task, TaskState


class Tasks:
    async def open(self, caller: Principal, request: OpenTask, idempotency_key: str) -> OpenedTask:
        raise NotImplementedError

    async def claim(self, caller: Principal, task: TaskId, handle: str) -> Task:
        raise NotImplementedError

    async def show(self, caller: Principal, task: TaskId) -> Task:
        raise NotImplementedError

    async def find(self, caller: Principal, which: TaskFilter, cursor: str, limit: int) -> TaskPage:
        raise NotImplementedError

    async def heartbeat(self, caller: Principal, task: TaskId) -> Task:
        raise NotImplementedError

    async def extend(self, caller: Principal, task: TaskId, request: ExtendTask) -> Task:
        raise NotImplementedError

    async def close(self, caller: Principal, task: TaskId, outcome: TaskState, reason: str) -> Task:
        raise NotImplementedError
