"""The kinds of due work. Each does its piece to the end, and may be repeated from any point.

A record that cannot be read keeps none of the others from its end: the work goes on around it, then
says that it is not finished, so that it is told and comes back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from broker.errors import NotFoundError, UnreadableRecordError
from broker.faultpoints import FaultPoints
from broker.ids import LeaseId, TaskId, parse_revocation_id, parse_task_id
from broker.model.requests import SESSIONS, SelectorKind
from broker.model.task import UNENDED, TaskSpec, TaskState
from broker.places import Places
from broker.populations import Populations, ends_lease, ends_task
from broker.revocation import Revocations, cuts_of, is_single, pending
from broker.set_orders import SetOrders
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
        try:
            path = await self._paths.of_task(task)
        except NotFoundError:
            path = (task,)  # the ledger finds nothing there either, and takes it off the queue
        await self._tree.sweep(path)
        return None


class TakeDown:
    """``k``: end the leases and children of a task that has ended.

    They are dead already, by the judge's word; this makes it so record by record, tells it, and
    frees the quotas. ``ended`` ends what the task still asks of people.
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
        ended: Callable[[TaskId], Awaitable[None]] | None = None,
    ) -> None:
        self._tasks = tasks
        self._leases = leases
        self._tree = tree
        self._places = places
        self._faults = faults
        self._retention_ms = retention_ms
        self._ended = ended

    async def work(self, work: Work) -> int | None:
        """Take a task down; what remains of it is forgotten when its retention has passed."""
        task = parse_task_id(work.subject)
        spec = await self._tree.spec(task)
        if spec is None:
            return None
        seen = await self._tasks.view(task)
        if seen.state in UNENDED:
            return None  # nobody has ended it: this is no work of ours
        if not seen.close_number:
            # Its end could not be told when it came.
            await self._tasks.close(spec.path, seen.state, ended_by="", closed_by="")
        if self._ended is not None:
            await self._ended(task)
        unreadable = await self._end_leases(spec) + await self._close_children(spec)
        _require_all(unreadable, "leases or children")
        await self._tree.forget_at(task, seen.closed_at_ms + self._retention_ms)
        return None

    async def _end_leases(self, spec: TaskSpec) -> int:
        """End them; return how many cannot be read."""
        unreadable = 0
        while names := await self._leases.live(spec.id, END_BATCH, unreadable):
            await self._places.free(spec, names)
            self._faults.reach("reap.freed")
            unreadable += await self._end(spec, names)
            self._faults.reach("reap.batch-ended")
        return unreadable

    async def _end(self, spec: TaskSpec, names: Sequence[LeaseId]) -> int:
        try:
            await self._leases.end([(name, spec.id) for name in names], "task-ended")
        except UnreadableRecordError:
            if len(names) == 1:
                return 1
            return sum([await self._end(spec, [name]) for name in names])
        return 0

    async def _close_children(self, spec: TaskSpec) -> int:
        """End them; return how many cannot be read."""
        unreadable, after = 0, None
        while children := await self._tree.children(spec.id, after, _PAGE):
            for child in children:
                unreadable += await self._close(spec, child.name)
                self._faults.reach("reap.child-closed")
            after = children[-1]
        return unreadable

    async def _close(self, parent: TaskSpec, child: TaskId) -> int:
        path = (*parent.path, child)
        try:
            await self._tasks.close(
                path, TaskState.CANCELLED, ended_by="parent", closed_by="broker"
            )
        except NotFoundError:
            return 0
        except UnreadableRecordError:
            return 1
        return 0


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
        sets: SetOrders,
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
        self._sets = sets
        self._populations = populations
        self._places = places
        self._faults = faults
        self._buckets = buckets

    async def work(self, work: Work) -> int | None:
        """Clean up the bucket that the work lies in."""
        try:
            order, standings = await self._orders.find(parse_revocation_id(work.subject))
            if is_single(order):
                await self._revocations.carry_out(order)
                return None
            if order.selector.kind is SelectorKind.SET:
                done = await self._sets.work(order)
                return None if done.is_complete else work.claimed_ms
        except NotFoundError:
            return None  # the order, or the one thing that it names, is no longer kept
        if pending(order, standings, self._buckets):
            await self._revocations.carry_out(order)
            _, standings = await self._orders.find(order.id)
        unreadable = 0
        for cut in cuts_of(order):
            standing = standings.get(cut.field, {}).get(work.bucket)
            if standing:
                unreadable += await self._bucket(order, cut, work.bucket, standing)
        _require_all(unreadable, "tasks")
        return work.claimed_ms + _RETRY_MS if pending(order, standings, self._buckets) else None

    async def _bucket(self, order: Order, cut: Cut, bucket: int, standing: Standing) -> int:
        """Clean up; return how many tasks cannot be read, or have leases that cannot."""
        unreadable, after = 0, None
        before = standing.issued_before_ms
        while page := await self._populations.page(bucket, cut, before, after, _PAGE):
            for task in page:
                try:
                    await self._task(order, cut, task.name, before)
                except NotFoundError:
                    pass  # forgotten in between
                except UnreadableRecordError:
                    unreadable += 1
            after = page[-1]
        return unreadable

    async def _task(self, order: Order, cut: Cut, task: TaskId, before_ms: int) -> None:
        spec = await self._tree.spec(task)
        if spec is None:
            return
        if ends_task(cut, spec):
            await self._tasks.close(
                spec.path,
                TaskState.CANCELLED,
                ended_by="session" if cut.of in SESSIONS else "revoked",
                closed_by=f"{order.ordered_by}: {order.reason}",
            )
            self._faults.reach("reap.cut-followed")
            return
        await self._single_leases(cut, spec, before_ms)

    async def _single_leases(self, cut: Cut, spec: TaskSpec, before_ms: int) -> None:
        unreadable, after = 0, None
        while page := await self._leases.live_after(spec.id, after, END_BATCH):
            names, after = [entry.name for entry in page], page[-1]
            answers = [await self._is_covered(cut, spec, before_ms, name) for name in names]
            covered = [name for name, answer in zip(names, answers, strict=True) if answer]
            if covered:
                await self._places.free(spec, covered)
                await self._leases.end([(name, spec.id) for name in covered], "revoked")
            unreadable += answers.count(None)
        _require_all(unreadable, "leases")

    async def _is_covered(
        self, cut: Cut, spec: TaskSpec, before_ms: int, name: LeaseId
    ) -> bool | None:
        """Tell whether the cut ends a lease; None when its record cannot be read."""
        try:
            view = await self._leases.find(name, spec.path)
        except UnreadableRecordError:
            return None
        return view is not None and ends_lease(cut, view, before_ms)


class Forget:
    """``g``: remove what retention has outlived.

    A tree is forgotten from below: what ended a task tells what became of everything under it, so
    it is kept for as long as that is.
    """

    def __init__(self, tree: TaskTree, *, retention_ms: int) -> None:
        self._tree = tree
        self._retention_ms = retention_ms

    async def work(self, work: Work) -> int | None:
        """Remove a task's records, or come back when its last child may be gone."""
        spec = await self._tree.spec(parse_task_id(work.subject))
        if spec is None:
            return None
        last = await self._last_child(spec)
        if last is not None:
            # An open one is about to be ended: this piece comes back with it.
            return (last or work.claimed_ms) + self._retention_ms
        await self._tree.forget(spec)
        return None

    async def _last_child(self, spec: TaskSpec) -> int | None:
        """Return when the last child was closed (0: it was not yet); None when there is none."""
        after, closed = None, list[int]()
        while children := await self._tree.children(spec.id, after, _PAGE):
            ends = await asyncio.gather(*(self._tree.closed_at(child.name) for child in children))
            found = [end for end in ends if end is not None]
            if 0 in found:
                return 0
            closed += [max(found)] if found else []
            after = children[-1]
        return max(closed, default=None)


def _require_all(unreadable: int, what: str) -> None:
    """Say that a piece is not finished, although everything else of it is.

    Raises:
        UnreadableRecordError: there is something that cannot be read.
    """
    if unreadable:
        raise UnreadableRecordError(f"{unreadable} {what} cannot be read")
