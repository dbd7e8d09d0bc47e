"""What `broker keys` says: as documents for programs, and how these look in a terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from broker.cli.screen import Document, fields, rows, stacked
from broker.clock import rfc3339
from broker.drill import Moment
from broker.ids import RevocationId
from broker.rotation import KeyView
from broker.rotation_plan import Obstacle, Step, may_end_ms
from broker.settings.settings import KeyFiles
from broker.signing.key_files import key_file
from broker.store.control_record import ControlRecord, PublicKey
from broker.store.replicas import Replica

KEY_COLUMNS = ("state", "kid", "alg", "since", "file", "ends_after")
REPLICA_COLUMNS = ("name", "manifest", "halves", "gives", "seen", "trouble")
GONE_COLUMNS = ("how", "kid", "at", "by", "reason")


def manifest(record: ControlRecord) -> Document:
    """Describe the published keys."""
    return {
        "manifest": record.manifest,
        "keys": [
            {"kid": key.kid, "alg": key.alg, "state": key.state, "since": _instant(key.since_ms)}
            for key in record.keys
        ],
    }


def keys(document: Document) -> RenderableType:
    """Show the published keys."""
    return rows(document["keys"], ("state", "alg", "kid"), empty="No key is published.")


def described(view: KeyView, step: Step, found: Sequence[Obstacle], settings: KeyFiles) -> Document:
    """Describe the keys, who serves them, and what comes next."""
    record = view.record
    overlap_ms = settings.overlap_seconds * 1000
    return {
        "manifest": record.manifest,
        "keys": [_key(key, settings.directory, overlap_ms) for key in record.keys],
        "brokers": [_replica(replica) for replica in view.replicas],
        "gone": [
            {"kid": g.kid, "how": g.how, "at": _instant(g.at_ms), "by": g.by, "reason": g.reason}
            for g in record.gone
        ],
        "next_step": step.value,
        "waits_for": [each.what for each in found],
    }


def listing(document: Document) -> RenderableType:
    """Show the keys, who serves them, and what comes next."""
    waits = [Text(f"  waits: {line}") for line in document["waits_for"]]
    following = Text(f"Next: broker keys rotate ({document['next_step']})", style="bold")
    return stacked(
        rows(document["keys"], KEY_COLUMNS, empty="No key is published."),
        rows(document["brokers"], REPLICA_COLUMNS, empty="No broker has been heard of."),
        rows(document["gone"], GONE_COLUMNS, empty="No key was retired or revoked yet."),
        following,
        *waits,
    )


def revoked(
    record: ControlRecord, order: RevocationId, pending: Sequence[int], cache_seconds: int
) -> Document:
    """Describe what became of a stolen key."""
    return {
        **manifest(record),
        "revocation": order,
        "acknowledged": not pending,
        "pending_buckets": list(pending),
        "key_sets_forget_it_within_seconds": cache_seconds,
    }


def revocation(document: Document) -> RenderableType:
    """Show what became of a stolen key."""
    names = ("revocation", "acknowledged", "pending_buckets", "key_sets_forget_it_within_seconds")
    return stacked(keys(document), fields(document, names))


def moment(value: Moment) -> Document:
    """Describe one moment of a drill."""
    return {
        "step": value.step,
        "manifest": value.manifest,
        "keys": [{"kid": kid, "state": state} for kid, state in value.keys],
        "served_by": list(value.served_by),
        "verifies": dict(value.verifies),
        "fault": value.fault,
    }


def moment_line(value: Moment) -> str:
    """Say one moment of a drill in a line."""
    shown = ", ".join(f"{state} {kid[:12]}" for kid, state in value.keys)
    verdicts = ", ".join(
        f"token of {kid[:12]} {'verifies' if holds else 'is refused'}"
        for kid, holds in value.verifies
    )
    line = f"{value.step:9} manifest {value.manifest}: {shown}; {verdicts}"
    line += f"; served by {len(value.served_by)} broker(s)"
    return f"{line}\n  NOT AS IT MUST BE: {value.fault}" if value.fault else line


def drilled(told: Sequence[Moment], *, is_good: bool) -> Document:
    """Describe a whole drill."""
    return {"good": is_good, "moments": [moment(each) for each in told]}


def _key(key: PublicKey, directory: Path, overlap_ms: int) -> Document:
    file = key_file(directory, key.kid)
    ends = may_end_ms(key, overlap_ms) if key.state == "retiring" else 0
    return {
        "kid": key.kid,
        "alg": key.alg,
        "state": key.state,
        "since": _instant(key.since_ms),
        "file": str(file) if file.exists() else "not here",
        "ends_after": _instant(ends),
    }


def _replica(replica: Replica) -> Document:
    serving = replica.serving
    return {
        "name": serving.name,
        "manifest": serving.manifest,
        "revision": serving.revision,
        "halves": [kid[:12] for kid in serving.halves],
        "gives": serving.is_giving,
        "living": replica.is_living,
        "seen": f"{replica.silent_ms // 1000} s ago",
        "trouble": serving.trouble,
    }


def _instant(instant_ms: int) -> str | None:
    return rfc3339(instant_ms) if instant_ms else None
