"""Rules about tasks: open, claim, beat, extend, end."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from broker.errors import (
    AccessDeniedError,
    BrokerError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
    TaskClosedError,
    TaskFrozenError,
)
from broker.idempotency import repeatable
from broker.ids import TaskId, bucket_of
from broker.model.bounds import Bounds
from broker.model.capability import Ceiling
from broker.model.principal import Principal
from broker.model.requests import ExtendTask, OpenedTask, OpenTask
from broker.model.task import TaskState
from tests.fakes.faulty_link import Fault
from tests.fakes.replace import replace
from tests.stateful.base import FAULTS, ISSUER, LONG, MOSTLY, PICKS, WHERE, WHICH, WHO, Stage
from tests.stateful.model import ModelTask
from tests.stateful.people import (
    CAPABILITIES,
    INSTANCES,
    ISSUERS,
    MINUTE,
    SCOPES,
    SECOND,
    agent,
    operator,
    orchestrator,
)
from tests.stateful.world import LIMITS, TASK_LIMITS

IDLE = st.sampled_from([5 * MINUTE, 0, 5 * MINUTE, MINUTE, 20 * SECOND])
CEILINGS = st.dictionaries(
    st.sampled_from(sorted(CAPABILITIES)),
    st.sampled_from([SCOPES, SCOPES, frozenset({"read"})]),
    min_size=2,
).map(lambda lines: tuple(Ceiling(name, scopes) for name, scopes in lines.items()))
NUMBERS = st.sampled_from([None, None, None, 1, 2, 3])
BOUNDS = st.builds(Bounds, levels=NUMBERS, children=NUMBERS, below=NUMBERS)
OUTCOMES = st.sampled_from([TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED])

has_tasks = precondition(lambda self: self.model.tasks)


ROOTS = st.builds(
    OpenTask,
    name=st.just("root"),
    agent=WHO,
    tenant=WHERE,
    ceiling=st.just(tuple(Ceiling(name, SCOPES) for name in CAPABILITIES)),
    ttl_ms=LONG,
    idle_ms=IDLE,
    instance=st.sampled_from([*INSTANCES, *INSTANCES, ""]),
    opener_timeout_ms=IDLE,
    bounds=BOUNDS,
)
CHILDREN = st.builds(
    OpenTask,
    name=st.just("child"),
    agent=WHO,
    tenant=st.just(""),
    ceiling=CEILINGS,
    ttl_ms=LONG,
    idle_ms=IDLE,
    instance=WHICH,
    bounds=BOUNDS,
)


class TaskRules(Stage):
    """What callers do with tasks."""

    @rule(request=ROOTS, issuer=ISSUER, fault=FAULTS)
    def open_root(self, request: OpenTask, issuer: str, fault: Fault | None) -> None:
        """An orchestrator opens a task with every capability."""
        self.open(orchestrator(issuer), request, None, fault)

    @has_tasks
    @rule(pick=PICKS, is_owner=MOSTLY, request=CHILDREN, fault=FAULTS)
    def open_child(
        self,
        pick: int,
        is_owner: bool,  # noqa: FBT001 - hypothesis passes arguments by name
        request: OpenTask,
        fault: Fault | None,
    ) -> None:
        """The owner of a task, or its opener, hands on a part of it."""
        parent = self.a_task(pick)
        request = replace(request, tenant=parent.tenant, parent=parent.id)
        self.open(owner_of(parent) if is_owner else parent.opener, request, parent, fault)

    def open(
        self, caller: Principal, request: OpenTask, parent: ModelTask | None, fault: Fault | None
    ) -> None:
        """Open a task, once, however often it is asked for."""
        key = self.fresh_key()

        async def call() -> OpenedTask:
            return await self.world.verbs.tasks.open(caller, request, key)

        bucket = parent.bucket if parent else self._bucket_for(caller, key, request)
        opened = self.act(call, self._opening_refusals(caller, request, parent, bucket), fault)
        if opened is None:
            return
        task = _model_of(opened, caller, request, parent)
        self.model.opened(task, request.ttl_ms, TASK_LIMITS.max_ttl_ms)
        again = self.act(call, set())
        assert again is not None
        assert (again.task.spec.id, again.is_new) == (task.id, False)
        task.handle = again.claim_handle.reveal() if again.claim_handle else ""
        assert bool(task.handle) == (not request.instance)

    def _bucket_for(self, caller: Principal, key: str, request: OpenTask) -> int:
        same = repeatable(caller, "tasks", key, request)
        return bucket_of(self.world.ledger.ids.root_task_for(same.key))

    def _opening_refusals(
        self, caller: Principal, request: OpenTask, parent: ModelTask | None, bucket: int
    ) -> set[type[BrokerError]]:
        who = (request.tenant, request.agent, caller.issuer)
        refusals = self.full_outbox(bucket)
        if self.model.is_cut(self.model.now[bucket], bucket, *who):
            refusals.add(TaskClosedError)
        if parent is None:
            return refusals
        if parent.is_forgotten or (caller is not parent.opener and not parent.instance):
            return {NotFoundError}
        if len(parent.path) >= TASK_LIMITS.max_depth:
            return {InvalidRequestError}
        if not _is_within(request, parent):
            return {AccessDeniedError}
        refusals |= self.shut(parent)
        now = self.now(parent.id)
        if _is_full(parent, now):
            refusals.add(QuotaExceededError)
        return refusals

    @has_tasks
    @rule(pick=PICKS, which=WHICH, who=WHO, is_right=MOSTLY, fault=FAULTS)
    def claim(
        self,
        pick: int,
        which: str,
        who: str,
        is_right: bool,  # noqa: FBT001
        fault: Fault | None,
    ) -> None:
        """An agent claims a task with a handle, the right one or another."""
        task = self.a_task(pick)
        handle = task.handle if is_right and task.handle else "wrong"
        is_late = bool(task.instance) and task.instance != which
        refusals: set[type[BrokerError]] = set()
        if task.is_forgotten or who != task.agent or handle == "wrong" or is_late:
            refusals.add(NotFoundError)
        else:
            refusals |= self.shut(task)
        caller = agent(who, which, ISSUERS[0])
        claimed = self.act(
            lambda: self.world.verbs.tasks.claim(caller, task.id, handle), refusals, fault
        )
        if claimed is not None and not task.instance:
            task.instance = which
            task.seen = self.now(task.id)

    @has_tasks
    @rule(pick=PICKS, is_owner=MOSTLY, fault=FAULTS)
    def beat(self, pick: int, is_owner: bool, fault: Fault | None) -> None:  # noqa: FBT001
        """The agent, or the opener, shows that it is there."""
        task = self.a_task(pick)
        caller = owner_of(task) if is_owner else task.opener
        # A beat gives nothing: it is heard in a frozen task, too.
        refusals = self._for_either(task, is_owner=is_owner) - {TaskFrozenError}
        if self.act(lambda: self.world.verbs.tasks.heartbeat(caller, task.id), refusals, fault):
            # An opener that is the owner as well counts as the owner.
            if is_owner or self._is_owner(task.opener, task):
                self.model.seen(task)
            else:
                task.oseen = self.now(task.id)

    @has_tasks
    @rule(pick=PICKS, is_owner=MOSTLY, ttl=LONG, fault=FAULTS)
    def extend(self, pick: int, is_owner: bool, ttl: int, fault: Fault | None) -> None:  # noqa: FBT001
        """Somebody moves the deadline."""
        task = self.a_task(pick)
        caller = owner_of(task) if is_owner else task.opener
        refusals = self._for_either(task, is_owner=is_owner)
        request = ExtendTask(ttl)
        if self.act(
            lambda: self.world.verbs.tasks.extend(caller, task.id, request, ""), refusals, fault
        ):
            self.model.extended(task, ttl)

    def _for_either(self, task: ModelTask, *, is_owner: bool) -> set[type[BrokerError]]:
        if task.is_forgotten or (is_owner and not task.instance):
            return {NotFoundError}
        return self.shut(task)

    def _is_owner(self, caller: Principal, task: ModelTask) -> bool:
        return (caller.name, caller.instance) == (task.agent, task.instance)

    @has_tasks
    @rule(
        pick=PICKS,
        outcome=OUTCOMES,
        by=st.sampled_from(["owner", "opener", "operator", "stranger"]),
        fault=FAULTS,
    )
    def close(self, pick: int, outcome: TaskState, by: str, fault: Fault | None) -> None:
        """Somebody ends a task; the first ending stands."""
        task = self.a_task(pick)
        caller = {
            "owner": owner_of(task),
            "opener": task.opener,
            "operator": operator(task.tenant),
            "stranger": agent("stranger", "pod-1", ISSUERS[0]),
        }[by]
        refusals: set[type[BrokerError]] = set()
        may_not = by == "stranger" or (by == "operator" and outcome is not TaskState.CANCELLED)
        if task.is_forgotten or may_not or (by == "owner" and not task.instance):
            refusals.add(NotFoundError)
        if self.act(
            lambda: self.world.verbs.tasks.close(caller, task.id, outcome, "x"), refusals, fault
        ):
            task.close(outcome, self.now(task.id))

    @has_tasks
    @rule(pick=PICKS)
    def look_as_a_stranger(self, pick: int) -> None:
        """What is another's does not exist (I6, I16)."""
        task = self.a_task(pick)
        other = operator(next(name for name in ("acme", "globex") if name != task.tenant))
        for caller in (agent(task.agent, "pod-9", ISSUERS[0]), other):
            self.act(lambda: self.world.verbs.tasks.show(caller, task.id), {NotFoundError})  # noqa: B023


def owner_of(task: ModelTask, issuer: str = ISSUERS[0]) -> Principal:
    """Return the instance that a task belongs to; nobody's, while nobody has claimed it."""
    return agent(task.agent, task.instance or "pod-9", issuer)


def _is_within(request: OpenTask, parent: ModelTask) -> bool:
    """Tell whether a child asks for no more than its parent has."""
    return _is_bounded(request.bounds, parent.bounds) and all(
        line.scopes <= parent.ceiling.get(line.capability, frozenset()) for line in request.ceiling
    )


def _is_full(parent: ModelTask, now: int) -> bool:
    """Tell whether a task, or one above it, has as many open tasks below as it may."""
    children = [each for each in parent.children if each.is_unended and each.deadline > now]
    most = min(LIMITS.children, parent.bounds.children or LIMITS.children)
    full = (above.room and _counted(above, now) >= above.room for above in parent.path)
    return len(children) >= most or any(full)


def _is_bounded(asked: Bounds, parent: Bounds) -> bool:
    """Tell whether a child asks for no more than its parent's tree may come to."""
    levels = None if parent.levels is None else parent.levels - 1
    if levels is not None and levels < 0:
        return False
    pairs = ((asked.levels, levels), (asked.children, parent.children), (asked.below, parent.below))
    return all(mine is None or theirs is None or mine <= theirs for mine, theirs in pairs)


def _least(asked: Bounds, parent: ModelTask | None) -> Bounds:
    if parent is None:
        return asked
    above = parent.bounds
    levels = None if above.levels is None else above.levels - 1
    numbers = ((asked.levels, levels), (asked.children, above.children), (asked.below, above.below))
    return Bounds(
        None, *(min((n for n in pair if n is not None), default=None) for pair in numbers)
    )


def _counted(above: ModelTask, now: int) -> int:
    """Count what is below a task and has not ended by its own word, nor of age."""
    return sum(task.is_unended and task.deadline > now for task in above.tree()) - (
        above.is_unended and above.deadline > now
    )


def _model_of(
    opened: OpenedTask, caller: Principal, request: OpenTask, parent: ModelTask | None
) -> ModelTask:
    task_id: TaskId = opened.task.spec.id
    return ModelTask(
        id=task_id,
        bucket=bucket_of(task_id),
        parent=parent,
        tenant=request.tenant,
        agent=request.agent,
        opener=caller,
        instance=request.instance,
        handle="",
        ceiling={line.capability: line.scopes for line in request.ceiling},
        idle=request.idle_ms,
        opener_timeout=request.opener_timeout_ms,
        bounds=_least(request.bounds, parent),
        room=request.bounds.below or 0,
    )
