"""What an operator picks out of all live credentials, before it takes them away."""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.ids import LeaseId, TaskId


@dataclass(frozen=True, slots=True)
class Criteria:
    """What the picked leases have in common: all of it (an empty word narrows nothing).

    ``agent`` counts what it holds and what it has handed on, ``issuer`` what was got with its
    evidence, in the task or above it; ``task`` and ``task_name`` count everything below the task,
    too. ``task_name`` is a glob of ``*`` and ``?``. ``data_class`` is the capability's.
    """

    agent: str = ""
    capability: str = ""
    issuer: str = ""
    tenant: str = ""
    task: str = ""
    task_name: str = ""
    data_class: str = ""
    older_than_ms: int = 0


@dataclass(frozen=True, slots=True)
class LiveLease:
    """A lease that was alive when the ledger was asked."""

    id: LeaseId
    task: TaskId
    tenant: str
    agent: str
    issuer: str
    capability: str
    issued_at_ms: int


@dataclass(frozen=True, slots=True)
class Selection:
    """An exact set of leases, as it was alive at one time, under the digest that names it.

    ``tenants`` are those that it was picked in. ``issued_before_ms`` is the instant that an age
    came to (0: none), so that the set does not grow by waiting. ``epoch`` names the ledger.
    ``unreadable`` records could not be judged, and are not in it.
    """

    digest: str
    criteria: Criteria
    tenants: tuple[str, ...]
    issued_before_ms: int
    epoch: str
    taken_at_ms: int
    taken_by: str
    count: int
    agents: Mapping[str, int]
    capabilities: Mapping[str, int]
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an order on a set has come: ``ended`` of ``total`` leases are dead by the ledger."""

    ended: int
    total: int

    @property
    def is_complete(self) -> bool:
        """Tell whether nothing is left to do."""
        return self.ended >= self.total
