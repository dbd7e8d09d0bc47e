"""Facts as the JSON of ``docs/api.md``."""

from broker.clock import rfc3339
from broker.fact_history import EntryPage, EntryView, Noted
from broker.fact_orders import Outcome
from broker.fact_reach import ReachPage
from broker.fact_views import Related, Seen, ThingView
from broker.facts.change import (
    Change,
    DropThing,
    HoldThing,
    LiftHold,
    PutThing,
    Relate,
    Unrelate,
)
from broker.facts.reach import Reached
from broker.http.render import Json
from broker.model.fact import Hold, Ref, Relationship, Thing
from broker.preview import Doomed


def thing(value: Seen) -> Json:
    """Show a thing."""
    of = value.thing
    return {
        "ref": str(of.ref),
        "kind": of.kind,
        "tenant": of.tenant,
        "name": of.name,
        "source": of.source,
        "stands": value.stands,
        "status": of.status,
        "owner": of.owner,
        "purpose": of.purpose,
        "risk": of.risk,
        "data_class": of.data_class,
        "review_by": of.review_by,
        "origin": of.origin,
        "identities": [_identity(pair) for pair in of.identities],
        "ceiling": of.ceiling,
        "quota": of.quota or None,
        "hold": hold(of.hold),
    }


def view(value: ThingView) -> Json:
    """Show a thing with its relationships both ways."""
    return thing(value.seen) | {
        "up": [relationship(each) for each in value.up],
        "down": [relationship(each) for each in value.down],
        "complete": value.is_complete,
        "revision": value.revision,
    }


def relationship(value: Related) -> Json:
    """Show a relationship."""
    edge = value.relationship
    return {
        "tenant": edge.subject.tenant,
        "subject": str(edge.subject),
        "relation": edge.relation,
        "object": str(edge.object),
        "source": edge.source,
        "counts": value.counts,
        "expires_at": rfc3339(edge.expires_at_ms) if edge.expires_at_ms else None,
    }


def reach(value: ReachPage, following: str | None) -> Json:
    """Show what is reached, each with a way."""
    return {
        "of": str(value.of),
        "tenant": value.of.tenant,
        "direction": value.direction,
        "reached": [_reached(each) for each in value.ways],
        "complete": value.is_whole,
        "revision": value.revision,
        "next": following,
    }


def outcome(value: Outcome) -> Json:
    """Show what became of a change."""
    return {
        "revision": value.revision,
        "dry_run": value.is_dry,
        "changes": value.changes,
        "deaths": value.deaths,
        "unsure": value.unsure,
        "dying": [_dying(each) for each in value.dying],
        "digest": value.digest,
        "complete": value.is_complete,
    }


def entry(value: Noted) -> Json:
    """Show who made a revision, when and why, and how much of what it changed."""
    return {
        "revision": value.revision,
        "at": rfc3339(value.at_ms),
        "by": value.by,
        "reason": value.reason,
        "source": value.source,
        "counts": value.counts,
        "names": value.names,
    }


def entry_view(value: EntryView, following: str | None) -> Json:
    """Show a revision with one page of its changes."""
    return entry(value.noted) | {
        "changes": [change(each) for each in value.changes],
        "next": following,
    }


def entries(value: EntryPage) -> list[Json]:
    """Show a page of the history."""
    return [entry(each) for each in value.entries]


def change(value: Change) -> Json:
    """Write a change as the API takes it."""
    match value:
        case PutThing(thing=put):
            return {"op": "put", "tenant": put.tenant, "thing": _put(put)}
        case Relate(relationship=edge):
            return _related("relate", edge)
        case Unrelate(subject=subject, relation=relation, object=object_):
            return _related("unrelate", Relationship(subject, relation, object_))
        case DropThing(ref=ref, cascade=cascade):
            return _of("drop", ref) | ({"cascade": True} if cascade else {})
        case HoldThing(ref=ref):
            return _of("hold", ref)
        case LiftHold(ref=ref):
            return _of("lift", ref)


def _of(op: str, ref: Ref) -> Json:
    return {"op": op, "tenant": ref.tenant, "ref": str(ref)}


def _related(op: str, edge: Relationship) -> Json:
    both: Json = {
        "subject": str(edge.subject),
        "relation": edge.relation,
        "object": str(edge.object),
    }
    if edge.expires_at_ms:
        both["expires_at"] = rfc3339(edge.expires_at_ms)
    return {"op": op, "tenant": edge.subject.tenant, "relationship": both}


def _put(value: Thing) -> Json:
    said: Json = {
        "status": value.status,
        "owner": value.owner,
        "purpose": value.purpose,
        "risk": value.risk,
        "data_class": value.data_class,
        "review_by": value.review_by,
        "origin": value.origin,
        "identities": [_identity(pair) for pair in value.identities],
        "ceiling": value.ceiling,
        "quota": value.quota,
    }
    return {"ref": str(value.ref), **{name: each for name, each in said.items() if each}}


def _identity(pair: str) -> Json:
    issuer, _, subject = pair.partition(" ")
    return {"issuer": issuer, "subject": subject}


def hold(value: Hold | None) -> Json | None:
    """Show who stopped it, when and why."""
    if value is None:
        return None
    return {"reason": value.reason, "by": value.by, "at": rfc3339(value.at_ms)}


def _reached(value: Reached) -> Json:
    return {
        "ref": str(value.ref),
        "kind": value.ref.kind,
        "tenant": value.ref.tenant,
        "name": value.ref.name,
        "through": [
            {"subject": str(e.subject), "relation": e.relation, "object": str(e.object)}
            for e in value.path
        ],
    }


def _dying(value: Doomed) -> Json:
    return {
        "credential": value.lease,
        "task": value.task,
        "agent": value.agent,
        "tenant": value.tenant,
        "capability": value.capability,
        "expires_at": rfc3339(value.expires_at_ms),
        "reason": value.why.in_brief(),
    }
