"""What of an event's detail may stand in the audit trail: a list of what may, not of what may not.

So a secret that ever strays into a detail stays out of the trail (F11), whatever its name is.
"""

from collections.abc import Mapping
from typing import Final

from broker.audit.shapes import Member, Shape, each, flag, instant, maybe, number, object_of, text

Members = Mapping[str, Member]


def _members(shape: Shape, *names: str) -> dict[str, Member]:
    return {name: Member(name, shape) for name in names}


def _instants(*names: str) -> dict[str, Member]:
    return {f"{name}_ms": Member(name, instant) for name in names}


_WORDS: Final = each(text)

_TRACE: Final = object_of(
    _members(text, "policy_version")
    | _members(number, "facts_revision", "graph_revision", "until_ms")
    | _members(_WORDS, "policies", "errors", "missing")
)
"""Without the facts: they are many, and ``explain`` has them."""

_TOOL: Final = {
    "tool": Member("tool", maybe(object_of(_members(text, "name", "origin", "digest"))))
}

_REQUEST: Final = object_of(
    _members(text, "action", "principal", "instance", "task", "task_name", "agent", "capability")
    | _members(_WORDS, "scopes")
    | _members(number, "ttl_ms")
    | _TOOL
)

_CUT: Final = object_of(_members(text, "of", "name", "tenant") | _instants("issued_before"))

_CEILING: Final = each(object_of(_members(text, "capability") | _members(_WORDS, "scopes")))

_BOUNDS: Final = object_of(
    _members(maybe(_WORDS), "audiences") | _members(maybe(number), "levels", "children", "below")
)

_AT_TARGET: Final = _members(
    text, "target", "identity", "locator", "credential", "epoch", "differs"
)

_NO_LONGER: Final = object_of(
    _members(text, "reason")
    | _members(_WORDS, "policies", "missing", "gone")
    | _members(number, "revision", "graph")
)
_LENDER: Final = object_of(
    {"by": Member("by", object_of(_members(text, "name", "kind", "issuer", "subject", "instance")))}
)
_OPS: Final = ("put", "drop", "relate", "unrelate", "hold", "lift")

_APPROVAL: Final = _members(text, "approval", "task", "agent", "capability", "digest")

_LEASE: Final = _members(text, "credential", "task", "agent", "capability")

_SAID_USE: Final = (
    _members(text, "outcome", "credential", "capability", "need", "rule", "method", "host")
    | _members(text, "problem")
    | _members(_WORDS, "scopes")
    | _members(number, "times", "port", "status")
    | _members(flag, "masked")
    | _instants("first_at", "last_at")
)

_GLASS: Final = (
    _members(text, "break_glass", "digest", "task", "agent", "instance", "capability")
    | _members(text, "opener", "reason", "incident")
    | _members(_WORDS, "scopes", "asked_of")
    | _members(number, "ttl_ms")
)

FIELDS: Final[Mapping[str, Members]] = {
    "task.opened": (
        {"id": Member("task", text), "ceiling": Member("ceiling", _CEILING)}
        | _members(
            text, "name", "agent", "opener", "opener_issuer", "opener_instance", "on_behalf_of"
        )
        | _members(_WORDS, "path", "actors", "issuers", "tickets", "resources")
        | {"lender": Member("lender", _LENDER)}
        | _members(number, "idle_ms", "opener_timeout_ms", "max_deadline_ms")
        | {"bounds": Member("bounds", _BOUNDS), "rooms": Member("rooms", each(number))}
    ),
    "task.claimed": _members(text, "task", "agent", "instance"),
    "task.handle-replaced": _members(text, "task", "agent"),
    "task.extended": _members(text, "task", "by") | _members(number, "ttl_ms"),
    "task.activity-lost": _members(text, "task", "field"),
    "task.closed": _members(text, "task", "state", "ended_by", "closed_by"),
    "task.frozen": _members(text, "task", "agent", "by", "reason") | {"cut": Member("cut", _CUT)},
    "task.thawed": _members(text, "task", "agent", "by", "reason"),
    "use.late": _members(
        text, "task", "credential", "agent", "instance", "capability", "how", "ended_by"
    ),
    "use.foreign": _members(text, "task", "agent", "instance"),
    "use.said": (
        _members(text, "task", "agent", "instance", "said_by")
        | _members(number, "untold")
        | {"uses": Member("uses", each(object_of(_SAID_USE)))}
    ),
    "behaviour.found": (
        _members(text, "finding", "detector", "action", "agent", "what")
        | _members(_WORDS, "tasks", "did")
        | _members(number, "count", "limit")
        | {"evidence": Member("evidence", each(number))}
    ),
    "lease.issued": (
        {"id": Member("credential", text), "trace": Member("trace", _TRACE)}
        | _members(
            text, "task", "agent", "instance", "on_behalf_of", "capability", "backend", "audience"
        )
        | _members(text, "delegated_by")
        | _members(text, "evidence_issuer", "locator", "key_id", "origin")
        | {"target": Member("target", object_of(_members(text, "name", "identity")))}
        | {
            "approved": Member(
                "approved", object_of(_members(text, "approval") | _members(_WORDS, "voices"))
            )
        }
        | _members(_WORDS, "path", "actors", "scopes")
        | _TOOL
        | _instants("issued_at", "expires_at")
    ),
    "approval.requested": (
        _APPROVAL
        | _members(_WORDS, "who", "requirements", "scopes")
        | _members(number, "ttl_ms")
        | _members(text, "audience")
        | {"issued_at_ms": Member("asked_at", instant)}
        | _instants("expires_at")
    ),
    "approval.answered": (
        _APPROVAL | _members(text, "answer", "by", "state") | _instants("expires_at")
    ),
    "approval.used": _APPROVAL | _members(text, "credential"),
    "approval.expired": _APPROVAL | _members(text, "because", "was"),
    "approval.superseded": _APPROVAL | _members(text, "because", "was", "by"),
    "lease.used": _LEASE | _members(text, "audience", "seen_by") | _members(_WORDS, "scopes"),
    "lease.renewed": _LEASE | _instants("issued_at", "expires_at"),
    "lease.ended": (
        _LEASE | _members(text, "audience", "ended_by") | {"why": Member("why", _NO_LONGER)}
    ),
    "lease.dead": (
        _members(text, "credential", "task", "capability", "target", "state")
        | _members(number, "tries")
    ),
    "reconcile.ordered": _AT_TARGET | _members(text, "by", "reason", "digest"),
    "orphan.killed": _AT_TARGET | _members(text, "state"),
    "list.ordered": (
        _members(text, "target", "identity", "list", "document", "by", "reason")
        | _members(number, "missing", "left_over")
    ),
    "list.mended": _members(text, "target", "identity", "list", "state"),
    "notice.given-up": _members(text, "receiver", "message", "event", "why"),
    "breakglass.requested": _GLASS,
    "breakglass.confirmed": _GLASS | _members(text, "by"),
    "breakglass.alarm": _GLASS | _members(_WORDS, "voices"),
    "breakglass.opened": _GLASS | _members(_WORDS, "alarm", "troubles"),
    "breakglass.refused": _GLASS | _members(_WORDS, "troubles"),
    "breakglass.used": _GLASS | _members(text, "credential"),
    "breakglass.ended": _GLASS | _members(text, "by"),
    "breakglass.reviewed": _GLASS | _members(text, "by", "words"),
    "decision.denied": (
        {"trace": Member("trace", _TRACE), "request": Member("request", _REQUEST)}
        | _members(text, "decision", "outcome", "reason")
    ),
    "cut.made": {"cut": Member("cut", _CUT)} | _members(text, "revocation"),
    "revocation.ordered": (
        _members(text, "revocation", "ordered_by", "reason", "of", "value")
        | _members(_WORDS, "tenants")
    ),
    "policy.published": (
        _members(text, "digest", "by", "reason") | _members(number, "revision", "rollback_of")
    ),
    "facts.changed": (
        _members(text, "by", "reason", "source", "digest")
        | _members(_WORDS, "names")
        | _members(number, "revision")
        | {"counts": Member("counts", object_of(_members(number, *_OPS)))}
    ),
    "review.started": (
        _members(text, "review", "owner", "due", "by", "reason", "packet")
        | _members(number, "agents")
    ),
    "review.answered": (
        _members(text, "review", "agent", "verdict", "reason", "packet", "by", "issuer", "subject")
        | _members(text, "evidence", "review_by")
        | _members(_WORDS, "ceiling")
    ),
    "review.effected": (
        _members(text, "review", "agent", "verdict", "state", "told") | _members(number, "revision")
    ),
    "review.overdue": _members(text, "review", "owner", "due"),
    "keys.changed": _members(text, "step", "kid", "by", "reason") | _members(number, "manifest"),
}
"""By event type. An event of another type is recorded without its detail."""

REPEATED: Final = frozenset({"tenant"})
"""What details say although the event itself says it."""


def allowed(kind: str, detail: Mapping[str, object]) -> tuple[dict[str, object], int]:
    """Take out of a detail what may be written, and count what is withheld."""
    members = FIELDS.get(kind, {})
    shown: dict[str, object] = {}
    withheld = 0
    for key, value in detail.items():
        member = members.get(key)
        if member is None:
            withheld += key not in REPEATED
            continue
        try:
            shown[member.name] = member.shape(value)
        except (TypeError, ValueError):
            withheld += 1
    return shown, withheld
