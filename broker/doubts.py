"""``c``: decides again about leases of which time alone may have changed the answer.

A relationship runs out, a review is overdue, an hour has struck: nobody changes anything, so nobody
raises a floor. Each grant says when that may be, and the due queue brings the lease back then; many
at a time, for an hour strikes for everybody at once.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from broker import under_way
from broker.errors import BrokerError
from broker.freshness import Freshness
from broker.ids import LeaseId, TaskId, parse_lease_id, parse_task_id
from broker.model.held import HeldLease
from broker.model.task import TaskSpec
from broker.reassessment import Reassessment
from broker.redeciding import Case
from broker.store.due_queue import Work
from broker.store.held_leases import HeldLeases, TaskLeases, Unreadable
from broker.store.redo_ledger import Doubt, RedoLedger

_SPACE_MS: Final = 250
"""The shortest time between two looks at one lease: the ledger's clock may be ahead of ours."""

_log = structlog.get_logger(__name__)


class Doubts:
    """Looks at leases at their time."""

    def __init__(
        self,
        *,
        redo: RedoLedger,
        held: HeldLeases,
        reassessment: Reassessment,
        freshness: Freshness,
    ) -> None:
        self._redo = redo
        self._held = held
        self._reassessment = reassessment
        self._freshness = freshness
        self._insisting: dict[LeaseId, asyncio.Task[None]] = {}

    async def work_all(self, works: Sequence[Work]) -> None:
        """Decide again about leases of one bucket.

        Raises:
            BrokerError: not all of it is carried out: their claims run out.
        """
        bucket, again_ms = works[0].bucket, works[0].claimed_ms + _SPACE_MS
        if not await self._freshness.reaches((await self._redo.view(bucket)).floors):
            return
        names = dict(_named(work) for work in works)
        cases, unreadable = await self._cases(names)
        await self._reassessment.give_up(bucket, unreadable)
        there = {held.spec.id for held, _ in cases}
        gone = [Doubt(lease, task, 0) for lease, task in names.items() if lease not in there]
        await self._redo.doubt(bucket, gone)
        undecided = await self._reassessment.carry_out(bucket, cases, again_ms=again_ms)
        self._insist(bucket, undecided)

    async def stop(self) -> None:
        """End what is under way; it comes back when its claims run out."""
        await under_way.end(self._insisting.values())

    async def _cases(self, names: dict[LeaseId, TaskId]) -> tuple[list[Case], list[Unreadable]]:
        looked = await self._held.of_tasks(sorted(set(names.values())))
        tasks = {each.spec.id: each.spec for each in looked if isinstance(each, TaskLeases)}
        known = [(lease, task) for lease, task in names.items() if task in tasks]
        found = await self._held.of_leases(known)
        cases = [_case(each, tasks) for each in found if not isinstance(each, Unreadable)]
        return cases, [each for each in (*looked, *found) if isinstance(each, Unreadable)]

    def _insist(self, bucket: int, undecided: Sequence[Case]) -> None:
        """Go on asking about them, beside what else is due."""
        fresh = [case for case in undecided if case[0].spec.id not in self._insisting]
        if not fresh:
            return
        task = asyncio.create_task(self._asking(bucket, fresh))
        for held, _ in fresh:
            self._insisting[held.spec.id] = task

    async def _asking(self, bucket: int, cases: Sequence[Case]) -> None:
        try:
            await self._reassessment.insist(bucket, cases, _nothing)
        except BrokerError as error:
            _log.warning("redeciding-failed", bucket=bucket, error=str(error))
        finally:
            for held, _ in cases:
                self._insisting.pop(held.spec.id, None)


def _case(held: HeldLease, tasks: dict[TaskId, TaskSpec]) -> Case:
    return held, tasks[held.spec.task]


def _named(work: Work) -> tuple[LeaseId, TaskId]:
    lease, _, task = work.subject.partition(":")
    return parse_lease_id(lease), parse_task_id(task)


async def _nothing() -> None:
    """Hold nothing: each lease comes back by itself."""
