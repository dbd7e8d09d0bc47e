"""Tasks in the ledger.

- Opening, claiming, extending and closing are one script each, and a repeat has no second effect.
- Closing is one write on one node, whatever hangs below it.
- ``Task.is_alive`` is the judge's word: own state, every ancestor, deadlines and cuts.
"""

from dataclasses import dataclass
from typing import Any

from broker.errors import NotFoundError
from broker.ids import IdFactory, TaskId
from broker.model.task import Freeze, Task, TaskSpec, TaskState
from broker.store import codec, scripts
from broker.store.bindings import Bindings
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.keyspace import Keyspace
from broker.store.limits import Limits
from broker.store.link import Link, Reply
from broker.store.paths import Paths
from broker.store.refusals import accept
from broker.store.said_ledger import SaidLedger


@dataclass(frozen=True, slots=True)
class NewTask:
    """What opening writes.

    ``key`` names the idempotency record (empty: none), ``digest`` the request it stands for;
    ``facts`` is the revision of the bundle that the decision read, ``graph`` that of the facts log.
    ``siblings`` is how many open children its parent may have; 0: as many as any task.
    """

    spec: TaskSpec
    ttl_ms: int
    instance: str
    claim_hash: str
    facts: int
    key: str
    digest: str
    graph: int = 0
    siblings: int = 0


@dataclass(frozen=True, slots=True)
class Extension:
    """What extending writes: until when from now, and who did it.

    ``facts`` and ``graph`` are the revisions that the decision read; ``key`` and ``digest`` as in
    :class:`NewTask`.
    """

    ttl_ms: int
    facts: int
    by: str
    key: str = ""
    digest: str = ""
    graph: int = 0


class TaskLedger:
    """State changes of tasks."""

    def __init__(
        self,
        link: Link,
        keys: Keyspace,
        ids: IdFactory,
        paths: Paths,
        limits: Limits,
        *,
        bounds: ClockBounds = ANY_TIME,
    ) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids
        self._paths = paths
        self._limits = limits
        self._bounds = bounds
        self.bindings = Bindings(link, keys, ids, limits)
        self.said = SaidLedger(link, keys, ids, limits, bounds=bounds)

    async def open(self, new: NewTask) -> tuple[TaskId, bool]:
        """Open a task; return its id and whether it is new.

        A known idempotency key returns the task that it opened.

        Raises:
            IdempotencyConflictError: the key was used for another request.
            TaskClosedError: an ancestor has ended, or a cut made this very moment covers it.
            StaleFactsError: decide again.
            QuotaExceededError: the parent has too many children, or a task above too many below it.
            UnavailableError: the outbox is full, or the store does not answer.
        """
        spec = new.spec
        bucket = self._keys.of(spec.id)
        keys = [
            *bucket.head,
            bucket.task(spec.id),
            bucket.idempotency(new.key or "none"),
            bucket.index("agent", spec.agent),
            bucket.index("tenant", spec.tenant),
            bucket.index("issuer", spec.opener_issuer),
            bucket.index("all", ""),
        ]
        if len(spec.path) > 1:
            await self._bind(new)
            parent = spec.path[-2]
            keys += [bucket.children(parent), bucket.open_children(parent)]
            keys += bucket.path(spec.path[:-1])
        keys += [*bucket.rooms(spec), *bucket.named(spec)]
        reply = accept(
            await self._link.run(scripts.TASK_OPEN, keys, self._open_args(new)), quota="children"
        )
        return TaskId(reply[1]), reply[0] == "ok"

    async def _bind(self, new: NewTask) -> None:
        """Let a child's key stand for this request alone.

        The child lives in its parent's bucket, and the same key with another parent, or with none,
        is asked for in another one: so all of them meet in the bucket that follows from the key.
        """
        if new.key:
            await self.bindings.bind(new.key, new.digest)

    def _open_args(self, new: NewTask) -> list[str | int]:
        spec = new.spec
        return [
            spec.id,
            self._ids.operation(),
            " ".join(spec.path),
            spec.tenant,
            spec.agent,
            spec.opener_issuer,
            new.instance,
            new.claim_hash,
            new.ttl_ms,
            spec.idle_ms,
            spec.opener_timeout_ms,
            spec.max_deadline_ms,
            new.facts,
            self._limits.outbox,
            min(self._limits.children, new.siblings or self._limits.children),
            new.digest if new.key else "",
            self._limits.retention_ms,
            codec.encode(spec),
            *self._bounds.around_now(),
            new.graph,
            len(self._keys.of(spec.id).named(spec)),
            " ".join(map(str, self._keys.of(spec.id).rooms(spec).values())),
            *_lent(spec),
        ]

    async def view(self, task: TaskId) -> Task:
        """Show a task as the judge sees it.

        Raises:
            NotFoundError: there is no such task.
            UnreadableRecordError: its record, or an ancestor's, is none of ours.
        """
        bucket = self._keys.of(task)
        path = await self._paths.of_task(task)
        keys = [bucket.meta, bucket.cuts, *bucket.path(path)]
        return _task(await self._link.run(scripts.TASK_VIEW, keys))

    async def claim(self, task: Task, handle_hash: str, instance: str) -> None:
        """Bind an instance to a task.

        Raises:
            NotFoundError: the handle is wrong or spent.
            TaskClosedError: the task has ended.
        """
        bucket = self._keys.of(task.spec.id)
        detail = codec.encode(
            {"task": task.spec.id, "agent": task.spec.agent, "instance": instance}
        )
        args: list[str | int] = [
            task.spec.id,
            self._ids.operation(),
            handle_hash,
            instance,
            task.spec.tenant,
            detail,
            *self._bounds.around_now(),
        ]
        keys = [*bucket.head, *bucket.path(task.spec.path)]
        accept(await self._link.run(scripts.TASK_CLAIM, keys, args))

    async def replace_handle(self, task: Task, handle_hash: str) -> bool:
        """Give an unclaimed task a new handle; return whether it was still unclaimed.

        Raises:
            TaskClosedError: the task has ended.
        """
        spec = task.spec
        bucket = self._keys.of(spec.id)
        detail = codec.encode({"task": spec.id, "agent": spec.agent})
        args: list[str | int] = [spec.id, self._ids.operation(), handle_hash, spec.tenant, detail]
        args += self._bounds.around_now()
        keys = [*bucket.head, *bucket.path(spec.path)]
        reply = await self._link.run(scripts.TASK_HANDLE, keys, args)
        return bool(reply[0] != "claimed" and accept(reply))

    async def beat(self, task: Task, *, by_agent: bool) -> None:
        """Note activity; the agent's counts for every ancestor.

        Raises:
            TaskClosedError: the task has ended.
            UnavailableError: the clocks disagree.
        """
        bucket = self._keys.of(task.spec.id)
        keys = [bucket.meta, bucket.cuts, *bucket.path(task.spec.path)]
        args = ["seen" if by_agent else "oseen", *self._bounds.around_now()]
        accept(await self._link.run(scripts.TASK_BEAT, keys, args))

    async def extend(self, task: Task, extension: Extension) -> None:
        """Move the deadline, if that is later; a known idempotency key moves nothing.

        Never past the task's last one nor an ancestor's; and never back, because children and
        leases rest on it.

        Raises:
            IdempotencyConflictError: the key was used for another request.
            TaskClosedError: the task has ended.
            StaleFactsError: decide again.
        """
        spec = task.spec
        bucket = self._keys.of(spec.id)
        detail = {"task": spec.id, "ttl_ms": extension.ttl_ms, "by": extension.by}
        args: list[str | int] = [
            spec.id,
            self._ids.operation(),
            extension.ttl_ms,
            extension.facts,
            spec.tenant,
            codec.encode(detail),
            *self._bounds.around_now(),
            extension.digest if extension.key else "",
            self._limits.retention_ms,
            extension.graph,
            len(rooms := bucket.rooms(spec)),
        ]
        siblings = bucket.open_children(spec.path[-2] if len(spec.path) > 1 else spec.id)
        idempotency = bucket.idempotency(extension.key or "none")
        keys = [*bucket.head, siblings, idempotency, *bucket.path(spec.path), *rooms]
        accept(await self._link.run(scripts.TASK_EXTEND, keys, args))

    async def close(
        self, path: tuple[TaskId, ...], outcome: TaskState, *, ended_by: str, closed_by: str
    ) -> None:
        """End the last task of a path. What has already ended keeps its first ending.

        Raises:
            NotFoundError: there is no such task.
        """
        task = path[-1]
        keys = self._keys.of(task).ending(path)
        args: list[str | int] = [task, self._ids.operation(), str(outcome), ended_by, closed_by]
        args += self._bounds.around_now()
        accept(await self._link.run(scripts.TASK_CLOSE, keys, args))


def _lent(spec: TaskSpec) -> tuple[str, int]:
    """Name what ends a tree that a person opened, and since when her evidence is good.

    Only the root says so: whatever is below it ends with it.
    """
    if spec.lender is None or len(spec.path) > 1:
        return "", 0
    return " ".join(spec.lender.ended_with(spec.tenant)), spec.lender.shown_ms


def _task(reply: Reply) -> Task:
    (
        _,
        ended,
        spec,
        state,
        instance,
        opened,
        deadline,
        seen,
        oseen,
        closed,
        ended_by,
        closed_by,
        close_n,
        *frozen,
    ) = reply
    if spec is None:
        raise NotFoundError("not in the ledger")
    with codec.reading("a task in the ledger"):
        return Task(
            spec=codec.task_spec(spec),
            instance=instance or "",
            state=TaskState(state),
            is_alive=not ended,
            opened_at_ms=int(opened),
            deadline_ms=int(deadline),
            agent_seen_ms=int(seen or opened),
            opener_seen_ms=int(oseen or opened),
            closed_at_ms=int(closed or 0),
            ended_by=ended_by or ("" if ended == TaskState.FROZEN else ended) or "",
            closed_by=closed_by or "",
            close_number=int(close_n or 0),
            is_frozen=ended == TaskState.FROZEN,
            **_frozen(TaskState(state), *frozen),
        )


def _frozen(
    state: TaskState, cut: str | None, by: str | None, why: str | None, freezes: str | None
) -> dict[str, Any]:
    """Read what is known of a task's freezes; who and why, while it stands."""
    known: dict[str, Any] = {"freezes": tuple(map(_freeze, (freezes or "").split()))}
    if state is TaskState.FROZEN:
        known |= {"frozen_at_ms": int(cut or 0), "frozen_by": by or "", "frozen_reason": why or ""}
    return known


def _freeze(text: str) -> Freeze:
    cut, _, number = text.partition(":")
    return Freeze(int(cut), int(number))
