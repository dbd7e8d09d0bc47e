"""What taking a credential away achieved, lease by lease and in sum."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from broker.ids import LeaseId, TaskId
from broker.model.redecision import NoLonger


class ReceiptState(StrEnum):
    """How far the death of one credential has come (DESIGN §2)."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    PENDING = "pending"
    EXPIRED = "expired"
    IRREVOCABLE = "irrevocable"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one lease. ``confirmed`` means: its target refuses it, and will go on to."""

    lease: LeaseId
    task: TaskId
    capability: str
    kind: str
    audience: str
    state: ReceiptState
    detail: str
    revoked_at_ms: int
    expires_at_ms: int
    target: str = ""
    """Where it lives, if it is no token of ours; then also:"""
    attempts: int = 0
    tried_ms: int = 0
    """When it was last asked for; 0: never."""
    next_attempt_ms: int = 0
    settled_at_ms: int = 0
    why: NoLonger | None = None
    """Why it would not be granted any more, where that ended it: for operators."""


@dataclass(frozen=True, slots=True)
class ReceiptFilter:
    """Which receipts to show; an empty word does not filter.

    One of a record that cannot be read says neither capability nor kind: it may be the one that is
    looked for, so these do not hide it.
    """

    state: str = ""
    capability: str = ""
    kind: str = ""
    credential: str = ""

    def lets_through(self, receipt: Receipt) -> bool:
        """Tell whether a receipt is wanted."""
        return (
            self.state in ("", receipt.state)
            and self.credential in ("", receipt.lease)
            and (not receipt.capability or self.capability in ("", receipt.capability))
            and (not receipt.kind or self.kind in ("", receipt.kind))
        )


ALL_RECEIPTS: Final = ReceiptFilter()


@dataclass(frozen=True, slots=True)
class ReportPage:
    """One page of a report; ``cursor`` is empty on the last one.

    ``counts`` covers this page only: a total over 100,000 leases would be work without a bound.
    """

    receipts: tuple[Receipt, ...]
    counts: Mapping[ReceiptState, int]
    cursor: str
