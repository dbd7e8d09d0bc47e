"""Finding tasks: children, indexes; and the sweep of single ones."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from broker.ids import IdFactory, TaskId
from broker.model.task import TaskSpec
from broker.store import codec, scripts
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.in_order import Entry, read_on
from broker.store.keyspace import Keyspace
from broker.store.link import Link

Seen: TypeAlias = Entry[TaskId]
"""The last task that was seen of some, and when it entered there: where to read on."""


@dataclass(frozen=True, slots=True)
class Index:
    """Which tasks: by ``kind`` (agent, tenant, issuer, capability) and name."""

    kind: str
    name: str


EVERY_TASK: Final = Index("all", "")

_INDEXES: Final = 500
"""Indexes looked at by one script."""


class Filled(NamedTuple):
    """Which indexes have tasks.

    ``older_ms`` is when the last task was opened that is in no index of what it names (tickets,
    people), because they were not kept then; 0: there is none.
    """

    indexes: list[Index]
    older_ms: int


class Counts(NamedTuple):
    """How many children a task ever had, how many of them are open; its leases that have not ended.

    Of a task that is not alive these are on their way to their end.
    """

    children: int
    open_children: int
    leases: int


class TaskTree:
    """Looks at many tasks, page by page, and removes what retention has outlived."""

    def __init__(
        self, link: Link, keys: Keyspace, ids: IdFactory, *, bounds: ClockBounds = ANY_TIME
    ) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids
        self._bounds = bounds

    async def children(self, task: TaskId, after: Seen | None, limit: int) -> list[Seen]:
        """Return the next children, oldest first; none at the end."""
        key = self._keys.of(task).children(task)
        return await read_on(self._link, key, TaskId, after, limit)

    async def open_children(self, task: TaskId) -> list[TaskId]:
        """Return the children that have not ended by their own word: no more than one may have."""
        key = self._keys.of(task).open_children(task)
        return [TaskId(name) for name in await self._link.read("ZRANGE", key, 0, -1)]

    async def counts(self, task: TaskId) -> Counts:
        """Count what a task has, each by one short command; what is forgotten has nothing."""
        bucket = self._keys.of(task)
        keys = (bucket.children(task), bucket.open_children(task), bucket.live(task))
        counted = await asyncio.gather(*(self._link.read("ZCARD", key) for key in keys))
        return Counts(*map(int, counted))

    async def newest(
        self, bucket: int, index: Index, until_ms: int | None, skip: int, limit: int
    ) -> list[tuple[TaskId, int]]:
        """Return some tasks of an index in one bucket, newest first, and when they entered it.

        They entered until an instant (None: at any time), and the first ``skip`` are left out.
        """
        key = self._keys.buckets[bucket].index(index.kind, index.name)
        until = "+inf" if until_ms is None else until_ms
        window = (until, "-inf", "WITHSCORES", "LIMIT", skip, limit)
        flat = await self._link.read("ZREVRANGEBYSCORE", key, *window)
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return [(TaskId(name), int(float(at))) for name, at in pairs]

    async def older(
        self, bucket: int, index: Index, until_ms: int, after: Seen | None, limit: int
    ) -> list[Seen]:
        """Return the next tasks of an index that entered it until an instant, oldest first."""
        key = self._keys.buckets[bucket].index(index.kind, index.name)
        return await read_on(self._link, key, TaskId, after, limit, until_ms=until_ms)

    async def filled(self, bucket: int, indexes: Sequence[Index]) -> Filled:
        """Tell which indexes of a bucket have tasks, open or not forgotten yet.

        Raises:
            StoreUnavailableError: it does not answer.
        """
        where = self._keys.buckets[bucket]
        head, found, older_ms = [where.meta, where.index("all", "")], list[Index](), 0
        for start in range(0, len(indexes), _INDEXES):
            page = indexes[start : start + _INDEXES]
            keys = [where.index(index.kind, index.name) for index in page]
            older, *flags = await self._link.run(scripts.INDEX_FILLED, head + keys)
            found += [index for index, flag in zip(page, flags, strict=True) if int(flag)]
            older_ms = int(float(older))
        return Filled(found, older_ms)

    async def sweep(self, path: tuple[TaskId, ...]) -> bool:
        """Look at the last task of a path, which may be due; return whether that ended it."""
        task = path[-1]
        keys = self._keys.of(task).ending(path)
        args: list[str | int] = [task, self._ids.operation(), *self._bounds.around_now()]
        reply = await self._link.run(scripts.TASK_SWEEP, keys, args)
        return bool(reply[0] == "closed")

    async def spec(self, task: TaskId) -> TaskSpec | None:
        """Return a task's spec, if it is still there."""
        text = await self._link.read("HGET", self._keys.of(task).task(task), "spec")
        return codec.task_spec(text) if text else None

    async def bound(self, task: TaskId) -> tuple[TaskSpec, str] | None:
        """Return a task's spec and the instance that it is bound to (empty: none yet)."""
        key = self._keys.of(task).task(task)
        text, instance = await self._link.read("HMGET", key, "spec", "instance")
        return (codec.task_spec(text), instance or "") if text else None

    async def closed_at(self, task: TaskId) -> int | None:
        """Return when a task was closed (0: it is open); None when there is no such task."""
        key = self._keys.of(task).task(task)
        state, closed = await self._link.read("HMGET", key, "state", "closed")
        return int(closed or 0) if state else None

    async def forget_at(self, task: TaskId, when_ms: int) -> None:
        """Put a task on the due queue for forgetting."""
        bucket = self._keys.of(task)
        await self._link.run(scripts.DUE_ADD, [bucket.due], [when_ms, f"g:{task}"])

    async def forget(self, spec: TaskSpec) -> None:
        """Remove an ended task's records and index entries."""
        bucket = self._keys.of(spec.id)
        node = bucket.task(spec.id)
        lenders, agreed = await self._link.read("HMGET", node, "lenders", "agreed")
        people = dict.fromkeys(agreed.split("\n")) if agreed else ()
        issuers = [spec.opener_issuer, *(lenders.split("\n") if lenders else ())]
        capabilities = [bucket.index("capability", line.capability) for line in spec.ceiling]
        siblings = [bucket.children(spec.path[-2])] if len(spec.path) > 1 else []
        keys = [
            *bucket.head,
            node,
            bucket.leases(spec.id),
            bucket.live(spec.id),
            bucket.children(spec.id),
            bucket.audiences(spec.id),
            bucket.open_children(spec.id),
            bucket.open_below(spec.id),
            bucket.said(spec.id),
            bucket.index("agent", spec.agent),
            bucket.index("tenant", spec.tenant),
            bucket.index("all", ""),
            bucket.index("tool", spec.tenant),
            *(bucket.index("issuer", issuer) for issuer in issuers),
            *capabilities,
            *siblings,
            *bucket.named(spec),
            *(bucket.index("person", f"{spec.tenant}/{name}") for name in people),
        ]
        await self._link.run(scripts.TASK_FORGET, keys, [spec.id])
