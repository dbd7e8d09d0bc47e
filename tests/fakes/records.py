"""Principals, tasks and leases for tests of the rules that only look at them."""

from typing import Any, Final

from broker.ids import LeaseId, TaskId
from broker.model.capability import Ceiling
from broker.model.decision import Trace
from broker.model.lease import Lease, LeaseSpec, LeaseState
from broker.model.principal import Kind, Principal
from broker.model.task import Task, TaskSpec, TaskState
from tests.fakes.replace import replace

ISSUER: Final = "https://issuer.example"
ROOT: Final = TaskId("t_07_" + "a" * 26)
CHILD: Final = TaskId("c_07_" + "b" * 26)
LEASE: Final = LeaseId("l_07_" + "c" * 26)
AUDIENCE: Final = "https://orders.example"
NOW_MS: Final = 1_800_000_000_000


def principal(kind: Kind = Kind.AGENT, name: str = "invoice-bot", **changes: Any) -> Principal:
    """Make a caller of tenant acme."""
    made = Principal(
        kind=kind,
        name=name,
        tenants=frozenset({"acme"}),
        instance="pod-1",
        issuer=ISSUER,
        subject=name,
        expires_at_ms=NOW_MS + 3_600_000,
    )
    return replace(made, **changes)


def task_spec(**changes: Any) -> TaskSpec:
    """Make a root task of the agent that an orchestrator opened."""
    made = TaskSpec(
        id=ROOT,
        path=(ROOT,),
        actors=("invoice-bot",),
        issuers=(ISSUER,),
        name="reconcile",
        tenant="acme",
        agent="invoice-bot",
        opener="orchestrator:ci",
        opener_issuer=ISSUER,
        opener_instance="ci-1",
        on_behalf_of="",
        ceiling=(Ceiling("orders-api", frozenset({"orders:read"})),),
        tickets=(),
        resources=(),
        idle_ms=300_000,
        opener_timeout_ms=0,
        max_deadline_ms=3_600_000,
    )
    return replace(made, **changes)


def task(instance: str = "pod-1", **changes: Any) -> Task:
    """Make an open task; the changes go to its spec."""
    return Task(
        spec=task_spec(**changes),
        instance=instance,
        state=TaskState.OPEN,
        is_alive=True,
        opened_at_ms=NOW_MS,
        deadline_ms=NOW_MS + 600_000,
        agent_seen_ms=NOW_MS,
        opener_seen_ms=NOW_MS,
    )


def lease_spec(**changes: Any) -> LeaseSpec:
    """Make the spec of a lease in that task."""
    made = LeaseSpec(
        id=LEASE,
        task=ROOT,
        path=(ROOT,),
        actors=("invoice-bot",),
        agent="invoice-bot",
        instance="pod-1",
        tenant="acme",
        on_behalf_of="",
        capability="orders-api",
        backend="jwt",
        audience=AUDIENCE,
        scopes=("orders:read",),
        evidence_issuer=ISSUER,
        locator=LEASE,
        key_id="k1",
        trace=Trace("v1", 1),
    )
    return replace(made, **changes)


def lease(spec: LeaseSpec | None = None, **changes: Any) -> Lease:
    """Make a living lease of five minutes."""
    made = Lease(
        spec=spec or lease_spec(),
        state=LeaseState.ACTIVE,
        is_alive=True,
        generation=1,
        issued_at_ms=NOW_MS,
        expires_at_ms=NOW_MS + 300_000,
        max_expires_at_ms=NOW_MS + 600_000,
        judged_at_ms=NOW_MS + 1_000,
    )
    changes.setdefault("passed_ms", changes.get("judged_at_ms", made.judged_at_ms))
    return replace(made, **changes)
