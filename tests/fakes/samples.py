"""One of each value that the verbs answer with."""

from typing import Any, Final

from broker.http.services import KeySet
from broker.ids import ApprovalId, DecisionId, LeaseId, RevocationId, TaskId
from broker.model.approval import Answer, Approval, ApprovalState, Requirement, Voice, Wanted
from broker.model.capability import Ceiling
from broker.model.decision import Trace
from broker.model.lease import Lease, LeaseSpec, LeaseState
from broker.model.receipt import Receipt, ReceiptState
from broker.model.requests import Revocation, Selector
from broker.model.task import Task, TaskSpec, TaskState

NOW_MS = 1_800_000_000_000
TASK = TaskId("t_07_" + "a" * 26)
CHILD = TaskId("c_07_" + "b" * 26)
LEASE = LeaseId("l_07_" + "c" * 26)
REVOCATION = RevocationId("r_07_" + "d" * 26)
APPROVAL = ApprovalId("a_07_" + "f" * 26)
DECISION = DecisionId("d_07_" + "e" * 26)
CREDENTIAL = "canary.credential.value"
HANDLE = "canary-claim-handle"
AUDIENCE = "https://orders.example"
ISSUER = "https://broker.example"


def a_task(task: TaskId = TASK) -> Task:
    """Make an open task."""
    spec = TaskSpec(
        id=task,
        path=(TASK,) if task == TASK else (TASK, task),
        actors=("invoice-bot",),
        issuers=("https://issuer.example",),
        name="reconcile-invoices",
        tenant="acme",
        agent="invoice-bot",
        opener="orchestrator:ci",
        opener_issuer="https://issuer.example",
        opener_instance="run-1",
        on_behalf_of="alice",
        ceiling=(Ceiling("orders-api", frozenset({"orders:read", "orders:list"})),),
        tickets=("OPS-1",),
        resources=("dataset:orders",),
        idle_ms=30_000,
        opener_timeout_ms=0,
        max_deadline_ms=3_600_000,
    )
    return Task(
        spec=spec,
        instance="pod-1",
        state=TaskState.OPEN,
        is_alive=True,
        opened_at_ms=NOW_MS,
        deadline_ms=NOW_MS + 600_000,
        agent_seen_ms=NOW_MS + 1_500,
        opener_seen_ms=NOW_MS,
    )


def a_lease() -> Lease:
    """Make a living lease, in its first generation."""
    spec = LeaseSpec(
        id=LEASE,
        task=TASK,
        path=(TASK,),
        actors=("planner", "invoice-bot"),
        agent="invoice-bot",
        instance="pod-1",
        tenant="acme",
        on_behalf_of="alice",
        capability="orders-api",
        backend="jwt",
        audience=AUDIENCE,
        scopes=("orders:list", "orders:read"),
        evidence_issuer="https://issuer.example",
        locator=LEASE,
        key_id="k1",
        trace=Trace(policy_version="p1", facts_revision=4, policies=("base.0",)),
    )
    return Lease(
        spec=spec,
        state=LeaseState.ACTIVE,
        is_alive=True,
        generation=1,
        issued_at_ms=NOW_MS,
        expires_at_ms=NOW_MS + 300_000,
        max_expires_at_ms=NOW_MS + 600_000,
    )


_PLACED: Final[dict[str, Any]] = {
    "above": (),
    "opener": "orchestrator:ci",
    "on_behalf_of": "alice",
    "tickets": ("OPS-1",),
    "resources": (),
}


def an_approval(state: ApprovalState = ApprovalState.PENDING) -> Approval:
    """Make one that somebody has said yes to."""
    wanted = Wanted(
        tenant="acme",
        agent="invoice-bot",
        instance="pod-1",
        issuer="https://issuer.example",
        subject="subject-of-invoice-bot",
        task=TASK,
        task_name="reconcile-invoices",
        **_PLACED,
        capability="orders-api",
        backend="jwt",
        audience=AUDIENCE,
        target="",
        about="",
        data_class="internal",
        template="",
        asked_scopes=("orders:read",),
        asked_ttl_ms=0,
        scopes=("orders:read",),
        ttl_ms=120_000,
        labels={"because": "a refund"},
        tool=None,
        key=None,
        policy_version="p1",
        engine_version="p1",
        policies=("ask-first",),
        requirements=(Requirement(("oncall",), 2),),
        good_ms=600_000,
    )
    voice = Voice("dana", Answer.YES, "ab" * 32, "https://sso.example", "dana-1", "fine", NOW_MS)
    return Approval(
        id=APPROVAL,
        state=state,
        version=2,
        digest="ab" * 32,
        wanted=wanted,
        asked_at_ms=NOW_MS,
        expires_at_ms=NOW_MS + 600_000,
        judged_at_ms=NOW_MS + 1_000,
        voices=(voice,),
    )


def a_receipt() -> Receipt:
    """Make a receipt of a confirmed death."""
    return Receipt(
        lease=LEASE,
        task=TASK,
        capability="orders-api",
        kind="jwt",
        audience=AUDIENCE,
        state=ReceiptState.CONFIRMED,
        detail="",
        revoked_at_ms=NOW_MS + 1_000,
        expires_at_ms=NOW_MS + 300_000,
    )


def a_revocation(selector: Selector) -> Revocation:
    """Make an order that stands everywhere."""
    return Revocation(
        REVOCATION, selector, "compromised", "operator:olga", NOW_MS, (), ordered_at_ms=NOW_MS
    )


async def a_key_set() -> KeySet:
    """Return the key set that replicas serve."""
    return KeySet({"keys": [{"kty": "OKP", "kid": "k1"}]}, manifest=3, max_age_s=60)
