"""What the broker's API answers, as in ``docs/api.md``."""

from collections import Counter
from collections.abc import Sequence

from tests.fakes import token_mint as mint

TASK = mint.ROOT
LEASE = mint.LEASE
REVOCATION = "r_03_" + "d" * 26
DECISION = "d_03_" + "e" * 26
_FINDING = {
    "policy": "agents-write-with-ticket",
    "effect": "permit",
    "conditions": [
        {
            "kind": "when",
            "text": "principal.tenant == context.task.tenant",
            "holds": True,
            "error": "",
        },
        {"kind": "unless", "text": "context.task.tickets.isEmpty()", "holds": False, "error": ""},
        {
            "kind": "when",
            "text": "principal.risk == 1",
            "holds": False,
            "error": "no such attribute",
        },
    ],
}
NO_TASKS = {"open": 0, "complete": False, "first": [], "all": "/v1/tasks?agent=invoice-bot"}
NO_CREDENTIALS = {
    "live": 0,
    "complete": True,
    "capabilities": {},
    "next_expiry": None,
    "last_issued_at": None,
}


def task(**changes: object) -> dict[str, object]:
    """Return a task."""
    return {
        "id": TASK,
        "name": "reconcile-invoices",
        "tenant": "acme",
        "agent": "invoice-bot",
        "instance": "pod-1",
        "opener": "orchestrator:ci",
        "on_behalf_of": "",
        "delegated_by": "",
        "ceiling": [{"capability": "orders-api", "scopes": ["orders:read"]}],
        "tickets": ["OPS-1"],
        "resources": [],
        "audiences": None,
        "max_levels": None,
        "max_children": None,
        "max_below": None,
        "parent": "",
        "path": [TASK],
        "state": "open",
        "alive": True,
        "opened_at": "2026-11-24T05:00:00.123Z",
        "deadline": "2026-11-24T05:10:00.123Z",
        "idle_timeout_seconds": 30,
        "agent_seen_at": "2026-11-24T05:00:00.123Z",
        "opener_seen_at": None,
        "closed_at": None,
        "ended_by": "",
        "closed_by": "",
        "frozen": False,
        "frozen_at": None,
        "frozen_by": "",
        "frozen_reason": "",
        **changes,
    }


def credential(**changes: object) -> dict[str, object]:
    """Return what is shown of a credential."""
    return {
        "id": mint.LEASE,
        "task": TASK,
        "kind": "jwt",
        "capability": "orders-api",
        "audience": "https://orders.example",
        "scope": "orders:read",
        "issued_at": "2026-11-24T05:00:00.123Z",
        "expires_at": "2026-11-24T05:05:00.000Z",
        "max_expires_at": "2026-11-24T05:10:00.000Z",
        "generation": 1,
        "renewable": True,
        "state": "active",
        "alive": True,
        "ended_at": None,
        "ended_by": "",
        "decision": {"policies": ["agents-read"], "policy_version": "v1", "facts_revision": 3},
        **changes,
    }


def issued() -> dict[str, object]:
    """Return a delivered credential."""
    shown = credential()
    hidden = ("state", "alive", "ended_at", "ended_by", "decision")
    return {name: value for name, value in shown.items() if name not in hidden} | {
        "access_token": "canary-token",
        "token_type": "Bearer",
        "expires_in": 300,
    }


def receipt(**changes: object) -> dict[str, object]:
    """Return a receipt."""
    return {
        "credential": mint.LEASE,
        "task": TASK,
        "capability": "orders-api",
        "kind": "jwt",
        "audience": "https://orders.example",
        "state": "confirmed",
        "detail": "",
        "revoked_at": "2026-11-24T05:01:00.000Z",
        "expires_at": "2026-11-24T05:05:00.000Z",
        **changes,
    }


def report(
    *,
    receipts: Sequence[dict[str, object]] | None = None,
    following: str | None = None,
    **of: object,
) -> dict[str, object]:
    """Return one page of a report; without ``receipts`` with a confirmed one."""
    shown = [receipt()] if receipts is None else list(receipts)
    return {
        **(of or {"task": task(state="completed", alive=False)}),
        "durability": "os",
        "counts": Counter(each["state"] for each in shown),
        "receipts": shown,
        "next": following,
    }


def problem(status: int, code: str, **members: object) -> dict[str, object]:
    """Return a problem."""
    kind = f"https://jit-broker.example/problems/{code}"
    return {"type": kind, "title": code.replace("-", " "), "status": status, **members}


def revocation(**changes: object) -> dict[str, object]:
    """Return an operator's order."""
    return {
        "id": REVOCATION,
        "selector": {"agent": "invoice-bot"},
        "reason": "leaked",
        "ordered_by": "operator:alice",
        "ordered_at": "2026-11-24T05:01:00.000Z",
        "issued_before": "2026-11-24T05:01:00.000Z",
        "acknowledged": False,
        "pending_buckets": [7],
        **changes,
    }


HOLD = {"reason": "INC-7", "by": "operator:alice", "at": "2026-11-24T05:00:00.123Z"}


def agent(**changes: object) -> dict[str, object]:
    """Return an agent as it is registered."""
    return {
        "name": "invoice-bot",
        "tenant": "acme",
        "owner": "finance@acme.example",
        "purpose": "reconciles invoices",
        "teams": ["finance"],
        "status": "active",
        "risk": "low",
        "quota": {"limit": 500, "in_use": 3},
        "source": "bundle",
        "hold": None,
        "review_by": "",
        "review_overdue": False,
        "ceiling": [],
        **changes,
    }


def agent_view(**changes: object) -> dict[str, object]:
    """Return an agent, and what is live of it."""
    return {
        **agent(),
        "tasks": {
            "open": 1,
            "complete": True,
            "first": [task()],
            "all": "/v1/tasks?tenant=acme&agent=invoice-bot&state=open",
        },
        "credentials": {
            "live": 3,
            "complete": True,
            "capabilities": {"orders-api": 2, "reports-read": 1},
            "next_expiry": "2026-11-24T05:05:00.000Z",
            "last_issued_at": "2026-11-24T05:00:00.123Z",
        },
        "cuts": [],
        **changes,
    }


def shadow() -> dict[str, object]:
    """Return what a candidate came to."""
    other = {"direction": "now-refused", "agent": "invoice-bot", "capability": "orders-api"}
    return {
        "is_running": True,
        "digest": "ab" * 32,
        "by": "operator:alice",
        "reason": "OPS-17",
        "started_at": "2026-11-24T05:00:00.123Z",
        "stopped_at": None,
        "outcomes": {"same": 2, "now-refused": 1},
        "differences": [{**other, "count": 1}],
    }


def cut() -> dict[str, object]:
    """Return a cut that stands."""
    return {
        "selector": {"agent": "invoice-bot", "in_tenant": "acme"},
        "issued_before": "2026-11-24T04:00:00.000Z",
        "until": "2026-11-24T13:00:00.000Z",
        "buckets": 16,
        "revocation": REVOCATION,
        "ordered_by": "operator:alice",
        "reason": "leaked",
    }


def decision() -> dict[str, object]:
    """Return a refusal, explained."""
    return {
        "decision": DECISION,
        "tenant": "acme",
        "outcome": "deny",
        "reason": "beyond-ceiling",
        "trace": {
            "policy_version": "v1",
            "facts_revision": 3,
            "policies": [],
            "facts": [],
            "errors": [],
            "missing": ["the task's ceiling covers these"],
        },
        "request": {"action": "RequestCredential", "principal": "agent:invoice-bot"},
        "explained_at_revision": 4,
        "explanation": {
            "outcome": "deny",
            "reason": "beyond-ceiling",
            "policy_version": "v2",
            "facts_revision": 4,
            "determining": [],
            "considered": [_FINDING],
            "facts": [],
            "errors": [],
            "missing": [],
            "truncated": False,
            "obligations": [],
            "graph_revision": 9,
            "until_ms": 1_796_000_000_000,
        },
        "counterfactuals": {
            "to": "permit",
            "sets": [["agent:invoice-bot assigned-to ticket:T-1", "ticket:T-1 is registered"]],
            "is_complete": False,
            "most_steps": 3,
            "steps": 12,
            "tried": 1000,
        },
    }


def granted(**changes: object) -> dict[str, object]:
    """Return a credential's grant, explained: it ended by what is still so."""
    refused = decision()
    why = {"reason": "no-permit", "policies": [], "missing": ["a ticket"], "revision": 4}
    why |= {"gone": ["agent:invoice-bot assigned-to ticket:T-1"], "facts_revision": 7}
    return {
        "credential": LEASE,
        "tenant": "acme",
        "state": "ended",
        "alive": False,
        "ended_by": "no-longer-granted",
        "trace": {
            "policy_version": "v1",
            "facts_revision": 3,
            "policies": ["agents-read"],
            "facts": ["agent:invoice-bot assigned-to ticket:T-1"],
            "errors": [],
            "missing": [],
        },
        "request": refused["request"],
        "used": {"seen_at": None, "said_times": 12, "said_at": "2027-01-15T08:00:00.000Z"},
        "explained_at_revision": 4,
        "explained_at_facts_revision": 9,
        "granted_now": False,
        "no_longer": why,
        "explanation": refused["explanation"],
        "counterfactuals": refused["counterfactuals"],
        "why": why,
        **changes,
    }


FINDING = f"f_07_{'f' * 26}"


def finding(**changes: object) -> dict[str, object]:
    """Show a finding."""
    return {
        "id": FINDING,
        "detector": "denial-burst",
        "action": "freeze",
        "tenant": "acme",
        "agent": "invoice-bot",
        "found_at": "2027-01-15T08:00:00.000Z",
        "count": 20,
        "limit": 20,
        "what": "",
        "tasks": [TASK],
        "evidence": [4, 7],
        "did": [f"froze {TASK}"],
        "done_at": "2027-01-15T08:00:00.100Z",
        "acknowledged_by": "",
        "acknowledged_at": None,
        "acknowledged_reason": "",
        **changes,
    }


def findings() -> dict[str, object]:
    """Show a page of findings."""
    return {"findings": [finding()], "next": None}
