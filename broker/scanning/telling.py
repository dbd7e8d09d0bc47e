"""What is said of findings, in every form that they are printed in. Never the secret."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from broker.scanning.coverage import Coverage
from broker.scanning.finding import Finding
from broker.scanning.kinds import kind_named
from broker.terminal import shown

_DAY_S: Final = 86_400


def age_of(finding: Finding, now_s: int) -> int | None:
    """Return how many days ago it came there, as far as anybody knows."""
    since = finding.origin.since_s
    return max(0, now_s - since) // _DAY_S if since else None


def owner_of(finding: Finding) -> str:
    """Return who answers for it, harmless to print."""
    return shown(finding.origin.owner) if finding.origin.owner else ""


def mark_of(finding: Finding) -> str:
    """Return what tells a finding from others in one report: of its place, not of its secret."""
    parts = (finding.kind, finding.path, finding.name, finding.commit, str(finding.line))
    text = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:32]


def document(
    findings: Sequence[Finding], coverage: Coverage, accepted: int, now_s: int
) -> dict[str, Any]:
    """Write everything as one JSON document."""
    return {
        "findings": [_told(each, now_s) for each in findings],
        "counts": dict(Counter(each.kind for each in findings)),
        "accepted": accepted,
        "read": dict(coverage.read),
        "left_out": dict(coverage.left_out),
        "unread": coverage.unread,
        "troubles": [{"place": each.place, "why": each.why} for each in coverage.troubles],
    }


def _told(finding: Finding, now_s: int) -> dict[str, Any]:
    return {
        "id": mark_of(finding),
        "path": shown(finding.path),
        "line": finding.line,
        "kind": finding.kind,
        "title": finding.title,
        "rule": finding.rule,
        "surface": finding.surface,
        "name": shown(finding.name) if finding.name else "",
        "preview": finding.preview,
        "beside": {name: shown(value) for name, value in finding.words.items()},
        "commit": finding.commit,
        "age_days": age_of(finding, now_s),
        "age_by": finding.origin.since_by,
        "owner": owner_of(finding),
        "owner_by": finding.origin.owner_by,
        "replaced_by": list(finding.replaced_by),
        "instead": kind_named(finding.kind).instead,
        "rotate": kind_named(finding.kind).rotate,
    }
