"""The whole ledger over one link, with short ways to the states that tests begin from."""

from collections.abc import Sequence
from typing import Any

from broker.ids import IdFactory, LeaseId, TaskId, bucket_of
from broker.model.capability import Ceiling
from broker.model.decision import Trace
from broker.model.lease import LeaseSpec, LeaseState
from broker.model.task import TaskSpec, TaskState
from broker.store.approval_ledger import ApprovalLedger
from broker.store.control import ControlStore
from broker.store.cut_ledger import CutLedger
from broker.store.decision_log import DecisionLog
from broker.store.due_queue import DueQueue
from broker.store.keyspace import Keyspace
from broker.store.lease_ledger import LeaseLedger
from broker.store.lease_replies import Granted
from broker.store.limits import Limits
from broker.store.link import Link
from broker.store.new_lease import NewLease, Renewal
from broker.store.paths import Paths
from broker.store.quotas import Quota, QuotaLedger
from broker.store.revocation_ledger import RevocationLedger
from broker.store.task_ledger import NewTask, TaskLedger
from broker.store.task_tree import TaskTree
from tests.fakes.replace import replace

FAR = 10**14
MINUTE = 60_000


class LedgerKit:
    """Every part of the ledger, built as the broker builds it."""

    def __init__(self, link: Link, *, buckets: int = 4, limits: Limits | None = None) -> None:
        self.link = link
        self.limits = limits or Limits()
        self.keys = Keyspace("jit", buckets)
        self.ids = IdFactory(buckets)
        self.paths = Paths(link, self.keys)
        self.tasks = TaskLedger(link, self.keys, self.ids, self.paths, self.limits)
        self.leases = LeaseLedger(link, self.keys, self.ids, self.paths, self.limits)
        self.approvals = ApprovalLedger(link, self.keys, self.ids, self.limits)
        self.tree = TaskTree(link, self.keys, self.ids)
        self.due = DueQueue(link, self.keys)
        self.cuts = CutLedger(link, self.keys, self.ids, self.limits)
        self.orders = RevocationLedger(link, self.keys, self.ids, self.limits)
        self.quotas = QuotaLedger(link, self.keys)
        self.decisions = DecisionLog(link, self.keys, self.ids, self.limits)
        self.control = ControlStore(link, self.keys, self.ids)

    def new_task(self, parent: TaskSpec | None = None, **changes: Any) -> NewTask:
        """A task that can be opened; ``changes`` go to its spec or to the opening itself."""
        task = self.ids.child_task(parent.id) if parent else self.ids.root_task()
        agent = changes.get("agent", "invoice-bot")
        issuer = changes.get("opener_issuer", "https://issuer.example")
        spec = TaskSpec(
            id=task,
            path=(*parent.path, task) if parent else (task,),
            actors=(*parent.actors, agent) if parent else (agent,),
            issuers=(*parent.issuers, issuer) if parent else (issuer,),
            name="reconcile",
            tenant="acme",
            agent="invoice-bot",
            opener="orchestrator:ci",
            opener_issuer=issuer,
            opener_instance="ci-1",
            on_behalf_of="",
            ceiling=(Ceiling("orders-api", frozenset({"orders:read"})),),
            tickets=(),
            resources=(),
            idle_ms=5 * MINUTE,
            opener_timeout_ms=0,
            max_deadline_ms=60 * MINUTE,
        )
        opening = {key: changes.pop(key) for key in list(changes) if key in NewTask.__slots__}
        new = NewTask(
            spec=replace(spec, **changes),
            ttl_ms=10 * MINUTE,
            instance="pod-1",
            claim_hash="",
            facts=0,
            key="",
            digest="",
        )
        return replace(new, **opening)

    async def open(self, parent: TaskSpec | None = None, **changes: Any) -> TaskSpec:
        """Open a task and return its spec."""
        new = self.new_task(parent, **changes)
        await self.tasks.open(new)
        return new.spec

    async def chain(self, depth: int) -> list[TaskSpec]:
        """Open a root and its line of descendants."""
        line = [await self.open()]
        for _ in range(depth - 1):
            line.append(await self.open(line[-1]))
        return line

    def new_lease(self, task: TaskSpec, **changes: Any) -> NewLease:
        """A lease that can be granted; ``changes`` go to its spec or to the granting."""
        lease = self.ids.lease(task.id)
        spec = LeaseSpec(
            id=lease,
            task=task.id,
            path=task.path,
            actors=task.actors,
            agent=task.agent,
            instance="pod-1",
            tenant=task.tenant,
            on_behalf_of="",
            capability="orders-api",
            backend="jwt",
            audience="https://orders.example",
            scopes=("orders:read",),
            evidence_issuer="https://issuer.example",
            locator=lease,
            key_id="k1",
            trace=Trace("v1", 0),
        )
        granting = {key: changes.pop(key) for key in list(changes) if key in NewLease.__slots__}
        new = NewLease(
            spec=replace(spec, **changes),
            state=LeaseState.ACTIVE,
            ttl_ms=2 * MINUTE,
            max_ttl_ms=5 * MINUTE,
            evidence_exp_ms=FAR,
            facts=0,
            key="",
            digest="",
        )
        return replace(new, **granting)

    async def grant(self, task: TaskSpec, **changes: Any) -> Granted:
        """Grant a lease under a task."""
        return await self.leases.grant(self.new_lease(task, **changes))

    def renewal(self, **changes: Any) -> Renewal:
        """A renewal for four minutes."""
        renewal = Renewal(
            ttl_ms=4 * MINUTE, evidence_exp_ms=FAR, facts=0, key="", digest="", key_id="k1"
        )
        return replace(renewal, **changes)

    async def take(self, quotas: Sequence[Quota], lease: LeaseId, life_ms: int) -> Quota | None:
        """Take places; return the quota that refuses."""
        return await self.quotas.begin(quotas, lease, life_ms).refused_by()

    async def close(self, task: TaskSpec) -> None:
        """Complete a task."""
        await self.tasks.close(task.path, TaskState.COMPLETED, ended_by="done", closed_by="test")

    async def is_alive(self, lease: LeaseId) -> bool:
        """Ask the judge."""
        return (await self.leases.view(lease)).is_alive

    async def pass_time(self, any_id: str, milliseconds: int) -> None:
        """Let a bucket have seen a later time: the ledger's clock then never reads less."""
        meta = self.keys.of(any_id).meta
        seconds, micros = await self._time()
        now = int(seconds) * 1000 + int(micros) // 1000
        last = int(await self.link.read("HGET", meta, "now") or 0)
        await self.link.read("HSET", meta, "now", max(now, last) + milliseconds)

    async def _time(self) -> tuple[str, str]:
        answers = await self.link.each_server("TIME")
        seconds, micros = answers[0]
        return str(seconds), str(micros)

    async def told(self, any_id: str) -> list[dict[str, str]]:
        """Read the outbox of a bucket."""
        entries = await self.link.read("XRANGE", self.keys.of(any_id).out, "-", "+")
        return [dict(zip(flat[::2], flat[1::2], strict=True)) for _, flat in entries]

    async def works(self, task: TaskId) -> list[str]:
        """Claim what is due in a task's bucket."""
        taken = await self.due.claim(bucket_of(task), limit=100, hide_ms=1000)
        return [work.member for work in taken]
