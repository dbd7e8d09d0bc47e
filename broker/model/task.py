"""One named job, and its place in its tree."""

from enum import StrEnum

import msgspec

from broker.ids import TaskId
from broker.model.bounds import UNBOUNDED, Bounds
from broker.model.capability import Ceiling


class TaskState(StrEnum):
    """Where a task stands. Everything but OPEN is final in this release."""

    OPEN = "open"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TaskSpec(msgspec.Struct, frozen=True):
    """What a task was opened with: it never changes, except the deadline by an extension.

    ``path`` runs from the root to the task itself; ``actors`` names the agents along it and
    ``issuers`` the issuers of their openers' evidence. ``opener`` is a principal's ``ref``;
    ``opener_issuer`` and ``opener_instance`` complete it.
    """

    id: TaskId
    path: tuple[TaskId, ...]
    actors: tuple[str, ...]
    issuers: tuple[str, ...]
    name: str
    tenant: str
    agent: str
    opener: str
    opener_issuer: str
    opener_instance: str
    on_behalf_of: str
    ceiling: tuple[Ceiling, ...]
    tickets: tuple[str, ...]
    resources: tuple[str, ...]
    idle_ms: int
    opener_timeout_ms: int
    max_deadline_ms: int
    """How long after opening the deadline may at most lie; an extension never passes it."""
    bounds: Bounds = UNBOUNDED
    """What its tree is held to, its ancestors' bounds included."""
    rooms: tuple[int, ...] = ()
    """Along ``path``: how many open tasks each allows below itself; 0: it states no number."""


class Task(msgspec.Struct, frozen=True):
    """A task as the ledger has it now.

    ``ended_by`` is a word: done, failed, cancelled, idle, deadline, parent, revoked.

    ``is_alive`` is the ledger's own judgement, ancestors and cuts included; ``state`` is only this
    node's.
    """

    spec: TaskSpec
    instance: str
    """Empty until an instance has claimed the task."""
    state: TaskState
    is_alive: bool
    opened_at_ms: int
    deadline_ms: int
    agent_seen_ms: int
    opener_seen_ms: int
    closed_at_ms: int = 0
    ended_by: str = ""
    closed_by: str = ""
    close_number: int = 0
    """Number of its end in the bucket's outbox: what verifiers acknowledge."""
