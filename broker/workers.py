"""The kinds of due work. Each does its piece to the end, and may be repeated from any point."""

from collections.abc import Sequence
from typing import Final

from broker.errors import NotFoundError
from broker.faultpoints import FaultPoints
from broker.ids import LeaseId, TaskId, parse_revocation_id, parse_task_id
from broker.model.task import TaskSpec, TaskState
from broker.places import Places
from broker.populations import Populations, ends_lease, ends_task
from broker.revocation import Revocations, cuts_of, is_single, pending
from broker.store.cut_ledger import Cut, Standing
from broker.store.due_queue import Work
from broker.store.lease_ledger import END_BATCH, LeaseLedger
from broker.store.paths import Paths
from broker.store.revocation_ledger import Order, RevocationLedger
from broker.store.task_ledger import TaskLedger
from broker.store.task_tree import TaskTree

_PAGE: Final = 100
_RETRY_MS: Final = 1_000
"""When an order whose cut does not stand everywhere yet is tried again."""


class Look:
    """``t``: look at a task that may be past its deadline or silent."""

    def __init__(self, tree: TaskTree, paths: Paths) -> None:
        self._tree = tree
        self._paths = paths

    async def work(self, work: Work) -> int | None:
        """Let the ledger judge the task, and end it or say when to look again."""
        task = parse_task_id(work.subject)
        await self._tree.sweep(await self._paths.of_task(task))
        return None


class TakeDown:
    """``k``: end the leases and children of a task that has ended.

    They are dead already, by the judge's word; this makes it so record by record, tells it, and
    frees the quotas.
    """

    def __init__(
        self,
        *,
        tasks: TaskLedger,
        leases: LeaseLedger,
        tree: TaskTree,
        places: Places,
        faults: FaultPoints,
        retention_ms: int,
    ) -> None:
        self._tasks = tasks
        self._leases = leases
        self._tree = tree
        self._places = places
        self._faults = faults
        self._retention_ms = retention_ms

    async def work(self, work: Work) -> int | None:
        """Take a task down; what remains of it is forgotten when its retention has passed."""
        task = parse_task_id(work.subject)
        spec = await self._tree.spec(task)
        if spec is None:
            return None
        await self._end_leases(spec)
        await self._close_children(spec)
        seen = await self._tasks.view(task)
        await self._tree.forget_at(task, seen.closed_at_ms + self._retention_ms)
        return None

    async def _end_leases(self, spec: TaskSpec) -> None:
        while names := await self._leases.live(spec.id, END_BATCH):
            await self._places.free(spec, names)
            self._faults.reach("reap.freed")
            await self._leases.end([(name, spec.id) for name in names], "task-ended")
            self._faults.reach("reap.batch-ended")

    async def _close_children(self, spec: TaskSpec) -> None:
        start = 0
        while children := await self._tree.children(spec.id, start, _PAGE):
            for child in children:
                await self._tasks.close(
                    (*spec.path, child),
                    TaskState.CANCELLED,
                    ended_by="parent",
                    closed_by="broker",
                )
                self._faults.reach("reap.child-closed")
            start += len(children)


class CleanUp:
    """``x``.

    Follow up an operator's order in one bucket: carry it out if its own broker did not live to,
    and end the tasks and leases that its cuts have killed.
    """

    def __init__(  # noqa: PLR0913 - one argument per collaborator
        self,
        *,
        tasks: TaskLedger,
        leases: LeaseLedger,
        tree: TaskTree,
        orders: RevocationLedger,
        revocations: Revocations,
        populations: Populations,
        places: Places,
        faults: FaultPoints,
        buckets: int,
    ) -> None:
        self._tasks = tasks
        self._leases = leases
        self._tree = tree
        self._orders = orders
        self._revocations = revocations
        self._populations = populations
        self._places = places
        self._faults = faults
        self._buckets = buckets

    async def work(self, work: Work) -> int | None:
        """Clean up the bucket that the work lies in."""
        revocation = parse_revocation_id(work.subject)
        try:
            order, standings = await self._orders.find(revocation)
        except NotFoundError:
            return None
        if is_single(order):
            await self._revocations.carry_out(order)
            return None
        if pending(order, standings, self._buckets):
            await self._revocations.carry_out(order)
            _, standings = await self._orders.find(revocation)
        for cut in cuts_of(order):
            standing = standings.get(cut.field, {}).get(work.bucket)
            if standing:
                await self._bucket(order, cut, work.bucket, standing)
        return work.claimed_ms + _RETRY_MS if pending(order, standings, self._buckets) else None

    async def _bucket(self, order: Order, cut: Cut, bucket: int, standing: Standing) -> None:
        start, before = 0, standing.issued_before_ms
        while page := await self._populations.page(bucket, cut, before, start, _PAGE):
            for task in page:
                await self._task(order, cut, task, before)
            start += len(page)

    async def _task(self, order: Order, cut: Cut, task: TaskId, before_ms: int) -> None:
        spec = await self._tree.spec(task)
        if spec is None:
            return
        if ends_task(cut, spec):
            await self._tasks.close(
                spec.path,
                TaskState.CANCELLED,
                ended_by="revoked",
                closed_by=f"{order.ordered_by}: {order.reason}",
            )
            self._faults.reach("reap.cut-followed")
            return
        await self._single_leases(cut, spec, before_ms)

    async def _single_leases(self, cut: Cut, spec: TaskSpec, before_ms: int) -> None:
        names = await self._leases.live(spec.id, 0)
        for start in range(0, len(names), END_BATCH):
            covered = await self._covered(cut, spec, before_ms, names[start : start + END_BATCH])
            if covered:
                await self._places.free(spec, covered)
                await self._leases.end([(name, spec.id) for name in covered], "revoked")

    async def _covered(
        self, cut: Cut, spec: TaskSpec, before_ms: int, names: Sequence[LeaseId]
    ) -> list[LeaseId]:
        views = [(name, await self._leases.find(name, spec.path)) for name in names]
        return [name for name, view in views if view and ends_lease(cut, view, before_ms)]


class Forget:
    """``g``: remove what retention has outlived."""

    def __init__(self, tree: TaskTree) -> None:
        self._tree = tree

    async def work(self, work: Work) -> int | None:
        """Remove a task's records."""
        spec = await self._tree.spec(parse_task_id(work.subject))
        if spec is not None:
            await self._tree.forget(spec)
        return None
