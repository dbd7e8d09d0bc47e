"""What waits for people, as JSON: what the broker knows itself strictly apart from what others say.

Whoever has asked learns how it stands, and nothing of who is asked. Of a text that the broker did
not write a rendition comes along in which everything that is in it can be seen.
"""

from collections.abc import Iterator

from broker.approving import POLL_MS, Shown
from broker.clock import rfc3339
from broker.http.render import Json
from broker.model.approval import Approval, Requirement, Voice, Wanted
from broker.visible import visible

RETRY_AFTER = str(POLL_MS // 1000)
"""How long to wait before looking again, in seconds."""


def path_of(approval: Approval) -> str:
    """Return where it is looked at."""
    return f"/v1/approvals/{approval.id}"


def waiting(value: Approval) -> Json:
    """Show it to whoever has asked."""
    wanted = value.wanted
    return {
        "id": value.id,
        "state": value.state,
        "task": wanted.task,
        "capability": wanted.capability,
        "scope": " ".join(wanted.scopes),
        "ttl_seconds": wanted.ttl_ms // 1000,
        "digest": value.digest,
        "asked_at": rfc3339(value.asked_at_ms),
        "expires_at": rfc3339(value.expires_at_ms),
        "because": value.because,
        "credential": value.credential,
        "poll": path_of(value),
        "redeem": f"{path_of(value)}/credential",
        "interval_seconds": POLL_MS // 1000,
    }


def shown(value: Shown) -> Json:
    """Show it to whoever may answer it, and to operators."""
    approval = value.approval
    return {
        "id": approval.id,
        "state": approval.state,
        "version": approval.version,
        "digest": approval.digest,
        "asked_at": rfc3339(approval.asked_at_ms),
        "expires_at": rfc3339(approval.expires_at_ms),
        "settled_at": rfc3339(approval.settled_at_ms) if approval.settled_at_ms else None,
        "because": approval.because,
        "credential": approval.credential,
        "may_answer": value.may_answer,
        "who": value.who,
        "known": _known(approval.wanted) | {"agent_record": _agent(value)},
        "said": list(_said(value)),
        "requirements": [
            _requirement(each, is_met=each not in value.lacking)
            for each in approval.wanted.requirements
        ],
        "answers": [_answer(each) for each in approval.voices],
    }


def _known(wanted: Wanted) -> Json:
    """Return what the broker has checked, or has from people who publish it."""
    return {
        "tenant": wanted.tenant,
        "agent": wanted.agent,
        "task": wanted.task,
        "opener": wanted.opener,
        "above": wanted.above,
        "capability": wanted.capability,
        "kind": wanted.backend,
        "audience": wanted.audience,
        "target": wanted.target,
        "about": wanted.about,
        "data_class": wanted.data_class,
        "scope": " ".join(wanted.scopes),
        "ttl_seconds": wanted.ttl_ms // 1000,
        "bound_to": wanted.key.to_claim() if wanted.key else None,
        "usable_seconds": wanted.good_ms // 1000,
        "policies": wanted.policies,
        "policy_version": wanted.policy_version,
    }


def _agent(value: Shown) -> Json | None:
    agent = value.agent
    if agent is None:
        return None
    return {
        "owner": agent.owner,
        "purpose": agent.purpose,
        "status": agent.status,
        "risk": agent.risk,
    }


def _said(value: Shown) -> Iterator[Json]:
    """Yield what others have said, each with who."""
    wanted = value.approval.wanted
    opener = "agent" if wanted.opener.startswith("agent:") else "opener"
    yield _text("evidence", "instance", wanted.instance)
    yield _text("evidence", "subject", wanted.subject)
    yield _text(opener, "task_name", wanted.task_name)
    if wanted.on_behalf_of:
        yield _text(opener, "on_behalf_of", wanted.on_behalf_of)
    for name, texts in (("ticket", wanted.tickets), ("resource", wanted.resources)):
        for text in texts:
            yield _text(opener, name, text)
    for name, text in (wanted.tool.told() if wanted.tool else {}).items():
        yield _text("agent", f"tool {name}", text)
    for name, text in sorted(wanted.labels.items()):
        yield _text("agent", f"label {name}", text)


def _text(by: str, name: str, text: str) -> Json:
    seen = visible(text)
    return {
        "by": by,
        "name": visible(name).shown,
        "text": text,
        "shown": seen.shown,
        "marks": seen.marks,
    }


def _requirement(value: Requirement, *, is_met: bool) -> Json:
    return {
        "groups": value.groups,
        "count": value.count,
        "not_owner": value.not_owner,
        "met": is_met,
    }


def _answer(value: Voice) -> Json:
    return {
        "person": value.person,
        "answer": value.answer,
        "at": rfc3339(value.at_ms),
        "reason": visible(value.reason).shown,
    }
