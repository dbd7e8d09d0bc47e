"""From the broker's values to the JSON of ``docs/api.md``. The only place that reveals a secret."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET

from backends.access_token import actor_chain
from broker.clock import rfc3339
from broker.cuts import StandingCut
from broker.http.paging import seal
from broker.http.query import Window
from broker.http.render_receipts import receipt
from broker.http.services import KeySet, Readiness
from broker.model.decision import Trace
from broker.model.lease import Lease
from broker.model.receipt import ReportPage
from broker.model.requests import (
    Introspected,
    IssuedCredential,
    OpenedTask,
    Revocation,
    Selector,
    SelectorKind,
)
from broker.model.selection import Progress, Selection
from broker.model.task import Task
from broker.proof.confirmation import Binding
from broker.secret import Secret

Json = dict[str, object]

INACTIVE: Final[Mapping[str, object]] = {"active": False}
"""All that introspection says of a token that is not alive for this caller (RFC 7662 §2.2)."""

_encode: Final = msgspec.json.Encoder().encode


def reply(
    value: Mapping[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Answer with JSON."""
    return web.Response(
        body=_encode(value), status=status, headers=headers, content_type="application/json"
    )


def task(value: Task) -> Json:
    """Show a task."""
    spec = value.spec
    return {
        "id": spec.id,
        "name": spec.name,
        "tenant": spec.tenant,
        "agent": spec.agent,
        "instance": value.instance,
        "opener": spec.opener,
        "on_behalf_of": spec.on_behalf_of,
        "delegated_by": spec.delegated_by,
        "ceiling": [
            {"capability": line.capability, "scopes": sorted(line.scopes)} for line in spec.ceiling
        ],
        "tickets": spec.tickets,
        "resources": spec.resources,
        "audiences": spec.bounds.audiences,
        "max_levels": spec.bounds.levels,
        "max_children": spec.bounds.children,
        "max_below": spec.bounds.below,
        "parent": spec.path[-2] if len(spec.path) > 1 else "",
        "path": spec.path,
        "state": value.state,
        "alive": value.is_alive,
        "opened_at": rfc3339(value.opened_at_ms),
        "deadline": rfc3339(value.deadline_ms),
        "idle_timeout_seconds": spec.idle_ms // 1000,
        "agent_seen_at": _instant(value.agent_seen_ms),
        "opener_seen_at": _instant(value.opener_seen_ms),
        "closed_at": _instant(value.closed_at_ms),
        "ended_by": value.ended_by,
        "closed_by": value.closed_by,
        "frozen": value.is_frozen,
        "frozen_at": _instant(value.frozen_at_ms),
        "frozen_by": value.frozen_by,
        "frozen_reason": value.frozen_reason,
    }


def opened(value: OpenedTask) -> Json:
    """Show a task to its opener, with the claim handle if one was made."""
    shown = task(value.task)
    if value.claim_handle is not None:
        shown["claim_handle"] = value.claim_handle.reveal()
    return shown


def lease(value: Lease) -> Json:
    """Show a credential without the credential."""
    return _lease(value) | {
        "state": value.state,
        "alive": value.is_alive,
        "ended_at": _instant(value.ended_at_ms),
        "ended_by": value.ended_by,
        "decision": _decision(value.spec.trace),
    }


def issued(value: IssuedCredential, *, now_ms: int) -> Json:
    """Deliver a credential (RFC 6749 §5.1 names)."""
    left_ms = max(0, value.lease.expires_at_ms - now_ms)
    return (
        _lease(value.lease)
        | {"expires_in": (left_ms + 500) // 1000}
        | _delivered(value.credential, value.lease)
        | ({} if value.reach is UNSET else {"reach": value.reach})
    )


def _delivered(credential: Secret | Mapping[str, Secret], of: Lease) -> Json:
    if isinstance(credential, Secret):
        return {"access_token": credential.reveal(), "token_type": _token_type(of)}
    return {"secret": {name: word.reveal() for name, word in credential.items()}}


def listing(name: str, items: Sequence[Json], following: str | None) -> Json:
    """Show one page of a list."""
    return {name: items, "next": following}


def next_link(path: str, cursor: str, window: Window) -> str | None:
    """Name the page after this one, narrowed as it is; None on the last."""
    if not cursor:
        return None
    sealed = seal(cursor, window.caller, path, window.filters)
    parameters = {**window.filters, "cursor": sealed, "limit": str(window.limit)}
    return f"{path}?{urlencode(parameters)}"


def task_report(of: Task, page: ReportPage, window: Window, durability: str) -> Json:
    """Show one page of what became of a task's credentials."""
    following = next_link(f"/v1/tasks/{of.spec.id}/report", page.cursor, window)
    return {"task": task(of)} | _report(page, following, durability)


def revocation_report(of: Revocation, page: ReportPage, window: Window, durability: str) -> Json:
    """Show one page of what became of the credentials that an operator took away."""
    following = next_link(f"/v1/revocations/{of.id}/report", page.cursor, window)
    return {"revocation": revocation(of)} | _report(page, following, durability)


def revocation(value: Revocation) -> Json:
    """Show an operator's order."""
    return {
        "id": value.id,
        "selector": _selector(value.selector),
        "reason": value.reason,
        "ordered_by": value.ordered_by,
        "ordered_at": rfc3339(value.ordered_at_ms),
        "issued_before": _instant(value.issued_before_ms),
        "acknowledged": value.is_acknowledged,
        "pending_buckets": value.pending_buckets,
    } | _progress(value.progress)


def selection(value: Selection) -> Json:
    """Show a set that an operator has picked."""
    return {
        "digest": value.digest,
        "criteria": _criteria(value),
        "count": value.count,
        "agents": value.agents,
        "capabilities": value.capabilities,
        "unreadable": value.unreadable,
        "taken_at": rfc3339(value.taken_at_ms),
        "taken_by": value.taken_by,
        "issued_before": _instant(value.issued_before_ms),
        "epoch": value.epoch,
    }


def cut(value: StandingCut) -> Json:
    """Show a cut that stands."""
    of = Selector(value.cut.of, value.cut.name, value.cut.tenant)
    return {
        "selector": _selector(of),
        "issued_before": rfc3339(value.issued_before_ms),
        "until": rfc3339(value.until_ms),
        "buckets": value.buckets,
        "revocation": value.revocation,
        "ordered_by": value.ordered_by,
        "reason": value.reason,
    }


def picked(value: Lease) -> Json:
    """Show a credential of a set, as it is now."""
    return lease(value) | {"agent": value.spec.agent, "tenant": value.spec.tenant}


def introspected(value: Introspected, *, issuer: str) -> Json:
    """Tell a resource server of a live token (RFC 7662 §2.2)."""
    spec = value.lease.spec
    bound = {} if spec.confirmation is None else {"cnf": spec.confirmation.to_claim()}
    return bound | {
        "active": True,
        "scope": " ".join(spec.scopes),
        "client_id": spec.agent,
        "token_type": _token_type(value.lease),
        "exp": value.expires_at_s,
        "iat": value.issued_at_s,
        "sub": spec.subject,
        "aud": spec.audience,
        "iss": issuer,
        "jti": value.token_id,
        "act": actor_chain(spec.actors),
        "task": spec.task,
        "agent": spec.agent,
        "capability": spec.capability,
        "tenant": spec.tenant,
    }


def readiness(value: Readiness) -> Json:
    """Show whether the broker is ready, and if not, what to do."""
    return {
        "ready": value.is_ready,
        "mode": value.mode,
        "durability": value.durability,
        "facts": {"revision": value.facts.revision, "age_ms": value.facts.age_ms},
        "reasons": [{"what": each.what, "remedy": each.remedy} for each in value.reasons],
    }


def key_set(value: KeySet, known: Collection[str]) -> web.Response:
    """Show our public keys, with a tag that changes with them; 304 to who knows the tag."""
    body = _encode(value.document)
    tag = f"{value.manifest}-{hashlib.sha256(body).hexdigest()[:32]}"
    headers = {
        hdrs.ETAG: f'"{tag}"',
        hdrs.CACHE_CONTROL: f"public, max-age={value.max_age_s}",
    }
    if tag in known or "*" in known:
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers=headers, content_type="application/json")


def _token_type(value: Lease) -> str:
    """Name how its token is shown (RFC 9449 §5; RFC 8705 §3 leaves a Bearer a Bearer)."""
    bound = value.spec.confirmation
    return "DPoP" if bound is not None and bound.binding is Binding.DPOP else "Bearer"


def _lease(value: Lease) -> Json:
    spec = value.spec
    bound = {} if spec.confirmation is None else {"bound_to": spec.confirmation.to_claim()}
    at = {} if spec.target is None else {"target": spec.target.name}
    emergency = {"break_glass": spec.break_glass} if spec.break_glass else {}
    return (
        bound
        | at
        | emergency
        | {
            "id": spec.id,
            "task": spec.task,
            "kind": spec.backend,
            "capability": spec.capability,
            "audience": spec.audience,
            "scope": " ".join(spec.scopes),
            "expires_at": rfc3339(value.expires_at_ms),
            "max_expires_at": rfc3339(value.max_expires_at_ms),
            "issued_at": rfc3339(value.issued_at_ms),
            "generation": value.generation,
            "renewable": spec.renewable
            and value.is_alive
            and (value.sure_until_ms or value.expires_at_ms) < value.max_expires_at_ms,
        }
    )


def _report(page: ReportPage, following: str | None, durability: str) -> Json:
    return {
        "durability": durability,
        "counts": page.counts,
        "receipts": [receipt(each) for each in page.receipts],
        "next": following,
    }


def _selector(value: Selector) -> Json:
    named: object = True if value.kind is SelectorKind.ALL else value.value
    shown: Json = {value.kind.value: named}
    return shown | {"in_tenant": value.tenant} if value.tenant else shown


def _criteria(value: Selection) -> Json:
    asked = value.criteria
    shown: Json = {
        "agent": asked.agent,
        "capability": asked.capability,
        "issuer": asked.issuer,
        "tenant": asked.tenant,
        "task": asked.task,
        "task_name": asked.task_name,
        "data_class": asked.data_class,
        "older_than_seconds": asked.older_than_ms // 1000,
    }
    return {name: narrows for name, narrows in shown.items() if narrows} or {"all": True}


def _progress(value: Progress | None) -> Json:
    return {} if value is None else {"progress": {"ended": value.ended, "total": value.total}}


def _decision(value: Trace) -> Json:
    return {
        "policies": value.policies,
        "policy_version": value.policy_version,
        "facts_revision": value.facts_revision,
    }


def _instant(instant_ms: int) -> str | None:
    return rfc3339(instant_ms) if instant_ms else None
