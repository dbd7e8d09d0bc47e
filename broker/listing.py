"""Looking at many tasks: each caller sees its own, operators their tenants'."""

import asyncio
from collections.abc import Sequence

from broker.errors import InvalidRequestError, NotFoundError
from broker.ids import TaskId
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.model.requests import TaskFilter, TaskPage
from broker.model.task import Task
from broker.ownership import is_opener, is_operator_of, is_owner
from broker.store.task_ledger import TaskLedger
from broker.store.task_tree import Index, TaskTree


class Listing:
    """Lists tasks, newest first within each bucket."""

    def __init__(self, ledger: TaskLedger, tree: TaskTree, buckets: int) -> None:
        self._ledger = ledger
        self._tree = tree
        self._buckets = buckets

    async def find(self, caller: Principal, which: TaskFilter, cursor: str, limit: int) -> TaskPage:
        """Return a page of the tasks that the caller may see and the filter lets through.

        The cursor says bucket and offset. A page can be short before the end: the cursor tells.
        """
        bucket, offset = _parse(cursor, self._buckets)
        index = _index(caller, which)
        found: list[Task] = []
        while bucket < self._buckets and len(found) < limit:
            wanted = limit - len(found)
            ids = await self._tree.indexed(bucket, index, offset, wanted)
            found += [task for task in await self._view(ids) if _matches(caller, which, task)]
            offset += len(ids)
            if len(ids) < wanted:
                bucket, offset = bucket + 1, 0
        return TaskPage(tuple(found), f"{bucket}.{offset}" if bucket < self._buckets else "")

    async def _view(self, ids: Sequence[TaskId]) -> list[Task]:
        views = await asyncio.gather(*(self._one(task) for task in ids))
        return [task for task in views if task is not None]

    async def _one(self, task: TaskId) -> Task | None:
        try:
            return await self._ledger.view(task)
        except NotFoundError:
            return None


def _index(caller: Principal, which: TaskFilter) -> Index:
    if caller.kind is Kind.AGENT:
        return Index("agent", caller.name)
    if which.agent:
        return Index("agent", which.agent)
    tenant = which.tenant or (next(iter(caller.tenants)) if len(caller.tenants) == 1 else "")
    if not tenant or tenant == ALL_TENANTS:
        raise InvalidRequestError("name the tenant or the agent to list", field="tenant")
    return Index("tenant", tenant)


def _matches(caller: Principal, which: TaskFilter, task: Task) -> bool:
    spec = task.spec
    visible = (
        is_owner(caller, task) or is_opener(caller, spec) or is_operator_of(caller, spec.tenant)
    )
    wanted = (
        which.tenant in ("", spec.tenant)
        and which.agent in ("", spec.agent)
        and which.state in ("", task.state)
    )
    return visible and wanted


def _parse(cursor: str, buckets: int) -> tuple[int, int]:
    if not cursor:
        return 0, 0
    bucket, _, offset = cursor.partition(".")
    if (
        not (bucket.isdecimal() and offset.isdecimal() and cursor.isascii())
        or int(bucket) >= buckets
    ):
        raise InvalidRequestError("not a cursor of this list", field="cursor")
    return int(bucket), int(offset)
