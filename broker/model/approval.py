"""What people have to agree to before something is given, and what they have said to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from broker.ids import ApprovalId, TaskId
from broker.model.tool import Tool
from broker.proof.confirmation import Confirmation

MOST_VOICES: Final = 9
"""More people than this need not agree to one request."""

GOOD_MS: Final = 600_000
"""How long a yes may be used where policy does not say."""

MOST_GOOD_MS: Final = 86_400_000
"""However long policy says: who agreed yesterday may know better today."""


class Requirement(msgspec.Struct, frozen=True, omit_defaults=True, order=True):
    """So many different people (``count``), each in one of these teams, have to agree.

    With ``not_owner`` none of them may be the owner of an agent that has a part in it.
    """

    groups: tuple[str, ...]
    count: int = 1
    not_owner: bool = False

    def in_brief(self) -> str:
        """Say it in one line: ``2 of oncall or security, not the owner``."""
        besides = ", not the owner" if self.not_owner else ""
        return f"{self.count} of {' or '.join(self.groups)}{besides}"


class ApprovalState(StrEnum):
    """Where an approval stands. All but the first two are final."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    USED = "used"
    SUPERSEDED = "superseded"

    @property
    def is_open(self) -> bool:
        """Tell whether something may still come of it."""
        return self in {ApprovalState.PENDING, ApprovalState.APPROVED}


class Answer(StrEnum):
    """What somebody says to a request."""

    YES = "yes"
    NO = "no"


class Wanted(msgspec.Struct, frozen=True):
    """One exact request: what people agree to, byte by byte, is what is given.

    ``scopes`` and ``ttl_ms`` are what would be given at most, ``asked_scopes`` and ``asked_ttl_ms``
    what was asked for (0: the default). ``template`` is a digest of what the capability makes,
    ``key`` what the credential would be bound to. ``above`` are the agents who handed the task on.
    ``policy_version`` is what the decision was made by, ``engine_version`` what decides here.
    """

    tenant: str
    agent: str
    instance: str
    issuer: str
    subject: str
    task: TaskId
    task_name: str
    above: tuple[str, ...]
    opener: str
    on_behalf_of: str
    tickets: tuple[str, ...]
    resources: tuple[str, ...]
    capability: str
    backend: str
    audience: str
    target: str
    about: str
    data_class: str
    template: str
    asked_scopes: tuple[str, ...]
    asked_ttl_ms: int
    scopes: tuple[str, ...]
    ttl_ms: int
    labels: Mapping[str, str]
    tool: Tool | None
    key: Confirmation | None
    policy_version: str
    engine_version: str
    policies: tuple[str, ...]
    requirements: tuple[Requirement, ...]
    good_ms: int

    def asks_for(self) -> tuple[object, ...]:
        """Return what makes two requests the same one, whatever policy says of them."""
        who = (self.tenant, self.agent, self.instance, self.issuer, self.subject, self.task)
        what = (self.capability, self.asked_scopes, self.asked_ttl_ms, self.labels, self.key)
        return (*who, *what, self.tool)


class Voice(msgspec.Struct, frozen=True):
    """What one person has said, to what exactly, and by which identity."""

    person: str
    answer: Answer
    digest: str
    issuer: str
    subject: str
    reason: str = ""
    at_ms: int = 0


class Approval(msgspec.Struct, frozen=True):
    """A request that people have to agree to, as the ledger has it now.

    ``expires_at_ms`` is until when it may be answered, and once it is approved until when it may
    be used. ``version`` changes with everything that is decided of it.
    """

    id: ApprovalId
    state: ApprovalState
    version: int
    digest: str
    wanted: Wanted
    asked_at_ms: int
    expires_at_ms: int
    judged_at_ms: int
    voices: tuple[Voice, ...] = ()
    settled_at_ms: int = 0
    because: str = ""
    credential: str = ""

    def agreeing(self) -> frozenset[str]:
        """Return who has agreed to exactly this."""
        return frozenset(
            voice.person
            for voice in self.voices
            if voice.answer is Answer.YES and voice.digest == self.digest
        )


class Approved(msgspec.Struct, frozen=True):
    """By which approval something was given, and who had agreed."""

    approval: ApprovalId
    voices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """An approval to be used up by a grant: this one, as it was judged, and nothing else."""

    approval: ApprovalId
    digest: str
    version: int
