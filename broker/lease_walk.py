"""Walks over what is held, page by page, with what was asked for it.

An index of tasks says where to look; what hangs below a task is in an index of its own. Only below
an agent's tasks everything is looked at that was handed on there, for that stands by this agent,
too. What is opened or granted meanwhile may be seen or not: who walks after the facts have moved
needs nothing that came later, for that was decided by the new ones.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from broker.ids import LeaseId, TaskId
from broker.model.task import TaskSpec
from broker.redeciding import Case
from broker.store.held_leases import LEASES, TASKS, HeldLeases, TaskLeases, Unreadable
from broker.store.lease_ledger import LeaseLedger
from broker.store.task_tree import Index, Seen, TaskTree

_HANDS_ON: Final = "agent"
"""The kind of index below whose tasks other agents are concerned as well."""

EVER_MS: Final = 10**15
"""Later than any task was opened."""

Pairs = list[tuple[LeaseId, TaskSpec]]


@dataclass(frozen=True, slots=True)
class WalkPage:
    """Some leases. With ``after`` all tasks until that one have been shown, and here none."""

    cases: tuple[Case, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    after: Seen | None = None


class LeaseWalk:
    """Lists leases that have not ended."""

    def __init__(self, tree: TaskTree, leases: LeaseLedger, held: HeldLeases) -> None:
        self._tree = tree
        self._leases = leases
        self._held = held

    async def pages(
        self,
        bucket: int,
        index: Index,
        after: Seen | None = None,
        *,
        until_ms: int = EVER_MS,
    ) -> AsyncIterator[WalkPage]:
        """Yield the leases under an index's tasks in one bucket, those of one task together.

        Only under tasks that have entered the index until an instant.

        Raises:
            StoreUnavailableError: the bucket does not answer: a part would pass for the whole.
        """
        while tasks := await self._tree.older(bucket, index, until_ms, after, TASKS):
            looked = await self._held.of_tasks([task.name for task in tasks])
            async for page in self._shown(looked):
                yield page
            if index.kind == _HANDS_ON:
                async for page in self._below(_parents(looked)):
                    yield page
            after = tasks[-1]
            yield WalkPage(after=after)

    async def _below(self, tasks: list[TaskId]) -> AsyncIterator[WalkPage]:
        """Yield the leases of what was handed on below these tasks, at any depth."""
        while tasks:
            some, tasks = tasks[:TASKS], tasks[TASKS:]
            found = await asyncio.gather(*map(self._tree.open_children, some))
            children = [child for each in found for child in each]
            for start in range(0, len(children), TASKS):
                looked = await self._held.of_tasks(children[start : start + TASKS])
                async for page in self._shown(looked):
                    yield page
                tasks += _parents(looked)

    async def _shown(self, looked: Sequence[TaskLeases | Unreadable]) -> AsyncIterator[WalkPage]:
        bad = tuple(each for each in looked if isinstance(each, Unreadable))
        if bad:
            yield WalkPage(unreadable=bad)
        async for pairs in self._named([e for e in looked if isinstance(e, TaskLeases)]):
            yield await self._page(pairs)

    async def _named(self, tasks: Sequence[TaskLeases]) -> AsyncIterator[Pairs]:
        """Gather the leases of many tasks to pages that are full, and no longer than that."""
        waiting: Pairs = []
        for task in tasks:
            waiting += [(entry.name, task.spec) for entry in task.leases]
            if not task.is_all:
                async for more in self._rest(task):
                    yield waiting[:LEASES]
                    waiting = waiting[LEASES:] + more
            while len(waiting) >= LEASES:
                yield waiting[:LEASES]
                waiting = waiting[LEASES:]
        if waiting:
            yield waiting

    async def _rest(self, task: TaskLeases) -> AsyncIterator[Pairs]:
        after = task.leases[-1]
        while more := await self._leases.live_after(task.spec.id, after, LEASES):
            yield [(entry.name, task.spec) for entry in more]
            after = more[-1]

    async def _page(self, pairs: Pairs) -> WalkPage:
        specs = dict(pairs)
        found = await self._held.of_leases([(lease, task.id) for lease, task in pairs])
        bad = tuple(each for each in found if isinstance(each, Unreadable))
        cases = tuple((e, specs[e.spec.id]) for e in found if not isinstance(e, Unreadable))
        return WalkPage(cases, bad)


def _parents(looked: Sequence[TaskLeases | Unreadable]) -> list[TaskId]:
    """Return the tasks that have handed something on; of what cannot be read nobody knows."""
    return [
        each.task if isinstance(each, Unreadable) else each.spec.id
        for each in looked
        if isinstance(each, Unreadable) or each.has_children
    ]
