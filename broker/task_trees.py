"""Looking at a whole tree of tasks: from one task down, page by page, however many there are.

- Whoever sees a task sees all that hangs below it, and nothing above or beside it.
- A page costs a bounded number of looks at the ledger, each of which is short; a tree of hundreds
  of thousands of tasks holds nobody up.
- The cursor is the place in the tree: tasks that are opened meanwhile move nothing, and what is
  forgotten meanwhile hides nothing.
"""

import asyncio
from dataclasses import dataclass

from broker.errors import NotFoundError
from broker.ids import TaskId
from broker.model.principal import Principal
from broker.model.task import Task
from broker.ownership import require_visible
from broker.store.ledger import Ledger
from broker.store.task_ledger import TaskLedger
from broker.store.task_tree import Counts, TaskTree
from broker.tree_walk import Place, Places, TreeWalk, write


@dataclass(frozen=True, slots=True)
class Branch:
    """A task of a tree, so many levels below the one that was looked at, and what it has."""

    task: Task
    level: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class TreePage:
    """Some tasks of a tree, each after its parent; ``cursor`` is empty on the last page."""

    branches: tuple[Branch, ...]
    cursor: str


class TaskTrees:
    """Shows trees of tasks."""

    def __init__(self, ledger: TaskLedger, tree: TaskTree, walk: TreeWalk) -> None:
        self._ledger = ledger
        self._tree = tree
        self._walk = walk

    @classmethod
    def over(cls, ledger: Ledger) -> "TaskTrees":
        """Show those of a ledger."""
        walk = TreeWalk(ledger.leases, ledger.tree, ledger.paths)
        return cls(ledger.tasks, ledger.tree, walk)

    async def of_task(self, caller: Principal, task: TaskId, cursor: str, limit: int) -> TreePage:
        """Return a page of the tree from a task down, the task itself first.

        A page can be short before the end: the cursor tells.

        Raises:
            NotFoundError: no such task, or none that the caller may see.
            InvalidRequestError: the cursor is none of this tree.
        """
        top = await self._ledger.view(task)
        require_visible(caller, top)
        if cursor:
            places: Places = await self._walk.parse(cursor, task)
            first: tuple[TaskId, ...] = ()
        else:
            places, first = (Place(task, has_leases=False),), (task,)
        found, places = await self._walk.tasks(places, limit - len(first))
        shown = await asyncio.gather(*map(self._branch, (*first, *found)))
        depth = len(top.spec.path)
        branches = (
            Branch(each, len(each.spec.path) - depth, counts)
            for each, counts in filter(None, shown)
        )
        return TreePage(tuple(branches), write(places))

    async def _branch(self, task: TaskId) -> tuple[Task, Counts] | None:
        """Look at one of them; None where it has been forgotten meanwhile."""
        try:
            seen, counts = await asyncio.gather(self._ledger.view(task), self._tree.counts(task))
        except NotFoundError:
            return None
        return seen, counts
