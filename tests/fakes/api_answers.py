"""Answers of the API as `docs/api.md` has them, for tests of those who read them."""

from typing import Any

TASK_ID = "t_07_aaaaaaaaaaaaaaaaaaaaaaaaaa"
CREDENTIAL_ID = "l_07_bbbbbbbbbbbbbbbbbbbbbbbbbb"
REVOCATION_ID = "r_07_cccccccccccccccccccccccccc"
DECISION_ID = "d_07_dddddddddddddddddddddddddd"


def task(**changes: Any) -> dict[str, Any]:
    """Answer with an open task."""
    return {
        "id": TASK_ID,
        "name": "reconcile-invoices",
        "tenant": "acme",
        "agent": "invoice-bot",
        "instance": "pod-1",
        "opener": "orchestrator:ci-orchestrator",
        "on_behalf_of": "",
        "ceiling": [{"capability": "orders-api", "scopes": ["orders:read"]}],
        "tickets": ["OPS-1"],
        "resources": [],
        "parent": "",
        "path": [TASK_ID],
        "state": "open",
        "alive": True,
        "opened_at": "2026-11-25T10:00:00.000Z",
        "deadline": "2026-11-25T10:10:00.000Z",
        "idle_timeout_seconds": 30,
        "agent_seen_at": "2026-11-25T10:00:00.250Z",
        "opener_seen_at": "2026-11-25T10:00:00.000Z",
        "closed_at": None,
        "ended_by": "",
        "closed_by": "",
        **changes,
    }


def credential(**changes: Any) -> dict[str, Any]:
    """Answer with a live credential, without the credential itself."""
    return {
        "id": CREDENTIAL_ID,
        "task": TASK_ID,
        "kind": "jwt",
        "capability": "orders-api",
        "audience": "https://orders.example",
        "scope": "orders:read",
        "issued_at": "2026-11-25T10:00:01.000Z",
        "expires_at": "2026-11-25T10:05:01.000Z",
        "max_expires_at": "2026-11-25T10:15:01.000Z",
        "generation": 1,
        "renewable": True,
        "state": "active",
        "alive": True,
        "ended_at": None,
        "ended_by": "",
        "decision": "",
        **changes,
    }


def receipt(**changes: Any) -> dict[str, Any]:
    """Answer with a confirmed receipt."""
    return {
        "credential": CREDENTIAL_ID,
        "task": TASK_ID,
        "capability": "orders-api",
        "kind": "jwt",
        "audience": "https://orders.example",
        "state": "confirmed",
        "detail": "every live subscriber acknowledged",
        "revoked_at": "2026-11-25T10:01:00.000Z",
        "expires_at": "2026-11-25T10:05:01.000Z",
        **changes,
    }


def report(*receipts: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    """Answer with one page of a task's report."""
    states = [each["state"] for each in receipts]
    closed = task(state="completed", alive=False, closed_at="2026-11-25T10:01:00.000Z")
    return {
        "task": closed | {"ended_by": "done", "closed_by": "agent:invoice-bot"},
        "durability": "os",
        "counts": {state: states.count(state) for state in states},
        "receipts": list(receipts),
        "next": following,
    }


def revocation(**changes: Any) -> dict[str, Any]:
    """Answer with an acknowledged order."""
    return {
        "id": REVOCATION_ID,
        "selector": {"agent": "invoice-bot"},
        "reason": "leaked in a log",
        "ordered_by": "operator:alice",
        "issued_before": "2026-11-25T10:02:00.000Z",
        "acknowledged": True,
        "pending_buckets": [],
        **changes,
    }


def problem(status: int, code: str, **members: Any) -> dict[str, Any]:
    """Answer with a problem."""
    kind = f"https://jit-broker.example/problems/{code}"
    return {"type": kind, "title": code.replace("-", " "), "status": status, **members}
