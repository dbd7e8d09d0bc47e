"""What lists are narrowed to. A value that would filter nothing, or everything, is refused."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from broker import text
from broker.behaviour.rules import SIGNAL, Detector
from broker.errors import InvalidRequestError
from broker.governance.records import Status
from broker.http import parse
from broker.ids import parse_lease_id, parse_task_id
from broker.model.behaviour import FindingFilter, FindingState
from broker.model.lease import LeaseState
from broker.model.receipt import ReceiptFilter, ReceiptState
from broker.model.requests import (
    AgentFilter,
    ApprovalFilter,
    LeaseFilter,
    RevocationFilter,
    SelectorKind,
    TaskFilter,
)
from broker.model.task import TaskState

TASKS: Final = (
    "tenant", "agent", "state", "capability", "name", "opened_after", "opened_before",
)  # fmt: skip
"""The filters of the list of tasks."""

FINDINGS: Final = ("tenant", "agent", "detector", "state")
"""The filters of the list of findings."""

AGENTS: Final = ("tenant", "status", "team", "name")
"""The filters of the list of agents."""

APPROVALS: Final = ("task", "agent")
"""The filters of the list of approvals."""

CREDENTIALS: Final = ("state", "capability")
"""The filters of the list of a task's credentials."""

REVOCATIONS: Final = (
    "tenant", "ordered_by", "of", "acknowledged", "ordered_after", "ordered_before",
)  # fmt: skip
"""The filters of the list of orders."""

RECEIPTS: Final = ("state", "capability", "kind", "credential")
"""The filters of reports."""

_TRUTH: Final[Mapping[str, bool]] = {"true": True, "false": False}

_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,3})?Z", re.ASCII
)


def tasks(found: Mapping[str, str]) -> TaskFilter:
    """Read which tasks to list.

    Raises:
        InvalidRequestError: a value cannot be, or no task can be opened after the one instant and
            before the other.
    """
    after, before = _span(found, "opened_after", "opened_before")
    return TaskFilter(
        tenant=_name(found, "tenant"),
        agent=_name(found, "agent"),
        state=_word(found, "state", TaskState),
        capability=_name(found, "capability"),
        name=_glob(found, "name"),
        opened_after_ms=after,
        opened_before_ms=before,
    )


def findings(found: Mapping[str, str]) -> FindingFilter:
    """Read which findings to list.

    Raises:
        InvalidRequestError: a value cannot be.
    """
    return FindingFilter(
        tenant=_name(found, "tenant"),
        agent=_name(found, "agent"),
        detector=_detector(found),
        state=_word(found, "state", FindingState),
    )


def approvals(found: Mapping[str, str]) -> ApprovalFilter:
    """Read which approvals to list.

    Raises:
        InvalidRequestError: a value cannot be.
    """
    task = parse_task_id(found["task"]) if "task" in found else None
    return ApprovalFilter(task, _name(found, "agent"))


def agents(found: Mapping[str, str]) -> AgentFilter:
    """Read which agents to list.

    Raises:
        InvalidRequestError: a value cannot be.
    """
    return AgentFilter(
        tenant=_name(found, "tenant"),
        status=_word(found, "status", Status),
        team=_name(found, "team"),
        name=_glob(found, "name"),
    )


def credentials(found: Mapping[str, str]) -> LeaseFilter:
    """Read which credentials to list.

    Raises:
        InvalidRequestError: a value cannot be.
    """
    return LeaseFilter(
        state=_word(found, "state", LeaseState), capability=_name(found, "capability")
    )


def revocations(found: Mapping[str, str]) -> RevocationFilter:
    """Read which orders to list.

    Raises:
        InvalidRequestError: a value cannot be, or no order can be given after the one instant and
            before the other.
    """
    after, before = _span(found, "ordered_after", "ordered_before")
    return RevocationFilter(
        tenant=_name(found, "tenant"),
        ordered_by=_name(found, "ordered_by"),
        of=_word(found, "of", SelectorKind),
        acknowledged=_truth(found, "acknowledged"),
        ordered_after_ms=after,
        ordered_before_ms=before,
    )


def receipts(found: Mapping[str, str]) -> ReceiptFilter:
    """Read which receipts of a report to show.

    Raises:
        InvalidRequestError: a value cannot be.
    """
    return ReceiptFilter(
        state=_word(found, "state", ReceiptState),
        capability=_name(found, "capability"),
        kind=_name(found, "kind"),
        credential=_lease(found, "credential"),
    )


def _name(found: Mapping[str, str], field: str) -> str:
    return text.parse_name(found[field], field=field) if field in found else ""


def _lease(found: Mapping[str, str], field: str) -> str:
    return parse_lease_id(found[field], field=field) if field in found else ""


def _glob(found: Mapping[str, str], field: str) -> str:
    return parse.glob(found[field], field) if field in found else ""


def _word(found: Mapping[str, str], field: str, allowed: type[StrEnum]) -> str:
    given = found.get(field, "")
    if field in found and given not in frozenset(allowed):
        raise InvalidRequestError(f"use one of: {', '.join(allowed)}", field=field)
    return given


def _detector(found: Mapping[str, str]) -> str:
    is_signal = found.get("detector") == SIGNAL
    return SIGNAL if is_signal else _word(found, "detector", Detector)


def _truth(found: Mapping[str, str], field: str) -> bool | None:
    """Read a yes or no; None when there is none."""
    if field not in found:
        return None
    if found[field] not in _TRUTH:
        raise InvalidRequestError(f"use one of: {', '.join(_TRUTH)}", field=field)
    return _TRUTH[found[field]]


def _span(found: Mapping[str, str], after: str, before: str) -> tuple[int, int]:
    """Read two instants, of which the second is later; each 0 when there is none."""
    begin, end = _instant(found, after), _instant(found, before)
    if begin and end and begin >= end:
        raise InvalidRequestError(f"must be later than {after}", field=before)
    return begin, end


def _instant(found: Mapping[str, str], field: str) -> int:
    """Read an instant in milliseconds; 0 when there is none."""
    return instant(found[field], field) if field in found else 0


def instant(given: str, field: str) -> int:
    """Read an instant in milliseconds.

    Raises:
        InvalidRequestError: it is none.
    """
    wrong = InvalidRequestError("use RFC 3339 in UTC, as in 2027-01-15T08:00:00Z", field=field)
    if _INSTANT.fullmatch(given) is None:
        raise wrong
    try:
        read = datetime.fromisoformat(given).astimezone(UTC)
    except ValueError as error:
        raise wrong from error
    return round(read.timestamp() * 1000)
