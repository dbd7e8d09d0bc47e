"""Revisions and signing keys as the JSON of ``docs/api.md``."""

from collections.abc import Sequence

from broker.clock import rfc3339
from broker.http.render import Json
from broker.revisions import KeyStates, Revision, ShadowReport
from broker.store.control_record import GoneKey, Publication, PublicKey
from broker.store.replicas import Replica
from broker.store.shadow_ledger import OUTCOMES


def revisions(found: Sequence[Publication]) -> Json:
    """Show a list of revisions. It is short, and has no further page."""
    return {"revisions": [_publication(each) for each in found], "next": None}


def revision(found: Revision) -> Json:
    """Show one revision with what it says."""
    return {**_publication(found.published), "bundle": found.document}


def keys(found: KeyStates) -> Json:
    """Show the signing keys, those that are gone, and who serves what."""
    return {
        "manifest": found.record.manifest,
        "keys": [_key(key) for key in found.record.keys],
        "gone": [_gone(key) for key in found.record.gone],
        "brokers": [_broker(replica) for replica in found.replicas],
    }


def shadow(found: ShadowReport) -> Json:
    """Show which candidate decides beside the published policies, and what it came to."""
    record, counts = found.record, found.counts
    return {
        "is_running": not record.stopped_ms,
        "digest": record.digest,
        "by": record.by,
        "reason": record.reason,
        "started_at": rfc3339(record.at_ms),
        "stopped_at": rfc3339(record.stopped_ms) if record.stopped_ms else None,
        "outcomes": {name: counts.outcomes.get(name, 0) for name in OUTCOMES},
        "differences": [
            {
                "direction": each.direction,
                "agent": each.agent,
                "capability": each.capability,
                "count": count,
            }
            for each, count in sorted(counts.differences.items(), key=lambda pair: -pair[1])
        ],
    }


def _publication(entry: Publication) -> Json:
    return {
        "revision": entry.revision,
        "digest": entry.digest,
        "published_at": rfc3339(entry.at_ms),
        "published_by": entry.by,
        "reason": entry.reason,
        "rollback_of": entry.rollback_of or None,
    }


def _key(key: PublicKey) -> Json:
    since = rfc3339(key.since_ms) if key.since_ms else None
    return {"kid": key.kid, "alg": key.alg, "state": key.state, "since": since}


def _gone(key: GoneKey) -> Json:
    return {
        "kid": key.kid,
        "how": key.how,
        "at": rfc3339(key.at_ms),
        "by": key.by,
        "reason": key.reason,
    }


def _broker(replica: Replica) -> Json:
    serving = replica.serving
    return {
        "name": serving.name,
        "manifest": serving.manifest,
        "revision": serving.revision,
        "can_sign": list(serving.halves),
        "gives_access": serving.is_giving,
        "living": replica.is_living,
        "seen_at": rfc3339(replica.seen_ms),
        "trouble": serving.trouble,
    }
