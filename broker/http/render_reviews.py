"""Reviews as JSON (``docs/api.md``). The packet's digest is of ``header`` and each ``entry``."""

import msgspec

from broker.clock import rfc3339
from broker.http.render import Json
from broker.review_effects import Review
from broker.reviewing import Reviewed


def review(value: Review) -> Json:
    """Show what holds for a packet, and how far it is answered."""
    kept = value.kept
    return {
        "id": kept.id,
        "tenant": kept.tenant,
        "owner": kept.owner,
        "state": kept.state,
        "started_at": rfc3339(kept.started_ms),
        "due_at": rfc3339(kept.due_ms),
        "overdue_at": rfc3339(kept.overdue_ms) if kept.overdue_ms else None,
        "packet": kept.digest,
        "agents": kept.agents,
        "answered": kept.answered,
        "header": msgspec.to_builtins(value.header),
    }


def reviewed(value: Reviewed) -> Json:
    """Show an agent of a packet, what was answered about it, and what came of that."""
    answer = None if value.answer is None else msgspec.to_builtins(value.answer)
    if answer is not None:
        answer = {
            "ceiling": (),
            "review_by": "",
            "signature": "",
            **answer,
            "at": rfc3339(value.at_ms),
        }
    effect = None if value.effect is None else msgspec.to_builtins(value.effect)
    if effect is not None:
        effect = {"to_do": (), "revision": 0, **effect}
    return {"entry": msgspec.to_builtins(value.entry), "answer": answer, "effect": effect}
