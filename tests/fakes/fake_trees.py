"""What the edge shows of trees of tasks, as a test says."""

from dataclasses import dataclass

from broker.ids import TaskId
from broker.model.principal import Principal
from broker.model.task import Task
from broker.store.task_tree import Counts
from broker.task_trees import Branch, TreePage
from tests.fakes.orders import Stage


@dataclass
class FakeTrees:
    """Looking at trees of tasks."""

    stage: Stage
    top: Task
    child: Task

    async def of_task(self, caller: Principal, task: TaskId, cursor: str, limit: int) -> TreePage:
        """Show a page of one."""
        branches = (Branch(self.top, 0, Counts(1, 1, 2)), Branch(self.child, 1, Counts(0, 0, 0)))
        page = TreePage(branches, "3.17")
        return await self.stage.play("trees.of_task", caller, task, cursor, limit, answer=page)
