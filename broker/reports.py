"""Reports: the receipts of a task's end or of an operator's order, page by page to the end.

A report is a walk over the ledger and its cursor is the walker's place: no state is kept between
pages, so any broker continues what another began.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

from broker.errors import InvalidRequestError, NotFoundError, UnreadableRecordError
from broker.ids import LeaseId, RevocationId, TaskId, parse_lease_id, parse_task_id
from broker.model.capability import ResourceServer
from broker.model.principal import Kind, Principal
from broker.model.receipt import ALL_RECEIPTS, Receipt, ReceiptFilter, ReportPage
from broker.model.requests import SelectorKind
from broker.model.task import UNENDED
from broker.order_walk import OrderWalk, Standings
from broker.ownership import require_visible
from broker.receipts import Cause, Receipts, first, unreadable
from broker.revocation import require_reach
from broker.set_orders import SetOrders
from broker.store.lease_ledger import LeaseLedger
from broker.store.paths import Paths
from broker.store.revocation_ledger import Order, RevocationLedger
from broker.store.task_ledger import TaskLedger
from broker.tree_walk import Place, TreeWalk, write

Servers = Callable[[], Mapping[str, ResourceServer]]

Names: TypeAlias = Sequence[tuple[LeaseId, TaskId]]
Step: TypeAlias = Callable[[str, int], Awaitable[tuple[Names, str]]]
"""Returns so many leases with their tasks, at most, and the cursor after them."""

_STEPS: Final = 10
"""Steps to one page of a report that is narrowed: bounds its work when few receipts are wanted."""


class Reports:
    """Collects the receipts of what has ended."""

    def __init__(  # noqa: PLR0913 - one argument per collaborator
        self,
        *,
        tasks: TaskLedger,
        leases: LeaseLedger,
        paths: Paths,
        orders: RevocationLedger,
        tree_walk: TreeWalk,
        order_walk: OrderWalk,
        sets: SetOrders,
        receipts: Receipts,
        servers: Servers,
    ) -> None:
        self._tasks = tasks
        self._leases = leases
        self._paths = paths
        self._orders = orders
        self._tree_walk = tree_walk
        self._order_walk = order_walk
        self._sets = sets
        self._receipts = receipts
        self._servers = servers

    async def of_task(
        self,
        caller: Principal,
        task: TaskId,
        cursor: str,
        limit: int,
        which: ReceiptFilter = ALL_RECEIPTS,
    ) -> ReportPage:
        """Return a page of the receipts of a task and everything below it.

        What is still alive has no receipt yet. A page can be short before the end.

        Raises:
            NotFoundError: the caller may not see the task.
        """
        found = await self._tasks.view(task)
        require_visible(caller, found)
        step: Step = partial(self._of_tree, task)
        if which.credential:
            step = partial(self._of_lease, task, parse_lease_id(which.credential))
        shown = await self._page(step, cursor, limit, which)
        return shown if caller.kind is Kind.OPERATOR else _without_reasons(shown)

    async def of_revocation(
        self,
        caller: Principal,
        revocation: RevocationId,
        cursor: str,
        limit: int,
        which: ReceiptFilter = ALL_RECEIPTS,
    ) -> ReportPage:
        """Return a page of the receipts of an order.

        Raises:
            NotFoundError: there is no such order, or it reaches beyond the caller's tenants.
        """
        order, standings = await self._orders.find(revocation)
        require_reach(caller, order)
        return await self._page(self._step_of(order, standings), cursor, limit, which)

    async def _page(self, step: Step, cursor: str, limit: int, which: ReceiptFilter) -> ReportPage:
        """Walk on until there is a page of what is wanted, or enough was looked at for one."""
        found: list[Receipt] = []
        for _ in range(1 if which == ALL_RECEIPTS else _STEPS):
            names, cursor = await step(cursor, limit - len(found))
            made = await self._of_leases(names)
            found += [receipt for receipt in made if which.lets_through(receipt)]
            if not cursor or len(found) >= limit:
                break
        return ReportPage(tuple(found), Counter(receipt.state for receipt in found), cursor)

    def _step_of(self, order: Order, standings: Standings) -> Step:
        """Choose how the leases of an order are walked."""
        match order.selector.kind:
            case SelectorKind.TASK:
                return partial(self._of_tree, parse_task_id(order.selector.value))
            case SelectorKind.CREDENTIAL:
                return partial(self._of_one, order)
            case SelectorKind.SET:
                return partial(self._sets.page, order)
            case _:
                return partial(self._order_walk.take, order, standings)

    async def _of_tree(self, task: TaskId, cursor: str, limit: int) -> tuple[Names, str]:
        places = await self._tree_walk.parse(cursor, task) if cursor else (Place(task),)
        names, places = await self._tree_walk.take(places, limit)
        return names, write(places)

    async def _of_lease(
        self, task: TaskId, lease: LeaseId, cursor: str, _limit: int
    ) -> tuple[Names, str]:
        """Find one lease, if it is of the task or of one below it."""
        if cursor:
            raise InvalidRequestError("this report has one page", field="cursor")
        try:
            path = await self._paths.of_lease(lease)
        except NotFoundError:
            return [], ""
        return ([(lease, path[-1])] if task in path else []), ""

    async def _of_one(self, order: Order, cursor: str, _limit: int) -> tuple[Names, str]:
        if cursor:
            raise InvalidRequestError("this report has one page", field="cursor")
        lease = parse_lease_id(order.selector.value)
        path = await self._paths.of_lease(lease)
        return [(lease, path[-1])], ""

    async def _of_leases(self, names: Sequence[tuple[LeaseId, TaskId]]) -> list[Receipt]:
        causes = await self._causes({task for _, task in names})
        made = await asyncio.gather(*(self._one(lease, task, causes) for lease, task in names))
        return [receipt for receipt in made if receipt]

    async def _one(
        self, lease: LeaseId, task: TaskId, causes: Mapping[TaskId, Sequence[Cause]]
    ) -> Receipt | None:
        try:
            seen = await self._leases.find(lease, await self._paths.of_task(task))
        except UnreadableRecordError:
            return unreadable(lease, task)
        if seen is None:
            return None
        killers = [each for each in causes[task] if each.kills(seen.issued_at_ms)]
        return await self._receipts.of(seen, first(*killers), self._servers())

    async def _causes(self, tasks: set[TaskId]) -> dict[TaskId, list[Cause]]:
        """Return for each task what took it down: ends and freezes, its own or an ancestor's."""
        return {task: await self._causes_of(task) for task in tasks}

    async def _causes_of(self, task: TaskId) -> list[Cause]:
        path = await self._paths.of_task(task)
        return [cause for node in path for cause in await self._ends_of(node)]

    async def _ends_of(self, task: TaskId) -> list[Cause]:
        """Return a task's own end and freezes, if they are told and still known."""
        try:
            seen = await self._tasks.view(task)
        except (NotFoundError, UnreadableRecordError):
            return []
        causes = [Cause(each.number, each.cut_ms, each.cut_ms) for each in seen.freezes]
        if seen.state not in UNENDED and seen.close_number:
            causes.append(Cause(seen.close_number, seen.closed_at_ms))
        return causes


def _without_reasons(page: ReportPage) -> ReportPage:
    """Leave out what policy says: agents and openers learn that it is dead, operators also why."""
    return replace(page, receipts=tuple(replace(each, why=None) for each in page.receipts))
