"""The verbs on tasks: open, claim, look, beat, extend, end.

- Opening and extending give, so policy decides; ending takes away, so the built-in rule does.
- A child is never wider, longer or deeper than its parent (I7).
- A task belongs to one instance, named at opening or bound once by a claim handle (I6).
- Ending is acknowledged once the ledger holds it; taking down what hangs below follows from the
  due queue, whoever dies meanwhile.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from broker.asked_ceiling import completed, wrong_name
from broker.attenuation import Rights, excesses, explained, within
from broker.errors import InvalidRequestError, NotFoundError, TaskClosedError, TaskFrozenError
from broker.faultpoints import FaultPoints
from broker.governance.own_work import lender_of, require_own
from broker.governance.published import Published
from broker.idempotency import Repeatable, repeatable
from broker.ids import MAX_DEPTH, IdFactory, TaskId
from broker.judgement import Judgement
from broker.model.principal import Kind, Principal
from broker.model.requests import ExtendTask, OpenedTask, OpenTask
from broker.model.task import Task, TaskSpec, TaskState
from broker.ownership import is_opener, is_operator_of, is_owner
from broker.policy.query import Query
from broker.questions import about_extension, about_opening, behalf_of
from broker.secret import Secret
from broker.single_use import SingleUse
from broker.store.evidence_ledger import Use
from broker.store.task_ledger import Extension, NewTask, TaskLedger

_ENDINGS: Final = {
    TaskState.COMPLETED: "done",
    TaskState.FAILED: "failed",
    TaskState.CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class TaskLimits:
    """``max_ttl_ms``: how far a deadline may ever lie from the opening; ``max_depth`` of a tree."""

    max_ttl_ms: int
    max_depth: int = MAX_DEPTH


class Tasks:
    """Verbs on tasks. ``wake`` is told the task whose end wants following up at once."""

    def __init__(
        self,
        *,
        ledger: TaskLedger,
        judgement: Judgement,
        single_use: SingleUse,
        ids: IdFactory,
        limits: TaskLimits,
        faults: FaultPoints,
        wake: Callable[[TaskId], None],
    ) -> None:
        self._ledger = ledger
        self._judgement = judgement
        self._knocks = judgement.knocks
        self._single_use = single_use
        self._ids = ids
        self._limits = limits
        self._faults = faults
        self._wake = wake

    async def open(self, caller: Principal, request: OpenTask, idempotency_key: str) -> OpenedTask:
        """Open a task; the same request under the same key opens it once.

        Raises:
            InvalidRequestError: a field is out of bounds or names nothing of this tenant.
            AccessDeniedError: policy refuses, or the child would be wider than its parent.
            EvidenceUsedError: policy wants evidence that was not used before.
            TaskClosedError: the parent has ended.
        """
        self._check_bounds(request)
        require_own(caller, request)
        same = repeatable(caller, "tasks", idempotency_key, request)
        use = self._single_use.begin(same)

        async def attempt(published: Published, known: Principal) -> OpenedTask:
            parent = await self._parent(known, request)
            return await self._open(known, request, parent, same, published, use=use)

        return await self._judgement.on_fresh_facts(caller, attempt)

    async def _open(
        self,
        caller: Principal,
        request: OpenTask,
        parent: Task | None,
        same: Repeatable,
        published: Published,
        *,
        use: Use,
    ) -> OpenedTask:
        request = completed(request, published)
        query = about_opening(caller, request, parent)
        await self._check_names(caller, request, published, query)
        if parent:
            await self._check_within(request, parent.spec, published, query)
        permit = await self._judgement.permit(published, query)
        self._faults.reach("open.decided")
        await self._single_use.spend(published, query, permit.obligations, use)
        ttl_ms = min(request.ttl_ms, permit.obligations.max_ttl_ms or request.ttl_ms)
        handle = None if request.instance else Secret(self._ids.claim_handle())
        new = NewTask(
            spec=self._spec(caller, request, parent, same),
            ttl_ms=ttl_ms,
            instance=request.instance,
            claim_hash=_hash(handle.reveal()) if handle else "",
            facts=published.revision,
            key=same.key,
            digest=same.digest,
            graph=published.graph,
            siblings=(parent.spec.bounds.children or 0) if parent else 0,
        )
        task_id, is_new = await self._ledger.open(new)
        self._faults.reach("open.written")
        task = await self._ledger.view(task_id)
        if handle and not is_new:
            is_unclaimed = await self._ledger.replace_handle(task, new.claim_hash)
            self._faults.reach("open.handed")
            handle = handle if is_unclaimed else None
        return OpenedTask(task, handle, is_new)

    async def _check_names(
        self, caller: Principal, request: OpenTask, published: Published, query: Query
    ) -> None:
        """Tell those of the tenant which name is wrong; to others it is a refusal as any (I16)."""
        wrong = wrong_name(request, published)
        if wrong is None:
            return
        if caller.answers_for(request.tenant):
            raise wrong
        raise await self._judgement.refuse(
            published, query, "unknown-name", f"{wrong.field}: {wrong}"
        )

    async def _check_within(
        self, request: OpenTask, parent: TaskSpec, published: Published, query: Query
    ) -> None:
        """Refuse a child that is anywhere wider than its parent (I7); tell operators where."""
        asked = Rights.asked(request)
        if not any(excesses(asked, Rights.of(parent))):
            return
        line = await asyncio.gather(*map(self._ledger.view, parent.path))
        told = explained(asked, [(each.spec.id, Rights.of(each.spec)) for each in line])
        raise await self._judgement.refuse(published, query, "wider-than-parent", *told)

    def _spec(
        self, caller: Principal, request: OpenTask, parent: Task | None, same: Repeatable
    ) -> TaskSpec:
        task_id = self._new_id(parent, same)
        return TaskSpec(
            id=task_id,
            path=(*parent.spec.path, task_id) if parent else (task_id,),
            actors=(*parent.spec.actors, request.agent) if parent else (request.agent,),
            issuers=(*parent.spec.issuers, caller.issuer) if parent else (caller.issuer,),
            name=request.name,
            tenant=request.tenant,
            agent=request.agent,
            opener=caller.ref,
            opener_issuer=caller.issuer,
            opener_instance=caller.instance,
            on_behalf_of=parent.spec.on_behalf_of if parent else behalf_of(caller, request),
            ceiling=request.ceiling,
            tickets=request.tickets,
            resources=request.resources,
            idle_ms=request.idle_ms,
            opener_timeout_ms=request.opener_timeout_ms,
            max_deadline_ms=self._limits.max_ttl_ms,
            lender=parent.spec.lender if parent else lender_of(caller),
            bounds=within(request.bounds, parent.spec.bounds) if parent else request.bounds,
            rooms=(*_rooms(parent), request.bounds.below or 0),
        )

    def _new_id(self, parent: Task | None, same: Repeatable) -> TaskId:
        if parent:
            return self._ids.child_task(parent.spec.id)
        return self._ids.root_task_for(same.key) if same.key else self._ids.root_task()

    def _check_bounds(self, request: OpenTask) -> None:
        if request.ttl_ms > self._limits.max_ttl_ms:
            raise InvalidRequestError(
                f"at most {self._limits.max_ttl_ms // 1000} here", field="ttl_seconds"
            )
        if not request.ceiling:
            raise InvalidRequestError("name at least one capability", field="ceiling")

    async def _parent(self, caller: Principal, request: OpenTask) -> Task | None:
        if request.parent is None:
            return None
        parent = await self._ledger.view(request.parent)
        if not (is_owner(caller, parent) or is_opener(caller, parent.spec)):
            raise await self._knocks.foreign(caller, parent.spec)
        if parent.spec.tenant != request.tenant:
            raise InvalidRequestError("must be the parent's tenant", field="tenant")
        if request.on_behalf_of not in ("", parent.spec.on_behalf_of):
            raise InvalidRequestError("must be the parent's, or left out", field="on_behalf_of")
        if len(parent.spec.path) >= self._limits.max_depth:
            raise InvalidRequestError(
                f"a task tree is at most {self._limits.max_depth} deep", field="parent"
            )
        return parent

    async def claim(self, caller: Principal, task: TaskId, handle: str) -> Task:
        """Bind the caller's instance to a task by the one-time handle that its opener passed on.

        Raises:
            NotFoundError: wrong agent, wrong handle, or a handle that another instance has used.
            TaskClosedError: the task has ended.
        """
        found = await self._ledger.view(task)
        right = caller.kind is Kind.AGENT and caller.name == found.spec.agent
        if not right or not caller.answers_for(found.spec.tenant):
            raise await self._knocks.foreign(caller, found.spec)
        try:
            await self._ledger.claim(found, _hash(handle), caller.instance)
        except NotFoundError:  # another instance has claimed it, or the handle is none of it
            raise await self._knocks.foreign(caller, found.spec) from None
        except TaskFrozenError:
            raise
        except TaskClosedError:
            await self._knocks.came_late(caller, "claim")
            raise
        self._faults.reach("claim.written")
        return await self._ledger.view(task)

    async def show(self, caller: Principal, task: TaskId) -> Task:
        """Show a task to its owner, its opener or an operator of its tenant.

        Raises:
            NotFoundError: to everybody else.
        """
        found = await self._ledger.view(task)
        await self._knocks.require_visible(caller, found)
        return found

    async def heartbeat(self, caller: Principal, task: TaskId) -> Task:
        """Note that the owning instance, or the opener, is still there.

        Raises:
            NotFoundError: the caller is neither.
            TaskClosedError: the task has ended.
        """
        found = await self._ledger.view(task)
        by_agent = is_owner(caller, found)
        if not by_agent and not is_opener(caller, found.spec):
            raise await self._knocks.foreign(caller, found.spec)
        await self._ledger.beat(found, by_agent=by_agent)
        self._faults.reach("heartbeat.written")
        return await self._ledger.view(task)

    async def extend(
        self, caller: Principal, task: TaskId, request: ExtendTask, idempotency_key: str
    ) -> Task:
        """Move the deadline on; policy decides, and it never passes the last one, set at opening.

        The same request under the same key moves it once.

        Raises:
            AccessDeniedError: policy refuses.
            EvidenceUsedError: policy wants evidence that was not used before.
            TaskClosedError: the task has ended.
        """
        same = repeatable(caller, f"extend {task}", idempotency_key, request)
        use = self._single_use.begin(same)

        async def attempt(published: Published, known: Principal) -> Task:
            found = await self._ledger.view(task)
            if not is_owner(known, found) and not is_opener(known, found.spec):
                raise await self._knocks.foreign(known, found.spec)
            query = about_extension(known, found, request)
            permit = await self._judgement.permit(published, query)
            self._faults.reach("extend.decided")
            await self._single_use.spend(published, query, permit.obligations, use)
            ttl_ms = min(request.ttl_ms, permit.obligations.max_ttl_ms or request.ttl_ms)
            read = (published.revision, known.ref, same.key, same.digest, published.graph)
            extension = Extension(ttl_ms, *read)
            await self._ledger.extend(found, extension)
            self._faults.reach("extend.written")
            return await self._ledger.view(task)

        return await self._judgement.on_fresh_facts(caller, attempt)

    async def close(self, caller: Principal, task: TaskId, outcome: TaskState, reason: str) -> Task:
        """End a task and everything under it; ending it twice keeps the first ending.

        The owner and the opener may end it in any way, an operator may cancel it. ``reason`` is the
        caller's own word for the record.

        Raises:
            NotFoundError: the caller may not, or there is no such task.
        """
        found = await self._ledger.view(task)
        own = is_owner(caller, found) or is_opener(caller, found.spec)
        operated = outcome is TaskState.CANCELLED and is_operator_of(caller, found.spec.tenant)
        if not own and not operated:
            raise await self._knocks.foreign(caller, found.spec)
        ended_by = _ENDINGS[outcome]
        closed_by = f"{caller.ref}: {reason}" if reason else caller.ref
        await self._ledger.close(found.spec.path, outcome, ended_by=ended_by, closed_by=closed_by)
        self._faults.reach("close.written")
        self._wake(task)
        return await self._ledger.view(task)


def _rooms(parent: Task | None) -> tuple[int, ...]:
    """Return what the tasks above allow below themselves; older ones have not said."""
    return (parent.spec.rooms or (0,) * len(parent.spec.path)) if parent else ()


def _hash(handle: str) -> str:
    return hashlib.sha256(handle.encode()).hexdigest()
