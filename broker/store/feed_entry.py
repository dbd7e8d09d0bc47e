"""What a ledger script says of a state change, as it lies in an outbox and then in the feed log.

Reading one never fails: an entry that something foreign wrote must not stop the ones behind it.
What cannot be read is empty or 0 here, and its readers say so.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from broker.store.link import Reply

Fields = Mapping[str, str]

_ENTRY_ID: Final = re.compile(r"([0-9]{1,15})-0", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_BUCKET: Final = re.compile(r"[0-9a-f]{2}", re.ASCII)


class OutboxEntry(msgspec.Struct, frozen=True):
    """One state change of one bucket. ``n`` is dense from 1; 0 is no number of ours.

    ``feed`` is the revocation event as JSON, or empty; ``audiences`` names who must hear it,
    space-separated, ``*`` for all; ``exp_ms`` is when it may be forgotten. ``detail`` is a JSON
    object for the audit trail.
    """

    bucket: int
    n: int
    type: str
    at_ms: int
    op: str
    tenant: str
    feed: str
    audiences: str
    exp_ms: int
    detail: str


class LogEntry(msgspec.Struct, frozen=True):
    """One state change with its place in the log; ``seq`` is dense from 1."""

    seq: int
    change: OutboxEntry


def outbox_entry(bucket: int, entry_id: str, fields: Fields) -> OutboxEntry:
    """Read an outbox's stream entry."""
    return _entry(bucket, _number_of(entry_id), fields)


def log_entry(entry_id: str, fields: Fields) -> LogEntry:
    """Read the feed log's stream entry."""
    tag = fields.get("b", "")
    bucket = int(tag, 16) if _BUCKET.fullmatch(tag) else -1
    return LogEntry(_number_of(entry_id), _entry(bucket, _number(fields, "n"), fields))


def pairs(flat: Sequence[str]) -> dict[str, str]:
    """Fold the flat list that Redis answers for a hash or for the fields of a stream entry."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def stream_page(reply: Reply) -> list[tuple[str, dict[str, str]]]:
    """Read what XRANGE answers."""
    return [(entry_id, pairs(flat)) for entry_id, flat in reply]


def _entry(bucket: int, n: int, fields: Fields) -> OutboxEntry:
    return OutboxEntry(
        bucket=bucket,
        n=n,
        type=fields.get("type", ""),
        at_ms=_number(fields, "at"),
        op=fields.get("op", ""),
        tenant=fields.get("tenant", ""),
        feed=fields.get("feed", ""),
        audiences=fields.get("aud", ""),
        exp_ms=_number(fields, "exp"),
        detail=fields.get("detail", ""),
    )


def _number_of(entry_id: str) -> int:
    match = _ENTRY_ID.fullmatch(entry_id)
    return int(match[1]) if match else 0


def _number(fields: Fields, name: str) -> int:
    text = fields.get(name, "")
    return int(text) if _NUMBER.fullmatch(text) else 0
