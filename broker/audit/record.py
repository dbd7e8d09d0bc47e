"""One line of the audit trail.

Lines are ASCII and escape every control character, so that no value can break a line or a terminal
(F13), and each carries the digest of the line before it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.audit.fields import allowed
from broker.audit.shapes import LATEST_MS
from broker.clock import rfc3339
from broker.store.feed_cursors import Cursor
from broker.store.feed_entry import LogEntry
from broker.store.feed_keys import bucket_tag

GENESIS: Final = "0" * 64
"""The ``prev`` of a trail's first line."""

GAP: Final = "audit.gap"
"""The type of a line that stands for entries that the feed log no longer had."""

_ENCODER: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end, and where the trail stands with it."""

    data: bytes
    at: Cursor


def line_of(entry: LogEntry, before: Cursor) -> Line:
    """Write the line that records an entry after the one that stands at ``before``."""
    change = entry.change
    head = {
        "seq": entry.seq,
        "epoch": before.epoch,
        "at": rfc3339(min(change.at_ms, LATEST_MS)),
        "type": change.type,
        "tenant": change.tenant,
        "bucket": bucket_tag(change.bucket) if change.bucket >= 0 else "",
        "n": change.n,
        "op": change.op,
    }
    return _line({**head, **_detail(change.type, change.detail)}, before)


def gap_line(up_to: int, before: Cursor, at_ms: int) -> Line:
    """Write the line that says that what came after ``before`` up to ``up_to`` was lost."""
    record = {
        "seq": up_to,
        "epoch": before.epoch,
        "at": rfc3339(at_ms),
        "type": GAP,
        "lost_from": before.seq + 1,
        "lost_to": up_to,
    }
    return _line(record, before)


def encode(record: Mapping[str, object]) -> bytes:
    """Write a record in the one way in which it is written."""
    return _ENCODER.encode(record).encode("ascii")


def digest(line: bytes) -> str:
    """Return what the next line says of this one (without its end)."""
    return hashlib.sha256(line).hexdigest()


def _line(record: Mapping[str, object], before: Cursor) -> Line:
    data = encode({**record, "prev": before.head})
    return Line(data, Cursor(int(str(record["seq"])), before.epoch, digest(data)))


def _detail(kind: str, detail: str) -> dict[str, object]:
    """Read the detail; one that is no JSON object is recorded as that, and stops nobody (A4)."""
    try:
        found = json.loads(detail or "{}")
    except (ValueError, RecursionError):
        return {"malformed": True}
    if not isinstance(found, dict):
        return {"malformed": True}
    shown, withheld = allowed(kind, found)
    return {**shown, "withheld": withheld} if withheld else shown
