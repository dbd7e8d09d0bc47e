"""Carrying out orders on picked sets: exactly these leases, batch by batch.

- A small set dies within the request; a large one as due work, a piece at a time, so that it goes
  on after the death of any broker and delays nothing else for long.
- Ending is idempotent: the noted place only saves repeating.
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from broker.cursor import number
from broker.errors import UnreadableRecordError
from broker.faultpoints import FaultPoints
from broker.ids import LeaseId, TaskId
from broker.model.principal import Principal
from broker.model.requests import Selector
from broker.model.selection import Progress, Selection
from broker.places import Places
from broker.selections import Selections
from broker.store.lease_ledger import END_BATCH, LeaseLedger
from broker.store.revocation_ledger import Order, RevocationLedger
from broker.store.selection_ledger import Rows, SelectionLedger
from broker.store.task_tree import TaskTree

AT_ONCE: Final = 300
"""Leases that die within the request; more would keep its caller waiting."""

_PIECE: Final = 2_000
"""Leases to one piece of due work: some tenths of a second, after which other work has its turn."""


@dataclass(frozen=True, slots=True)
class _Holder:
    """Whose quotas count a lease."""

    agent: str
    actors: tuple[str, ...]
    tenant: str


class SetOrders:
    """Ends the leases of sets."""

    def __init__(
        self,
        *,
        selections: Selections,
        kept: SelectionLedger,
        orders: RevocationLedger,
        leases: LeaseLedger,
        tree: TaskTree,
        places: Places,
        faults: FaultPoints,
        retention_ms: int,
    ) -> None:
        self._selections = selections
        self._kept = kept
        self._orders = orders
        self._leases = leases
        self._tree = tree
        self._places = places
        self._faults = faults
        self._retention_ms = retention_ms

    async def require_unchanged(self, caller: Principal, digest: str) -> Selection:
        """Return the set if it is what its digest names, and keep it as long as its report.

        Raises:
            NotFoundError, SelectionChangedError: as :meth:`Selections.require_unchanged`.
        """
        selection = await self._selections.require_unchanged(caller, digest)
        await self._kept.hold(digest, self._retention_ms)
        return selection

    async def is_short(self, selector: Selector) -> bool:
        """Tell whether a set is small enough to die within the request.

        Raises:
            NotFoundError: it is no longer kept.
        """
        return (await self._kept.find(selector.value)).count <= AT_ONCE

    async def page(self, order: Order, cursor: str, limit: int) -> tuple[Rows, str]:
        """Return some leases of an order with their tasks, and the cursor after them."""
        start = number(cursor, "report") if cursor else 0
        selection = await self._kept.find(order.selector.value)
        rows = await self._kept.page(selection.digest, start, limit)
        return rows, str(start + limit) if start + limit < selection.count else ""

    async def progress(self, order: Order) -> Progress:
        """Tell how far an order has come.

        Raises:
            NotFoundError: its set is no longer kept.
        """
        selection = await self._kept.find(order.selector.value)
        return Progress(await self._orders.place(order.id), selection.count)

    async def work(self, order: Order) -> Progress:
        """Do one piece of an order.

        Raises:
            UnreadableRecordError: everything is done but what cannot be read.
        """
        at = await self.progress(order)
        seen, unreadable = at.ended, 0
        # What cannot be read keeps none of the others from its end, nor from its turn.
        while seen < (at.total if unreadable else min(at.total, at.ended + _PIECE)):
            rows = await self._kept.page(order.selector.value, seen, END_BATCH)
            if not rows:
                raise UnreadableRecordError("a set in the ledger is not whole")
            unreadable += await self._end(rows)
            self._faults.reach("reap.batch-ended")
            seen += len(rows)
            if not unreadable:
                await self._orders.advance(order.id, seen)
        if unreadable:
            raise UnreadableRecordError(f"{unreadable} leases of a set cannot be read")
        return Progress(seen, at.total)

    async def _end(self, rows: Rows) -> int:
        """End some leases; return how many cannot be read."""
        unreadable = 0
        for _, of_bucket in groupby(rows, key=lambda row: row[0][:4]):
            batch = list(of_bucket)
            ended = await self._end_batch(batch)
            await self._free(ended)
            unreadable += len(batch) - len(ended)
        return unreadable

    async def _end_batch(self, rows: Rows) -> Rows:
        """End leases of one bucket; return those that could be read."""
        try:
            await self._leases.end(rows, "revoked")
        except UnreadableRecordError:
            if len(rows) == 1:
                return []
            return [done for row in rows for done in await self._end_batch([row])]
        return rows

    async def _free(self, rows: Rows) -> None:
        by_task: dict[TaskId, list[LeaseId]] = defaultdict(list)
        for lease, task in rows:
            by_task[task].append(lease)
        held: dict[_Holder, list[LeaseId]] = defaultdict(list)
        for task, names in by_task.items():
            spec = await self._tree.spec(task)
            if spec is not None:
                held[_Holder(spec.agent, spec.actors[:1], spec.tenant)] += names
        for holder, names in held.items():
            await self._places.free(holder, names)
