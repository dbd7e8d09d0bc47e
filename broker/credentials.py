"""Looking at credentials (never at their secret), and giving them back."""

import asyncio
from collections.abc import Callable, Sequence

from broker.errors import UnreadableRecordError
from broker.faultpoints import FaultPoints
from broker.ids import LeaseId, TaskId, bucket_of
from broker.model.lease import Lease
from broker.model.principal import Principal
from broker.model.requests import LeaseFilter, LeasePage
from broker.ownership import require_holder, require_visible
from broker.places import Places
from broker.store.lease_ledger import LeaseLedger
from broker.store.ledger import Ledger
from broker.store.task_ledger import TaskLedger
from broker.tree_walk import parse_lease, write_lease


class Credentials:
    """Verbs on leases that give nothing.

    ``told`` is called with a lease whose end is news, ``due`` with one to be killed at its target.
    """

    def __init__(
        self,
        *,
        tasks: TaskLedger,
        leases: LeaseLedger,
        places: Places,
        faults: FaultPoints,
        told: Callable[[LeaseId], None],
        due: Callable[[LeaseId], None],
    ) -> None:
        self._tasks = tasks
        self._leases = leases
        self._places = places
        self._faults = faults
        self._told = told
        self._due = due

    @classmethod
    def over(
        cls,
        ledger: Ledger,
        faults: FaultPoints,
        news: Callable[..., None],
        due: Callable[[Sequence[int]], None],
    ) -> "Credentials":
        """Build it; ``news`` and ``due`` are told buckets."""
        return cls(
            tasks=ledger.tasks,
            leases=ledger.leases,
            places=Places(ledger.quotas),
            faults=faults,
            told=lambda lease: news(bucket_of(lease), urgent=True),
            due=lambda lease: due([bucket_of(lease)]),
        )

    async def show(self, caller: Principal, lease: LeaseId) -> Lease:
        """Show a credential's record to whoever may see its task.

        Raises:
            NotFoundError: to everybody else.
        """
        found = await self._leases.view(lease)
        require_visible(caller, await self._tasks.view(found.spec.task))
        return found

    async def find(
        self, caller: Principal, task: TaskId, which: LeaseFilter, cursor: str, limit: int
    ) -> LeasePage:
        """Page through a task's credentials, oldest first. A page can be short before the end.

        Raises:
            InvalidRequestError: the cursor is none of this list.
            NotFoundError: the caller may not see the task.
        """
        found = await self._tasks.view(task)
        require_visible(caller, found)
        after = parse_lease(cursor, "list") if cursor else None
        page = await self._leases.page(task, after, limit)
        views = await asyncio.gather(*(self._one(each.name, found.spec.path) for each in page))
        wanted = tuple(view for view in views if view and _is_wanted(which, view))
        return LeasePage(wanted, write_lease(page[-1]) if len(page) == limit else "")

    async def _one(self, lease: LeaseId, path: tuple[TaskId, ...]) -> Lease | None:
        try:
            return await self._leases.find(lease, path)
        except UnreadableRecordError:
            return None  # none of ours, which must not hide the others

    async def give_back(self, caller: Principal, lease: LeaseId) -> Lease:
        """End a credential that is no longer needed; doing it twice is the same as once.

        Raises:
            NotFoundError: no such credential, or another instance's.
        """
        held = await self._leases.view(lease)
        require_holder(caller, held.spec)
        await self._leases.end([(lease, held.spec.task)], "given-back")
        self._faults.reach("give-back.written")
        await self._places.free(held.spec, [lease])
        self._faults.reach("give-back.freed")
        self._told(lease)
        if held.spec.target is not None:
            self._due(lease)
        return await self._leases.view(lease, held.spec.path)


def _is_wanted(which: LeaseFilter, lease: Lease) -> bool:
    return which.state in ("", lease.state) and which.capability in ("", lease.spec.capability)
