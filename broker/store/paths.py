"""From a task or lease to the path of its tree. A path never changes, so it is remembered."""

from collections import OrderedDict
from typing import Final

from broker.errors import NotFoundError
from broker.ids import LeaseId, TaskId, is_root
from broker.store.keyspace import Keyspace
from broker.store.link import Link

_REMEMBERED: Final = 50_000
"""Entries of about 200 bytes: 10 MB at most."""


class Paths:
    """Looks paths up; roots need no look-up, for their id says that they are one."""

    def __init__(self, link: Link, keys: Keyspace) -> None:
        self._link = link
        self._keys = keys
        self._known: OrderedDict[str, tuple[TaskId, ...]] = OrderedDict()

    async def of_task(self, task: TaskId) -> tuple[TaskId, ...]:
        """Return the ids from the root to the task.

        Raises:
            NotFoundError: there is no such task.
        """
        if is_root(task):
            return (task,)
        return await self._find(task, self._keys.of(task).task(task))

    async def of_lease(self, lease: LeaseId) -> tuple[TaskId, ...]:
        """Return the ids from the root to the lease's task.

        Raises:
            NotFoundError: there is no such lease.
        """
        return await self._find(lease, self._keys.of(lease).lease(lease))

    async def _find(self, name: str, key: str) -> tuple[TaskId, ...]:
        known = self._known.get(name)
        if known is not None:
            self._known.move_to_end(name)
            return known
        text = await self._link.read("HGET", key, "path")
        if not text:
            raise NotFoundError("not in the ledger")
        path = tuple(TaskId(part) for part in text.split(" "))
        self._known[name] = path
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return path
