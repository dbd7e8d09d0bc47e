"""A review as CSV that a spreadsheet reads as text, whatever agents and people have written.

RFC 4180, UTF-8 without a byte order mark (it would be a part of the first heading to most readers),
every cell quoted. A cell that a spreadsheet would take for a formula begins with an apostrophe
there; line ends and other controls are shown by their number.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

_FORMULA: Final = frozenset("=+-@|%'\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What makes a cell a formula, full-width forms included; an apostrophe, so that none is lost."""

COLUMNS: Final = (
    *("review", "packet", "tenant", "owner", "due", "verified", "agent", "source", "status"),
    *("purpose", "risk", "review_by", "ceiling", "granted", "used", "unused", "use_not_known"),
    *("said_used", "said_refused", "last_said"),
    *("denied", "never_granted", "tasks", "children", "handed_on", "credentials", "renewed"),
    *("on_behalf_of", "break_glass", "findings", "suggestion", "suggested_ceiling"),
    *("verdict", "answered_by", "answered_at", "reason", "left", "effect"),
)


def csv_of(whole: Mapping[str, Any]) -> str:
    """Write a whole review, an agent a line."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for each in whole["agents"]:
        row = _row(whole["review"], each)
        writer.writerow([cell(row[name]) for name in COLUMNS])
    return out.getvalue()


def cell(value: object) -> str:
    """Write a value so that no spreadsheet computes it."""
    if isinstance(value, bool | int):
        return str(value)
    text = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in str(value))
    return f"'{text}" if text.lstrip()[:1] in _FORMULA and text.strip() else text


def _row(review: Mapping[str, Any], each: Mapping[str, Any]) -> dict[str, object]:
    entry, header = each["entry"], review["header"]
    answer, effect = each["answer"] or {}, each["effect"] or {}
    return {
        **_used(entry),
        "review": review["id"],
        "packet": review["packet"],
        "tenant": review["tenant"],
        "owner": review["owner"],
        "due": header["due"],
        "verified": header["evidence"]["verified"],
        **{name: entry[name] for name in ("agent", "source", "status", "purpose", "risk")},
        "review_by": entry["review_by"],
        "ceiling": _lines(entry["ceiling"]),
        "suggestion": entry["suggestion"]["verdict"],
        "suggested_ceiling": _lines(entry["suggestion"]["ceiling"]),
        "verdict": answer.get("verdict", ""),
        "answered_by": answer.get("by", ""),
        "answered_at": answer.get("at", ""),
        "reason": answer.get("reason", ""),
        "left": _lines(answer.get("ceiling", ())),
        "effect": effect.get("state", ""),
    }


def _used(entry: Mapping[str, Any]) -> dict[str, object]:
    usage = entry["usage"]
    numbers = ("tasks", "children", "handed_on", "credentials", "renewed", "break_glass")
    return {
        **{name: usage[name] for name in numbers},
        **{name: _counts(usage[name]) for name in ("granted", "used", "denied", "findings")},
        "said_used": _counts(usage.get("said", {})),
        "said_refused": _counts(usage.get("said_refused", {})),
        "last_said": usage.get("last_said", ""),
        "on_behalf_of": _counts(usage["behalf"]),
        "unused": _lines(entry["unused"]),
        "use_not_known": _lines(entry["unknown"]),
        "never_granted": _lines(entry["never"]),
    }


def _lines(lines: Sequence[str]) -> str:
    return "; ".join(lines)


def _counts(counts: Mapping[str, int]) -> str:
    return "; ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
