"""From receipts to the JSON of ``docs/api.md``."""

from broker.clock import rfc3339
from broker.model.receipt import Receipt

Json = dict[str, object]


def receipt(value: Receipt) -> Json:
    """Show what became of a credential."""
    return (
        {
            "credential": value.lease,
            "task": value.task,
            "capability": value.capability,
            "kind": value.kind,
            "audience": value.audience,
            "state": value.state,
            "detail": value.detail,
            "revoked_at": _instant(value.revoked_at_ms),
            "expires_at": _instant(value.expires_at_ms),
        }
        | _at_target(value)
        | _why(value)
    )


def _at_target(value: Receipt) -> Json:
    if not value.target:
        return {}
    return {
        "target": value.target,
        "attempts": value.attempts,
        "tried_at": _instant(value.tried_ms),
        "next_attempt_at": _instant(value.next_attempt_ms),
        "settled_at": _instant(value.settled_at_ms),
    }


def _why(value: Receipt) -> Json:
    return {} if value.why is None else {"why": value.why.told()}


def _instant(milliseconds: int) -> str | None:
    return rfc3339(milliseconds) if milliseconds else None
