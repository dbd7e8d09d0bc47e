"""What callers ask of the verbs: parsed and bounded at the door, before anything looks at them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from broker.ids import LeaseId, RevocationId, TaskId
from broker.model.bounds import UNBOUNDED, Bounds
from broker.model.capability import Ceiling
from broker.model.lease import Lease
from broker.model.principal import Kind
from broker.model.selection import Progress
from broker.model.task import Task
from broker.model.tool import Tool
from broker.reach.lines import ReachLine
from broker.secret import Secret


@dataclass(frozen=True, slots=True)
class Supposed:
    """A request that nobody has made. ``kind`` and ``name`` are who would make it.

    ``ttl_ms`` 0 stands for the capability's default.
    """

    action: str
    kind: Kind
    name: str
    tenant: str
    agent: str
    capability: str = ""
    scopes: frozenset[str] = frozenset()
    ttl_ms: int = 0
    tickets: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    on_behalf_of: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    tool: Tool | None = None


@dataclass(frozen=True, slots=True)
class OpenTask:
    """Open a named task.

    With neither ``instance`` nor a claim, nobody can use it: when ``instance`` is empty the
    answer carries a claim handle for whoever shall run it. What ``bounds`` leave out is the
    parent's.
    """

    name: str
    agent: str
    tenant: str
    ceiling: tuple[Ceiling, ...]
    ttl_ms: int
    idle_ms: int
    instance: str = ""
    on_behalf_of: str = ""
    tickets: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    opener_timeout_ms: int = 0
    parent: TaskId | None = None
    bounds: Bounds = UNBOUNDED


@dataclass(frozen=True, slots=True)
class OpenedTask:
    """The answer to OpenTask. ``claim_handle`` is delivered once, to the opener."""

    task: Task
    claim_handle: Secret | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class ExtendTask:
    """Move a task's deadline to ``ttl_ms`` from now."""

    ttl_ms: int


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks to list; an empty word, or 0, does not filter.

    ``capability`` is one of the ceiling's, ``name`` a glob of ``*`` and ``?``. The task was opened
    at ``opened_after_ms`` or later, and before ``opened_before_ms``.
    """

    tenant: str = ""
    agent: str = ""
    state: str = ""
    capability: str = ""
    name: str = ""
    opened_after_ms: int = 0
    opened_before_ms: int = 0


@dataclass(frozen=True, slots=True)
class LeaseFilter:
    """Which credentials of a task to list; an empty word does not filter."""

    state: str = ""
    capability: str = ""


@dataclass(frozen=True, slots=True)
class AgentFilter:
    """Which agents to list; an empty word does not filter. ``name`` is a glob of ``*``, ``?``."""

    tenant: str = ""
    status: str = ""
    team: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalFilter:
    """Which approvals to list: of one task, of one agent; nothing filters nothing."""

    task: TaskId | None = None
    agent: str = ""


@dataclass(frozen=True, slots=True)
class TaskPage:
    """One page of tasks; ``cursor`` is empty on the last one."""

    tasks: tuple[Task, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class LeasePage:
    """One page of leases; ``cursor`` is empty on the last one."""

    leases: tuple[Lease, ...]
    cursor: str


class IssueCredential(msgspec.Struct, frozen=True):
    """Ask for a credential within a task.

    ``ttl_ms`` 0 means the capability's default. ``labels`` are the caller's own assertions;
    policy sees them as the set of strings ``key=value``. ``tool`` is what it says that it will use
    the credential by.
    """

    capability: str
    scopes: frozenset[str]
    ttl_ms: int = 0
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    tool: Tool | None = None


class IssuedCredential(msgspec.Struct, frozen=True):
    """The one answer that delivers a credential."""

    lease: Lease
    credential: Secret | Mapping[str, Secret]
    """A token of ours; or the words that a credential at a target consists of, by name."""
    reach: tuple[ReachLine, ...] | UnsetType = UNSET
    """What it is for at servers that speak HTTP; unset where its capability does not say."""


class SelectorKind(StrEnum):
    """What an operator's revocation names."""

    CREDENTIAL = "credential"
    TASK = "task"
    AGENT = "agent"
    CAPABILITY = "capability"
    ISSUER = "issuer"
    TENANT = "tenant"
    ALL = "all"
    KEY = "key"
    """All that one of our signing keys ever signed: only who changes the key manifest orders it."""
    SET = "set"
    SESSION = "session"
    """What a person had done in one session of her issuer's, by its digest."""
    SUBJECT = "subject"
    """The same of all sessions of a subject of an issuer, by its digest."""
    PERSON = "person"
    """The same of all sessions of a person: ``TENANT/NAME``."""

    __hash__ = str.__hash__


SESSIONS: Final = frozenset({SelectorKind.SESSION, SelectorKind.SUBJECT, SelectorKind.PERSON})
"""What only the end of a session names (:mod:`broker.session_ends`)."""


@dataclass(frozen=True, slots=True)
class Selector:
    """Which credentials an operator takes away.

    ``value`` is an id or a name, for SET the digest of a selection, empty for ALL.

    ``tenant`` confines an agent, capability or issuer to one tenant; empty means every tenant that
    the operator answers for.
    """

    kind: SelectorKind
    value: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Revocation:
    """An operator's order.

    ``pending_buckets`` names where a cut does not stand yet: until it is empty the order is not
    acknowledged (DESIGN §4). ``progress`` is an order's on a set, which is carried out piece by
    piece.
    """

    id: RevocationId
    selector: Selector
    reason: str
    ordered_by: str
    issued_before_ms: int
    pending_buckets: tuple[int, ...]
    progress: Progress | None = None
    ordered_at_ms: int = 0

    @property
    def is_acknowledged(self) -> bool:
        """Tell whether the cut stands everywhere, or every lease of the set is dead."""
        is_complete = self.progress is None or self.progress.is_complete
        return is_complete and not self.pending_buckets


@dataclass(frozen=True, slots=True)
class RevocationFilter:
    """Which orders to list; an empty word, 0 or None does not filter.

    ``tenant`` is one that the order reaches; ``of`` what it names. It was given at
    ``ordered_after_ms`` or later, and before ``ordered_before_ms``.
    """

    tenant: str = ""
    ordered_by: str = ""
    of: str = ""
    acknowledged: bool | None = None
    ordered_after_ms: int = 0
    ordered_before_ms: int = 0


@dataclass(frozen=True, slots=True)
class RevocationPage:
    """One page of orders; ``cursor`` is empty on the last one."""

    revocations: tuple[Revocation, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class Introspected:
    """What an introspecting resource server may learn of a live token.

    The dates, in seconds, are the token's own: its lease may have been renewed since.
    """

    lease: Lease
    lease_id: LeaseId
    token_id: str
    issued_at_s: int
    expires_at_s: int
