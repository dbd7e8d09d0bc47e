"""What the broker's API answers about approvals (``docs/api.md``), typed. Names are its own."""

from datetime import datetime
from typing import Any

import msgspec

from broker.client.results import Page


class AwaitedApproval(msgspec.Struct, frozen=True, kw_only=True):
    """What its asker learns: how it stands, and where to look again and to get what was asked."""

    id: str
    state: str
    digest: str
    task: str
    capability: str
    scope: str
    ttl_seconds: int
    asked_at: datetime
    expires_at: datetime
    because: str
    credential: str
    poll: str
    redeem: str
    interval_seconds: int


class SaidText(msgspec.Struct, frozen=True, kw_only=True):
    """A text that nobody has checked, and who has written it.

    ``shown`` is fit to be shown: one line in which everything that is hidden in ``text`` is seen.
    """

    by: str
    name: str
    text: str
    shown: str
    marks: tuple[str, ...]


class RequirementView(msgspec.Struct, frozen=True, kw_only=True):
    """So many people of these teams have to agree."""

    groups: tuple[str, ...]
    count: int
    not_owner: bool
    met: bool


class AnswerView(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has answered."""

    person: str
    answer: str
    at: datetime
    reason: str


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """What an approver, or an operator, sees.

    ``known`` is what the broker has checked; ``said`` what others have written, and nobody has.
    A yes is to this very ``digest`` and ``version``.
    """

    id: str
    state: str
    version: int
    digest: str
    asked_at: datetime
    expires_at: datetime
    settled_at: datetime | None
    because: str
    credential: str
    may_answer: bool
    who: tuple[str, ...] = ()
    """Who may answer, the first of them; told to operators only."""
    known: dict[str, Any]
    said: tuple[SaidText, ...]
    requirements: tuple[RequirementView, ...]
    answers: tuple[AnswerView, ...]


class ApprovalPage(Page, frozen=True, kw_only=True):
    """One page of approvals."""

    approvals: tuple[Approval, ...]
