"""One named job, and its place in its tree."""

from enum import StrEnum
from typing import Final

import msgspec

from broker.ids import TaskId
from broker.model.bounds import UNBOUNDED, Bounds
from broker.model.capability import Ceiling
from broker.model.lender import Lender


class TaskState(StrEnum):
    """Where a task stands. OPEN and FROZEN change into each other, everything else is final."""

    OPEN = "open"
    FROZEN = "frozen"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNENDED: Final = frozenset({TaskState.OPEN, TaskState.FROZEN})
"""States of a task that has not ended: its deadline and its silence still end it."""


class Freeze(msgspec.Struct, frozen=True):
    """One freeze of a task: everything in its tree that was issued until ``cut_ms`` is dead.

    ``number`` is that of its event in the bucket's outbox: what verifiers acknowledge.
    """

    cut_ms: int
    number: int


class TaskSpec(msgspec.Struct, frozen=True, omit_defaults=True):
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
    lender: Lender | None = None
    """The person who opened the tree on her own behalf; None where nobody's right is lent."""

    @property
    def delegated_by(self) -> str:
        """Who lends a right of hers, as records name her; empty where nobody does."""
        return "" if self.lender is None else self.lender.ref


class Task(msgspec.Struct, frozen=True):
    """A task as the ledger has it now.

    ``ended_by`` is a word: done, failed, cancelled, idle, deadline, parent, revoked.

    ``is_alive`` is the ledger's own judgement, ancestors and cuts included; ``state`` is only this
    node's. ``is_frozen``: it, or an ancestor, is frozen, and nothing else keeps it from living; by
    whom and why is said of this node alone.
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
    is_frozen: bool = False
    frozen_at_ms: int = 0
    frozen_by: str = ""
    frozen_reason: str = ""
    freezes: tuple[Freeze, ...] = ()
    """The last freezes, oldest first, thawed ones too: what they killed stays dead."""
