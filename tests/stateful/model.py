"""What ought to be alive, by the rules of DESIGN §4 in plain Python: sets, and nothing stored.

It knows no Redis, no queue and no crash. Time is one number per bucket.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from broker.ids import LeaseId, RevocationId, TaskId
from broker.model.bounds import UNBOUNDED, Bounds
from broker.model.principal import ALL_TENANTS, Principal
from broker.model.requests import SelectorKind
from broker.store.cut_ledger import Cut


@dataclass(eq=False)
class ModelTask:
    """One task. ``state`` is its own; what its ancestors do to it follows."""

    id: TaskId
    bucket: int
    parent: "ModelTask | None"
    tenant: str
    agent: str
    opener: Principal
    instance: str
    handle: str
    ceiling: dict[str, frozenset[str]]
    idle: int
    opener_timeout: int
    opened: int = 0
    bounds: Bounds = UNBOUNDED
    """What it was opened with and its ancestors' bounds, whichever is less."""
    room: int = 0
    """How many open tasks it said that there may be below it; 0: it said nothing."""
    deadline: int = 0
    last_deadline: int = 0
    seen: int = 0
    oseen: int = 0
    state: str = "open"
    closed: int = 0
    cut: int = 0
    """What was issued in its tree until then was killed by a freeze; 0: nothing was."""
    is_forgotten: bool = False
    children: "list[ModelTask]" = field(default_factory=list)
    leases: "list[ModelLease]" = field(default_factory=list)

    @property
    def path(self) -> "list[ModelTask]":
        """From the root to itself."""
        return [*(self.parent.path if self.parent else ()), self]

    @property
    def root(self) -> "ModelTask":
        """The top of its tree."""
        return self.path[0]

    def tree(self) -> "Iterator[ModelTask]":
        """Itself and everything below it."""
        yield self
        for child in self.children:
            yield from child.tree()

    def close(self, state: str, now: int) -> None:
        """End it; the first ending stands."""
        if self.is_unended:
            self.state, self.closed = state, now

    def freeze(self, now: int) -> None:
        """Stop it; the first freeze stands."""
        if self.state == "open":
            self.state, self.cut = "frozen", now

    def thaw(self, now: int) -> None:
        """Release it; what it had stays dead."""
        if self.state == "frozen":
            self.state, self.seen = "open", now

    @property
    def is_unended(self) -> bool:
        """Whether it has not ended by its own word."""
        return self.state in ("open", "frozen")


@dataclass(eq=False)
class ModelLease:
    """One lease. ``ended_by`` is empty until its record says that it ended."""

    id: LeaseId
    task: ModelTask
    capability: str
    issuer: str
    instance: str
    issued: int
    expires: int
    most: int
    generation: int = 1
    is_delivered: bool = False
    is_reserved: bool = False
    facts: int = 0
    ended_by: str = ""
    newest: int = 0
    """When its newest token was issued."""
    last_alive: int = 0
    """When it was last found alive."""


@dataclass(frozen=True, eq=False)
class ModelOrder:
    """An operator's cuts: each with its instant in every bucket."""

    id: RevocationId
    by: Principal
    cuts: tuple[Cut, ...]
    before: dict[tuple[str, int], int]


class Model:
    """The whole of it."""

    def __init__(self, buckets: int, now_ms: int) -> None:
        self.now = [now_ms] * buckets
        self.tasks: list[ModelTask] = []
        self.leases: list[ModelLease] = []
        self.orders: list[ModelOrder] = []

    # What is alive.

    def why_dead(self, task: ModelTask) -> str:
        """Say what keeps a task from being alive; empty when it is."""
        now = self.now[task.bucket]
        for node in task.path:
            if node.is_forgotten:
                return "absent"
            if not node.is_unended:
                return node.state
            if node.deadline <= now:
                return "deadline"
            if self.is_cut(node.opened, node.bucket, node.tenant, node.agent, node.opener.issuer):
                return "cut"
        return "frozen" if any(node.state == "frozen" for node in task.path) else ""

    def is_thawed_dead(self, lease: ModelLease) -> bool:
        """Tell whether a freeze has killed a lease, thawed or not."""
        return any(lease.issued <= node.cut for node in lease.task.path)

    def is_alive(self, lease: ModelLease) -> bool:
        """Judge a lease."""
        task = lease.task
        return not (
            lease.ended_by
            or lease.expires <= self.now[task.bucket]
            or self.is_cut_lease(lease)
            or self.is_thawed_dead(lease)
            or self.why_dead(task)
        )

    def is_cut_lease(self, lease: ModelLease, orders: "list[ModelOrder] | None" = None) -> bool:
        """Tell whether a cut covers the lease itself."""
        task = lease.task
        who = (task.tenant, task.agent, lease.issuer, lease.capability)
        return self.is_cut(lease.issued, task.bucket, *who, orders=orders)

    def is_cut(
        self,
        born: int,
        bucket: int,
        tenant: str,
        agent: str,
        issuer: str,
        capability: str = "",
        orders: "list[ModelOrder] | None" = None,
    ) -> bool:
        """Tell whether some cut covers what was born then."""
        of = {
            SelectorKind.ALL: "",
            SelectorKind.TENANT: tenant,
            SelectorKind.AGENT: agent,
            SelectorKind.ISSUER: issuer,
            **({SelectorKind.CAPABILITY: capability} if capability else {}),
        }
        return any(
            of.get(cut.of) == cut.name
            and cut.tenant in ("", tenant)
            and born <= order.before.get((cut.field, bucket), 0)
            for order in (self.orders if orders is None else orders)
            for cut in order.cuts
        )

    def is_covered(self, lease: ModelLease, order: ModelOrder) -> bool:
        """Tell whether an order killed a lease, by itself or by a task above it."""
        return self.is_cut_lease(lease, [order]) or any(
            self.is_cut(n.opened, n.bucket, n.tenant, n.agent, n.opener.issuer, orders=[order])
            for n in lease.task.path
        )

    def unended(self) -> list[ModelLease]:
        """List the leases whose record has not ended."""
        return [lease for lease in self.leases if not lease.ended_by]

    def leases_of(self, *, agent: str = "", tenant: str = "") -> list[ModelLease]:
        """List the leases that count against an agent, or a tenant."""
        return [
            lease
            for lease in self.leases
            if agent in ("", lease.task.agent, lease.task.root.agent)
            and tenant in ("", lease.task.tenant)
        ]

    # What happens to it.

    def bound(self, path: list[ModelTask]) -> int:
        """Return the nearest deadline of a path."""
        return min((task.deadline for task in path), default=10**15)

    def opened(self, task: ModelTask, ttl: int, max_ttl: int) -> None:
        """Take in a new task, whose dates follow from its parent's."""
        now = self.now[task.bucket]
        bound = self.bound(task.path[:-1])
        task.opened = task.seen = task.oseen = now
        task.deadline, task.last_deadline = min(now + ttl, bound), min(now + max_ttl, bound)
        self.tasks.append(task)
        if task.parent:
            task.parent.children.append(task)

    def seen(self, task: ModelTask) -> None:
        """Note the agent's activity: it counts for the ancestors."""
        for node in task.path:
            node.seen = self.now[task.bucket]

    def extended(self, task: ModelTask, ttl: int) -> None:
        """Move a deadline."""
        now = self.now[task.bucket]
        later = min(now + ttl, task.last_deadline, self.bound(task.path[:-1]))
        task.deadline = max(task.deadline, later)

    def dates(self, task: ModelTask, ttl: int, most: int, evidence: int) -> tuple[int, int]:
        """Return when a lease that is granted now would expire, now and at most."""
        now = self.now[task.bucket]
        latest = min(now + most, self.bound(task.path)) // 1000 * 1000
        return min(now + min(ttl, most), latest, evidence) // 1000 * 1000, latest

    def reaped(self, retention: int) -> None:
        """Carry everything that is due to its end."""
        for lease in self.leases:
            if not lease.ended_by and lease.expires <= self.now[lease.task.bucket]:
                lease.ended_by = "expired"
        before = -1
        while (after := self._unfinished()) != before:
            before = after
            for task in self.tasks:
                self._sweep(task)
                self._take_down(task)
            self._clean_up()
        for task in reversed(self.tasks):  # children were opened after their parents
            is_over = not task.is_unended and task.closed + retention <= self.now[task.bucket]
            # From below: what ended a task says what became of its children.
            if is_over and all(child.is_forgotten for child in task.children):
                task.is_forgotten = True

    def _unfinished(self) -> int:
        states = sum(task.is_unended for task in self.tasks)
        return states * 1_000_000 + sum(not lease.ended_by for lease in self.leases)

    def _sweep(self, task: ModelTask) -> None:
        now = self.now[task.bucket]
        is_idle = task.idle and task.seen + task.idle <= now
        is_left = task.opener_timeout and task.oseen + task.opener_timeout <= now
        if task.deadline <= now or is_idle or is_left:
            task.close("cancelled", now)

    def _take_down(self, task: ModelTask) -> None:
        if task.is_unended:
            return
        for lease in task.leases:
            lease.ended_by = lease.ended_by or "task"
        for child in task.children:
            child.close("cancelled", self.now[task.bucket])

    def _clean_up(self) -> None:
        for task in self.tasks:
            if self.is_cut(task.opened, task.bucket, task.tenant, task.agent, task.opener.issuer):
                task.close("cancelled", self.now[task.bucket])
        for lease in self.leases:
            if self.is_cut_lease(lease):
                lease.ended_by = lease.ended_by or "revoked"
            if self.is_thawed_dead(lease):
                lease.ended_by = lease.ended_by or "frozen"


def reaches(caller: Principal, tenant: str) -> bool:
    """Tell whether an operator answers for a tenant."""
    return tenant in caller.tenants or ALL_TENANTS in caller.tenants
