"""The samples as ``docs/api.md`` shows them, and a way to ask for them."""

from typing import Any

from aiohttp import ClientSession

from broker.http.paging import seal
from tests.fakes.samples import AUDIENCE, CREDENTIAL, LEASE, REVOCATION, TASK
from tests.fakes.services import CALLERS

AGENT = {"Authorization": "Bearer token-of-agent"}
OPERATOR = {"Authorization": "Bearer token-of-operator"}
RESOURCE = {"Authorization": "Bearer token-of-resource"}

TASK_JSON = {
    "id": TASK,
    "name": "reconcile-invoices",
    "tenant": "acme",
    "agent": "invoice-bot",
    "instance": "pod-1",
    "opener": "orchestrator:ci",
    "on_behalf_of": "alice",
    "delegated_by": "",
    "ceiling": [{"capability": "orders-api", "scopes": ["orders:list", "orders:read"]}],
    "tickets": ["OPS-1"],
    "resources": ["dataset:orders"],
    "audiences": None,
    "max_levels": None,
    "max_children": None,
    "max_below": None,
    "parent": "",
    "path": [TASK],
    "state": "open",
    "alive": True,
    "opened_at": "2027-01-15T08:00:00.000Z",
    "deadline": "2027-01-15T08:10:00.000Z",
    "idle_timeout_seconds": 30,
    "agent_seen_at": "2027-01-15T08:00:01.500Z",
    "opener_seen_at": "2027-01-15T08:00:00.000Z",
    "closed_at": None,
    "ended_by": "",
    "closed_by": "",
    "frozen": False,
    "frozen_at": None,
    "frozen_by": "",
    "frozen_reason": "",
}
LEASE_JSON = {
    "id": LEASE,
    "task": TASK,
    "kind": "jwt",
    "capability": "orders-api",
    "audience": AUDIENCE,
    "scope": "orders:list orders:read",
    "expires_at": "2027-01-15T08:05:00.000Z",
    "max_expires_at": "2027-01-15T08:10:00.000Z",
    "issued_at": "2027-01-15T08:00:00.000Z",
    "generation": 1,
    "renewable": True,
}
RECORD_JSON = LEASE_JSON | {
    "state": "active",
    "alive": True,
    "ended_at": None,
    "ended_by": "",
    "decision": {"policies": ["base.0"], "policy_version": "p1", "facts_revision": 4},
}
ISSUED_JSON = LEASE_JSON | {
    "access_token": CREDENTIAL,
    "token_type": "Bearer",
    "expires_in": 300,
}
RECEIPT_JSON = {
    "credential": LEASE,
    "task": TASK,
    "capability": "orders-api",
    "kind": "jwt",
    "audience": AUDIENCE,
    "state": "confirmed",
    "detail": "",
    "revoked_at": "2027-01-15T08:00:01.000Z",
    "expires_at": "2027-01-15T08:05:00.000Z",
}
REVOCATION_JSON = {
    "id": REVOCATION,
    "selector": {"agent": "invoice-bot", "in_tenant": "acme"},
    "reason": "compromised",
    "ordered_by": "operator:olga",
    "ordered_at": "2027-01-15T08:00:00.000Z",
    "issued_before": "2027-01-15T08:00:00.000Z",
    "acknowledged": True,
    "pending_buckets": [],
}


def sealed(place: str, headers: dict[str, str], path: str, **filters: str) -> str:
    """Write a cursor as this caller would have been given it for this list."""
    who = CALLERS[headers["Authorization"].partition(" ")[2]]
    return seal(place, f"{who.issuer} {who.ref} {who.instance}", path, filters)


async def call(
    client: ClientSession, method: str, path: str, headers: dict[str, str], body: object = None
) -> tuple[int, Any, dict[str, str]]:
    """Send a request; return status, JSON and headers."""
    async with client.request(method, path, headers=headers, json=body) as answer:
        assert answer.content_type == "application/json"
        return answer.status, await answer.json(), dict(answer.headers)
