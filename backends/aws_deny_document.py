"""The inline policy of a role by which the broker has its sessions refused: written and read.

One statement denies everything to whoever bears the name of a killed task (``aws:userid``), one
to whatever was issued before an instant (``aws:TokenIssueTime``). An explicit denial outweighs any
allowance (IAM User Guide, "Policy evaluation logic"). Their ``Sid`` carries the ledger's mark.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from backends.deny_lists import Desired

MAX_INLINE: Final = 10_240
"""Characters of all inline policies of a role together, blanks not counted (IAM User Guide, "IAM
and AWS STS quotas")."""

_KILLED: Final = "JitBrokerKilled"
_CUT: Final = "JitBrokerCut"
_SID: Final = re.compile(rf"({_KILLED}|{_CUT})([A-Za-z0-9]{{1,64}})", re.ASCII)
_PATTERN: Final = re.compile(r"\*:([A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)?)(-\*)?", re.ASCII)

_ALL: Final = {"Effect": "Deny", "Action": "*", "Resource": "*"}

Document = Mapping[str, Any]


@dataclass
class Found:
    """What a document says. ``is_whole``: nothing else, and all of it has effect."""

    entries: set[str] = field(default_factory=set)
    issued_before_ms: int = 0
    marks: set[str] = field(default_factory=set)
    is_whole: bool = True

    @property
    def mark(self) -> str:
        """The mark of all its statements; empty where they differ."""
        return next(iter(self.marks)) if len(self.marks) == 1 else ""


def written(desired: Desired) -> str:
    """Write what must stand there, without a blank. It must not be empty."""
    statements: list[Document] = []
    if desired.entries:
        names = [pattern(entry) for entry in sorted(desired.entries)]
        statements.append(_statement(_KILLED, desired.mark, "StringLike", "aws:userid", names))
    if desired.issued_before_ms:
        at = _instant(desired.issued_before_ms)
        statements.append(_statement(_CUT, desired.mark, "DateLessThan", "aws:TokenIssueTime", at))
    return _compact({"Version": "2012-10-17", "Statement": statements})


def pattern(entry: str) -> str:
    """Say of whom an entry is true: of one session, or of every session of a task.

    Sessions are called ``<task>-<lease>``; an entry is that, or the task alone.
    """
    return f"*:{entry}" if "-" in entry else f"*:{entry}-*"


def weight(entry: str) -> int:
    """Return how many characters an entry takes, with what parts it from the next."""
    return len(pattern(entry)) + len('"",')


def frame(mark_length: int) -> int:
    """Return how many characters everything else takes, a cut-off included."""
    mark = "x" * mark_length
    full = Desired(entries=frozenset({"x"}), issued_before_ms=1, mark=mark)
    return len(written(full)) - weight("x")


def size_of(document: object) -> int:
    """Return how many characters a policy counts for."""
    return len(_compact(document))


def read(document: object) -> Found:
    """Read a document, whoever wrote it."""
    found = Found()
    if not isinstance(document, dict) or document.get("Version") != "2012-10-17":
        found.is_whole = False
    for statement in _statements(document):
        if not (isinstance(statement, dict) and _take(statement, found)):
            found.is_whole = False
    return found


def _statement(
    sid: str, mark: str, operator: str, key: str, value: Sequence[str] | str
) -> dict[str, Any]:
    return {"Sid": f"{sid}{mark}", **_ALL, "Condition": {operator: {key: value}}}


def _statements(document: object) -> Iterator[object]:
    listed = document.get("Statement") if isinstance(document, dict) else None
    yield from listed if isinstance(listed, list) else [listed]


def _take(statement: dict[str, Any], found: Found) -> bool:
    """Take a statement; tell whether it is one of ours, and has its effect."""
    sid = _SID.fullmatch(str(statement.get("Sid", "")))
    found.marks.add(sid[2] if sid else "")
    condition = statement.get("Condition")
    is_ours = sid is not None and {k: statement.get(k) for k in _ALL} == _ALL
    if not isinstance(condition, dict) or len(statement) != len(_ALL) + 2:
        return False
    match condition:
        case {"StringLike": {"aws:userid": names, **other}} if not other and len(condition) == 1:
            return _take_names(names, found) and is_ours
        case {"DateLessThan": {"aws:TokenIssueTime": at, **other}} if not other:
            return _take_cut(at, found) and is_ours and len(condition) == 1
    return False


def _take_names(names: object, found: Found) -> bool:
    listed = names if isinstance(names, list) else [names]
    matches = [_PATTERN.fullmatch(name) if isinstance(name, str) else None for name in listed]
    entries = [match[1] for match in matches if match and ("-" in match[1]) != bool(match[2])]
    found.entries.update(entries)
    return len(entries) == len(listed)


def _take_cut(at: object, found: Found) -> bool:
    try:
        instant = datetime.strptime(str(at), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    found.issued_before_ms = max(found.issued_before_ms, int(instant.timestamp() * 1000))
    return True


def _instant(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _compact(document: object) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
