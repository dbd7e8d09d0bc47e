"""Finding every live lease that an operator's criteria pick, by walking the ledger.

- The judge says what is alive; here is only said what is meant.
- A criterion alone picks what its cut would kill: an agent's own and what it handed on, what was
  got with an issuer's evidence or below it.
- Nothing outside the tenants is picked, whatever the criteria name (I16).
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from broker.errors import SelectionTooLargeError, UnreadableRecordError
from broker.ids import TaskId, parse_task_id
from broker.model.principal import ALL_TENANTS
from broker.model.selection import Criteria, LiveLease
from broker.model.task import TaskSpec
from broker.store.live_leases import LiveLeases
from broker.store.task_tree import Index, Seen, TaskTree

MAX_LEASES: Final = 50_000
"""The largest set: a few seconds of looking, and 3 MB that Redis keeps for a while."""

_TOGETHER: Final = 50
"""Tasks looked at at once."""

_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Picking:
    """What is meant: the criteria, and what they came to when they were first asked.

    ``capabilities`` are those of the data class, or None where none was named.
    """

    criteria: Criteria
    tenants: Collection[str]
    issued_before_ms: int
    capabilities: Collection[str] | None

    def takes(self, task: TaskSpec, names: Collection[str], lease: LiveLease) -> bool:
        """Tell whether a lease of the task is meant; ``names`` are the task's and those above."""
        wanted = self.criteria
        return all(
            (
                ALL_TENANTS in self.tenants or lease.tenant in self.tenants,
                wanted.tenant in ("", lease.tenant),
                wanted.capability in ("", lease.capability),
                wanted.agent in ("", *task.actors),
                wanted.issuer in ("", lease.issuer, *task.issuers),
                wanted.task in ("", *task.path),
                not wanted.task_name or any(fnmatchcase(n, wanted.task_name) for n in names),
                self.capabilities is None or lease.capability in self.capabilities,
                not self.issued_before_ms or lease.issued_at_ms <= self.issued_before_ms,
            )
        )


@dataclass(slots=True)
class Picked:
    """What was found: leases by id, and how many records could not be read."""

    leases: dict[str, LiveLease] = field(default_factory=dict)
    unreadable: int = 0


class Selecting:
    """Walks the smallest index that holds everything that can be meant."""

    def __init__(self, tree: TaskTree, live: LiveLeases, buckets: int) -> None:
        self._tree = tree
        self._live = live
        self._buckets = buckets

    async def pick(self, what: Picking) -> Picked:
        """Find everything that is meant and alive.

        Raises:
            SelectionTooLargeError: it is more than :data:`MAX_LEASES`.
            StoreUnavailableError: a bucket does not answer: a part would pass for the whole.
        """
        picked = Picked()
        seen: set[str] = set()
        async for page in self._pages(what.criteria):
            await self._take(what, page, seen, picked)
        return picked

    async def _pages(self, criteria: Criteria) -> AsyncIterator[list[TaskId]]:
        if criteria.task:
            yield [parse_task_id(criteria.task)]
            return
        for bucket in range(self._buckets):
            async for page in self._indexed(bucket, _index(criteria)):
                yield page

    async def _indexed(self, bucket: int, index: Index) -> AsyncIterator[list[TaskId]]:
        """Page by age, not by rank: what is forgotten meanwhile must hide no other."""
        seen: set[str] = set()
        until: int | None = None
        while True:
            rows = await self._tree.newest(bucket, index, until, 0, _PAGE + len(seen))
            fresh = [task for task, _ in rows if task not in seen]
            if not fresh:
                return
            yield fresh
            until = rows[-1][1]
            seen = {task for task, at in rows if at == until}

    async def _take(
        self, what: Picking, tasks: Sequence[TaskId], seen: set[str], picked: Picked
    ) -> None:
        """Look at tasks, and below them where the index does not hold what hangs there."""
        goes_down = bool(what.criteria.task or what.criteria.agent or what.criteria.issuer)
        todo = list(tasks)
        while todo:
            batch, todo = todo[:_TOGETHER], todo[_TOGETHER:]
            fresh = [task for task in dict.fromkeys(batch) if task not in seen]
            seen.update(fresh)
            await asyncio.gather(*(self._look(what, task, picked) for task in fresh))
            if len(picked.leases) > MAX_LEASES:
                raise SelectionTooLargeError(MAX_LEASES)
            if goes_down:
                todo += _joined(await asyncio.gather(*map(self._children, fresh)))

    async def _look(self, what: Picking, task: TaskId, picked: Picked) -> None:
        try:
            spec = await self._tree.spec(task)
            if spec is None:
                return
            found, unreadable = await self._live.of(spec)
            names = await self._names(spec) if found and what.criteria.task_name else ()
        except UnreadableRecordError:
            picked.unreadable += 1
            return
        picked.unreadable += unreadable
        picked.leases |= {lease.id: lease for lease in found if what.takes(spec, names, lease)}

    async def _names(self, spec: TaskSpec) -> Collection[str]:
        above = [await self._tree.spec(task) for task in spec.path[:-1]]
        return {spec.name, *(each.name for each in above if each)}

    async def _children(self, task: TaskId) -> list[TaskId]:
        found: list[Seen] = []
        while page := await self._tree.children(task, found[-1] if found else None, _PAGE):
            found += page
        return [child.name for child in found]


def _index(criteria: Criteria) -> Index:
    for kind in ("agent", "capability", "issuer", "tenant"):
        name = getattr(criteria, kind)
        if name:
            return Index(kind, name)
    return Index("all", "")


def _joined(lists: Iterable[list[TaskId]]) -> list[TaskId]:
    return [task for each in lists for task in each]
