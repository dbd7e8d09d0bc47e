"""An emergency as JSON. What people wrote stands apart from what the broker knows."""

from broker.clock import rfc3339
from broker.model.break_glass import Glass

Json = dict[str, object]


def shown(value: Glass) -> Json:
    """Show one."""
    spec = value.spec
    return {
        "id": spec.id,
        "state": value.state,
        "digest": value.digest,
        "task": spec.task,
        "tenant": spec.tenant,
        "agent": spec.agent,
        "instance": spec.instance,
        "capability": spec.capability,
        "scopes": spec.scopes,
        "ttl_seconds": spec.ttl_ms // 1000,
        "opener": f"person:{spec.opener}",
        "said": {"reason": spec.reason, "incident": spec.incident},
        "asked_of": [each.in_brief() for each in spec.requirements],
        "voices": [f"person:{name}" for name in value.voices],
        "asked_at": rfc3339(value.asked_ms),
        "confirm_until": rfc3339(value.until_ms),
        "alarm": value.alarm.split(),
        "opened_at": _instant(value.opened_ms),
        "ends_at": _instant(value.ends_ms),
        "credential": value.lease,
        "ended_at": _instant(value.ended_ms),
        "ended_by": value.ended_by,
        "review": {
            "due_at": _instant(value.due_ms),
            "is_owed": value.awaits_review,
            "is_overdue": value.is_overdue,
            "reviewed_at": _instant(value.reviewed_ms),
            "reviewed_by": value.reviewed_by,
            "words": value.words,
        },
    }


def _instant(at_ms: int) -> str | None:
    return rfc3339(at_ms) if at_ms else None
