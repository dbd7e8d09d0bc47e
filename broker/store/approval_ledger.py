"""What people have to agree to, in its task's bucket.

- Asking, answering, using (with the grant, in its script) and ending are one script each, and a
  repeat has no second effect.
- The same request waits for one answer; what policy sees otherwise by now is another one.
- A yes counts only for the very version that was looked at, a no at any time before it is used.
"""

from collections.abc import Sequence
from typing import Final

from broker.approval_errors import SlowDownError
from broker.errors import (
    NotFoundError,
    UnavailableError,
    UnreadableRecordError,
)
from broker.ids import ApprovalId, IdFactory, TaskId
from broker.model.approval import Approval, ApprovalState, Wanted
from broker.store import codec, scripts
from broker.store.approval_records import (
    Asking,
    Bounds,
    Said,
    Saying,
    asks_digest,
    brief_of,
    digest_of,
    said,
    seen,
    voice_text,
)
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.in_order import Entry, read_on
from broker.store.keyspace import Bucket, Keyspace
from broker.store.limits import Limits
from broker.store.link import Link
from broker.store.refusals import accept

_TRIES: Final = 5
"""Callers who may ask for the same at the same moment before one is told to come back."""

_VIEWED: Final = 50
"""Records shown by one script."""


class ApprovalLedger:
    """State changes of approvals."""

    def __init__(
        self,
        link: Link,
        keys: Keyspace,
        ids: IdFactory,
        limits: Limits,
        *,
        bounds: ClockBounds = ANY_TIME,
    ) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids
        self._limits = limits
        self._clock = bounds

    async def standing(self, wanted: Wanted) -> Approval | None:
        """Return what a request for this waits for, or was answered, if that is still known.

        Raises:
            UnreadableRecordError: its record is none of ours.
        """
        bucket = self._keys.of(wanted.task)
        known = await self._link.read("GET", bucket.asking(asks_digest(wanted)))
        if not known:
            return None
        try:
            return await self.find(ApprovalId(known))
        except NotFoundError:
            return None

    async def ask(self, new: Asking, limits: Bounds) -> tuple[ApprovalId, bool]:
        """Ask people; return the approval's id, and whether it is a new one.

        Raises:
            NotFoundError: no such task, or another instance's.
            TaskClosedError: it has ended, or a cut covers it.
            QuotaExceededError: the task has as many open ones as it may.
            StaleFactsError: decide again.
            UnavailableError: the outbox is full, or too many ask for the same at once.
        """
        bucket, asked = self._keys.of(new.id), asks_digest(new.wanted)
        for _ in range(_TRIES):
            former = await self._link.read("GET", bucket.asking(asked)) or ""
            keys = self._keys_of(bucket, new.id, new.wanted.tenant, new.wanted.task, asked)
            keys += [bucket.approval(ApprovalId(former or new.id)), *bucket.path(new.path)]
            args = self._ask_args(new, limits, former)
            reply = await self._link.run(scripts.APPROVAL_ASK, keys, args)
            if reply != ["moved"]:
                status, approval = accept(reply, quota="approvals")
                return ApprovalId(approval), status == "ok"
        raise UnavailableError("too many ask for the same at once")

    def _ask_args(self, new: Asking, limits: Bounds, former: str) -> list[str | int]:
        wanted = new.wanted
        digest, brief = digest_of(wanted), brief_of(new.id, wanted)
        return [
            new.id,
            self._ids.operation(),
            " ".join(new.path),
            wanted.instance,
            wanted.tenant,
            wanted.agent,
            wanted.issuer,
            wanted.capability,
            digest,
            codec.encode(wanted),
            codec.encode(brief),
            limits.pending_ms,
            wanted.good_ms,
            new.facts,
            new.graph,
            self._limits.outbox,
            limits.of_task,
            self._limits.retention_ms,
            *self._clock.around_now(),
            former,
            codec.encode({**brief, **new.more}),
            wanted.task,
        ]

    async def find(self, approval: ApprovalId) -> Approval:
        """Show one.

        Raises:
            NotFoundError: there is none, or it is no longer kept.
            UnreadableRecordError: its record is none of ours, or is not what was agreed to.
        """
        [found] = await self.show([approval])
        if found is None:
            raise NotFoundError("no such approval")
        if isinstance(found, UnreadableRecordError):
            raise found
        return found

    async def show(
        self, approvals: Sequence[ApprovalId]
    ) -> list[Approval | UnreadableRecordError | None]:
        """Show some of one bucket, in their order; None is not kept."""
        shown: list[Approval | UnreadableRecordError | None] = []
        for start in range(0, len(approvals), _VIEWED):
            page = approvals[start : start + _VIEWED]
            bucket = self._keys.of(page[0])
            keys = [bucket.meta, *map(bucket.approval, page)]
            now, *rows = await self._link.run(scripts.APPROVAL_VIEW, keys)
            shown += [seen(name, row, int(now)) for name, row in zip(page, rows, strict=True)]
        return shown

    async def page(
        self, bucket: int, tenant: str, after: Entry[ApprovalId] | None, limit: int
    ) -> list[Entry[ApprovalId]]:
        """Return the next open ones of a tenant in one bucket, oldest first."""
        key = self._keys.buckets[bucket].approvals(tenant)
        return await read_on(self._link, key, ApprovalId, after, limit)

    async def of_task(self, task: TaskId) -> list[ApprovalId]:
        """Return the open ones of a task: no more than it may have."""
        key = self._keys.of(task).task_approvals(task)
        return [ApprovalId(name) for name in await self._link.read("ZRANGE", key, 0, -1)]

    async def answer(self, approval: Approval, saying: Saying, limits: Bounds) -> Said:
        """Write one answer down.

        Raises:
            NotFoundError: it is no longer kept.
            ApprovalStaleError: it is another one than the page showed: look again.
            SupersededError: nothing more can be said to it; the text says why.
            TaskClosedError: its task has ended; only a yes needs it.
            StaleFactsError: judge again by newer facts.
            UnavailableError: the clocks disagree, or the outbox is full; a no is taken anyway.
        """
        wanted = approval.wanted
        bucket = self._keys.of(approval.id)
        keys = self._keys_of(bucket, approval.id, wanted.tenant, wanted.task, asks_digest(wanted))
        path = await self._link.read("HGET", bucket.approval(approval.id), "path") or wanted.task
        keys += bucket.path(tuple(TaskId(part) for part in path.split(" ")))
        args = self._answer_args(approval, saying, limits)
        status, state, noes = said(await self._link.run(scripts.APPROVAL_ANSWER, keys, args))
        return Said(ApprovalState(state), status == "ok", int(noes))

    def _answer_args(self, approval: Approval, saying: Saying, limits: Bounds) -> list[str | int]:
        voice = saying.voice
        return [
            approval.id,
            self._ids.operation(),
            voice.person,
            voice.answer,
            voice_text(voice),
            voice.digest,
            saying.version,
            int(saying.is_met),
            saying.facts,
            saying.graph,
            self._limits.outbox,
            self._limits.retention_ms,
            *self._clock.around_now(),
            limits.denied_ms,
        ]

    async def supersede(self, approval: ApprovalId, because: str) -> None:
        """End one that nothing can come of any more. ``because`` is a short stable word."""
        await self._settle(approval, ApprovalState.SUPERSEDED, because)

    async def expire(self, approval: ApprovalId) -> bool:
        """End one whose time is over, and tidy up after one that has ended.

        Return whether it is no longer open.
        """
        return await self._settle(approval, ApprovalState.EXPIRED, "time")

    async def _settle(self, approval: ApprovalId, state: ApprovalState, because: str) -> bool:
        bucket = self._keys.of(approval)
        record = bucket.approval(approval)
        tenant, task, asking = await self._link.read("HMGET", record, "tenant", "task", "asking")
        keys = [
            *bucket.head,
            record,
            asking or bucket.asking("none"),
            bucket.approvals(tenant or "none"),
            bucket.task_approvals(TaskId(task or "none")),
        ]
        args: list[str | int] = [approval, self._ids.operation(), state, because]
        args += [self._limits.retention_ms, *self._clock.around_now()]
        reply = await self._link.run(scripts.APPROVAL_SETTLE, keys, args)
        return bool(reply[0] != "open")

    async def poll(self, approval: ApprovalId, *, every_ms: int, step_ms: int, most_ms: int) -> int:
        """Note that its asker has looked; return how long it has to wait before it looks again.

        Raises:
            NotFoundError: it is no longer kept.
            SlowDownError: it looked too soon, and has to wait longer from now on.
        """
        bucket = self._keys.of(approval)
        keys = [bucket.meta, bucket.approval(approval)]
        reply = await self._link.run(scripts.APPROVAL_POLL, keys, [every_ms, step_ms, most_ms])
        if reply[0] == "slow":
            raise SlowDownError(int(reply[1]))
        return int(accept(reply)[1])

    def _keys_of(
        self, bucket: Bucket, approval: ApprovalId, tenant: str, task: TaskId, asked: str
    ) -> list[str]:
        return [
            *bucket.head,
            bucket.approval(approval),
            bucket.asking(asked),
            bucket.approvals(tenant),
            bucket.task_approvals(task),
        ]
