"""One line of the audit trail.

Lines are ASCII and escape every control character, so that no value can break a line or a terminal
(F13), and each carries the digest of the line before it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

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
    head: dict[str, object] = {
        "seq": entry.seq,
        "epoch": before.epoch,
        "at": rfc3339(min(change.at_ms, LATEST_MS)),
        "type": change.type,
        "tenant": change.tenant,
        "bucket": bucket_tag(change.bucket) if change.bucket >= 0 else "",
        "n": change.n,
        "op": change.op,
    }
    head |= _detail(change.type, change.detail)
    return _line(head, entry.seq, before)


def gap_line(up_to: int, before: Cursor, at_ms: int) -> Line:
    """Write the line that says that what came after ``before`` up to ``up_to`` was lost."""
    record: dict[str, object] = {
        "seq": up_to,
        "epoch": before.epoch,
        "at": rfc3339(at_ms),
        "type": GAP,
        "lost_from": before.seq + 1,
        "lost_to": up_to,
    }
    return _line(record, up_to, before)


def encode(record: Mapping[str, object]) -> bytes:
    """Write a record in the one way in which it is written."""
    try:
        quick = msgspec.json.encode(record)
    except (ValueError, OverflowError):
        quick = b"\xff"  # a lone surrogate, or a number beyond 64 bits
    # Of what is ASCII but for DEL both make the same bytes, and a trail has hardly anything else.
    if quick.isascii() and b"\x7f" not in quick:
        return quick
    return _ENCODER.encode(record).encode("ascii")


def digest(line: bytes) -> str:
    """Return what the next line says of this one (without its end)."""
    return hashlib.sha256(line).hexdigest()


def _line(record: dict[str, object], seq: int, before: Cursor) -> Line:
    record["prev"] = before.head
    data = encode(record)
    return Line(data, Cursor(seq, before.epoch, digest(data)))


def _read(detail: str) -> object:
    """Read JSON quickly, or as leniently as Python does."""
    try:
        return msgspec.json.decode(detail)
    except (ValueError, RecursionError):
        return json.loads(detail)


def _detail(kind: str, detail: str) -> dict[str, object]:
    """Read the detail; one that is no JSON object is recorded as that, and stops nobody (A4)."""
    try:
        found = _read(detail or "{}")
    except (ValueError, RecursionError):
        return {"malformed": True}
    if not isinstance(found, dict):
        return {"malformed": True}
    shown, withheld = allowed(kind, found)
    return {**shown, "withheld": withheld} if withheld else shown
