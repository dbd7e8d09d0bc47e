"""Looking at many tasks: each caller sees its own, operators their tenants'."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from broker.cursor import foreign, number
from broker.errors import NotFoundError, UnreadableRecordError
from broker.ids import TaskId
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.model.requests import TaskFilter, TaskPage
from broker.model.task import Task
from broker.ownership import is_opener, is_operator_of, is_owner
from broker.store.task_ledger import TaskLedger
from broker.store.task_tree import Index, TaskTree

_LOOKS: Final = 1_000
"""Tasks looked at for one page: bounds its work when few of them are the caller's."""

_LEAST: Final = 20
"""Tasks looked at together, however short the page: fewer round trips for short pages."""


@dataclass(frozen=True, slots=True)
class Spot:
    """How far a list has come: the bucket, the age of the last task seen, how many of that age.

    An age, not an offset: tasks that are opened meanwhile move nothing.
    """

    bucket: int = 0
    until_ms: int | None = None
    skip: int = 0

    def beyond(self, at_ms: int) -> "Spot":
        """Return the spot after one more task."""
        skip = self.skip + 1 if at_ms == self.until_ms else 1
        return Spot(self.bucket, at_ms, skip)


class Listing:
    """Lists tasks, newest first within each bucket."""

    def __init__(self, ledger: TaskLedger, tree: TaskTree, buckets: int) -> None:
        self._ledger = ledger
        self._tree = tree
        self._buckets = buckets

    async def find(self, caller: Principal, which: TaskFilter, cursor: str, limit: int) -> TaskPage:
        """Return a page of the tasks that the caller may see and the filter lets through.

        A page can be short before the end: the cursor tells.

        Raises:
            InvalidRequestError: the cursor is none of this list.
        """
        spot = _parse(cursor, self._buckets) if cursor else Spot()
        index = _index(caller, which)
        found: list[Task] = []
        looked, chunk = 0, max(limit, _LEAST)
        while spot.bucket < self._buckets and len(found) < limit and looked < _LOOKS:
            rows = await self._tree.newest(spot.bucket, index, spot.until_ms, spot.skip, chunk)
            looked += len(rows)
            for task, at_ms in zip(await self._view(rows), (at for _, at in rows), strict=True):
                if len(found) == limit:
                    break
                spot = spot.beyond(at_ms)
                if task and _matches(caller, which, task):
                    found.append(task)
            else:
                spot = spot if len(rows) == chunk else Spot(spot.bucket + 1)
        return TaskPage(tuple(found), _write(spot) if spot.bucket < self._buckets else "")

    async def _view(self, rows: Sequence[tuple[TaskId, int]]) -> list[Task | None]:
        return await asyncio.gather(*(self._one(task) for task, _ in rows))

    async def _one(self, task: TaskId) -> Task | None:
        try:
            return await self._ledger.view(task)
        except (NotFoundError, UnreadableRecordError):
            return None  # forgotten in between; or none of ours, which must not hide the others


def _index(caller: Principal, which: TaskFilter) -> Index:
    """Choose the shortest index that holds everything that the caller could be shown."""
    if caller.kind is Kind.AGENT:
        return Index("agent", caller.name)
    if caller.kind is Kind.PERSON and len(caller.tenants) == 1:
        return Index("person", f"{next(iter(caller.tenants))}/{caller.name}")
    if which.agent:
        return Index("agent", which.agent)
    own = [tenant for tenant in caller.tenants if tenant != ALL_TENANTS]
    tenant = which.tenant or (own[0] if len(caller.tenants) == len(own) == 1 else "")
    return Index("tenant", tenant) if tenant else Index("all", "")


def _matches(caller: Principal, which: TaskFilter, task: Task) -> bool:
    spec = task.spec
    visible = (
        is_owner(caller, task) or is_opener(caller, spec) or is_operator_of(caller, spec.tenant)
    )
    return visible and _is_wanted(which, task)


def _is_wanted(which: TaskFilter, task: Task) -> bool:
    spec = task.spec
    return all(
        (
            which.tenant in ("", spec.tenant),
            which.agent in ("", spec.agent),
            which.state in ("", task.state),
            which.capability in ("", *(line.capability for line in spec.ceiling)),
            not which.name or fnmatchcase(spec.name, which.name),
            which.opened_after_ms <= task.opened_at_ms,
            not which.opened_before_ms or task.opened_at_ms < which.opened_before_ms,
        )
    )


def _parse(cursor: str, buckets: int) -> Spot:
    bucket, *rest = (number(part, "list") for part in cursor.split("."))
    if bucket >= buckets or len(rest) not in (0, 2):
        raise foreign("list")
    return Spot(bucket, *rest)


def _write(spot: Spot) -> str:
    place = "" if spot.until_ms is None else f".{spot.until_ms}.{spot.skip}"
    return f"{spot.bucket}{place}"
