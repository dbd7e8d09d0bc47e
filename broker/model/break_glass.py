"""An emergency: what was asked, who agreed, how far it has come."""

import hashlib
from enum import StrEnum

import msgspec

from broker.ids import BreakGlassId, TaskId
from broker.model.approval import Requirement


class GlassState(StrEnum):
    """Where it stands. ``AGREED``: enough people have said yes, and the alarm is on its way."""

    REQUESTED = "requested"
    AGREED = "agreed"
    OPEN = "open"
    ENDED = "ended"
    REFUSED = "refused"
    LAPSED = "lapsed"


class GlassSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: it never changes, and its digest is what people agree to."""

    id: BreakGlassId
    task: TaskId
    path: tuple[TaskId, ...]
    tenant: str
    agent: str
    instance: str
    task_opener: str
    on_behalf_of: str
    actors: tuple[str, ...]
    capability: str
    template: str
    """A digest of the capability as it was published then."""
    scopes: tuple[str, ...]
    ttl_ms: int
    reason: str
    incident: str
    opener: str
    """The person who asks."""
    opener_issuer: str
    policy_version: str
    requirements: tuple[Requirement, ...] = ()
    """What others have to agree; empty where policy lets one person do it alone."""
    needs_alarm: bool = True
    review_ms: int = 0

    @property
    def digest(self) -> str:
        """Return what stands for all of it, byte for byte."""
        text = msgspec.json.encode(self, order="deterministic")
        return hashlib.sha256(text).hexdigest()


class Glass(msgspec.Struct, frozen=True, kw_only=True):
    """One emergency as the ledger has it now. Instants are the ledger's; 0 is never."""

    spec: GlassSpec
    state: GlassState
    digest: str
    asked_ms: int
    until_ms: int
    """Until when it may be agreed to."""
    voices: tuple[str, ...] = ()
    """The people who have agreed."""
    opened_ms: int = 0
    ends_ms: int = 0
    """When it ends, whoever is there to end it."""
    alarm: str = ""
    """Who has said that the alarm arrived; empty: nobody, and it opened all the same."""
    lease: str = ""
    ended_ms: int = 0
    ended_by: str = ""
    due_ms: int = 0
    """Until when somebody else has to look at it."""
    reviewed_ms: int = 0
    reviewed_by: str = ""
    words: str = ""
    now_ms: int = 0

    @property
    def was_opened(self) -> bool:
        """Tell whether there is anything to look at."""
        return self.opened_ms > 0

    @property
    def is_open(self) -> bool:
        """Tell whether it is open now."""
        return self.state is GlassState.OPEN

    @property
    def awaits_review(self) -> bool:
        """Tell whether somebody else has yet to look at it."""
        return self.was_opened and not self.reviewed_ms

    @property
    def is_overdue(self) -> bool:
        """Tell whether that should have been done by now."""
        return self.awaits_review and self.now_ms > self.due_ms

    @property
    def parties(self) -> frozenset[str]:
        """Name the people who brought it about: nobody of them looks at it afterwards."""
        return frozenset({self.spec.opener, *self.voices})


class GlassPage(msgspec.Struct, frozen=True):
    """One page, the newest first; ``cursor`` is empty on the last one."""

    found: tuple[Glass, ...]
    cursor: str
