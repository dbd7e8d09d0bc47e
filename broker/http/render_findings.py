"""Findings as JSON."""

from broker.clock import rfc3339
from broker.model.behaviour import Kept

Json = dict[str, object]


def finding(value: Kept) -> Json:
    """Show one. What an agent can choose in it has passed the door as a name."""
    found = value.finding
    return {
        "id": found.id,
        "detector": found.detector,
        "action": found.action,
        "tenant": found.tenant,
        "agent": found.agent,
        "found_at": rfc3339(found.at_ms),
        "count": found.count,
        "limit": found.limit,
        "what": found.what,
        "tasks": found.tasks,
        "evidence": found.evidence,
        "did": value.did,
        "done_at": rfc3339(value.done_ms) if value.done_ms else None,
        "acknowledged_by": value.acknowledged_by,
        "acknowledged_at": rfc3339(value.acknowledged_ms) if value.acknowledged_ms else None,
        "acknowledged_reason": value.acknowledged_reason,
    }
