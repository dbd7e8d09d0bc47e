"""The stateful test of the ledger: what must hold after every step, and at the end of all."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Iterable
from typing import Any, TypeVar

from hypothesis.stateful import invariant

from broker.errors import BrokerError, NotFoundError, UnavailableError
from broker.model.lease import Lease, LeaseState
from broker.model.principal import ALL_TENANTS
from broker.model.task import Task, TaskState
from tests.stateful.beginnings import Beginnings
from tests.stateful.freeze_rules import FreezeRules
from tests.stateful.model import ModelLease, ModelTask
from tests.stateful.operator_rules import OperatorRules
from tests.stateful.people import AGENTS, TENANTS, operator
from tests.stateful.report_rules import ReportRules
from tests.stateful.reservation_rules import ReservationRules
from tests.stateful.time_rules import TimeRules
from tests.stateful.world import LIMITS

Result = TypeVar("Result")


class LedgerMachine(
    Beginnings, FreezeRules, ReservationRules, OperatorRules, ReportRules, TimeRules
):
    """Everything at once."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[int, int] = defaultdict(int)
        self.starts: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()

    def full_outbox(self, bucket: int) -> set[type[BrokerError]]:
        """Say what a full outbox leads to."""
        raw = self.run(self.world.raw(bucket))
        return {UnavailableError} if raw.length >= LIMITS.outbox else set()

    def places(self, kind: str, name: str) -> set[str]:
        """Name the leases that hold a place in a quota."""
        return self.run(self.world.members(self.world.ledger.keys.quota(kind, name)))

    @invariant()
    def check(self) -> None:
        """Everything that must hold whenever nothing is under way."""
        self.is_sound = False
        self._check_tasks()
        self._check_leases()
        self._check_due()
        self._check_outbox()
        self._check_quotas()
        self.is_sound = True

    def _check_tasks(self) -> None:
        seen = self.run(_all(self._task(task) for task in self.model.tasks))
        for task, found in zip(self.model.tasks, seen, strict=True):
            assert (found is None) == task.is_forgotten, task.id
            if found is None:
                continue
            assert found.is_alive == (not self.model.why_dead(task)), (task.id, found.ended_by)
            assert found.state == task.state
            assert found.instance == task.instance
            assert (found.opened_at_ms, found.deadline_ms) == (task.opened, task.deadline)
            assert (found.agent_seen_ms, found.opener_seen_ms) == (task.seen, task.oseen)
            parent = task.parent
            if parent and not parent.is_forgotten:
                assert self.model.why_dead(task) or found.deadline_ms <= parent.deadline
            assert len(found.spec.path) == len(task.path)

    async def _task(self, task: ModelTask) -> Task | None:
        try:
            return await self.world.ledger.tasks.view(task.id)
        except NotFoundError:
            return None

    def _check_leases(self) -> None:
        seen = self.run(_all(self._lease(lease) for lease in self.model.leases))
        for lease, found in zip(self.model.leases, seen, strict=True):
            assert found is not None, "its record outlives its task's"
            is_alive = self.model.is_alive(lease)
            if is_alive:
                lease.last_alive = self.now(lease.id)
            assert found.is_alive == is_alive, (lease.id, found.ended_by)
            assert (found.state is LeaseState.ENDED) == bool(lease.ended_by), lease.id
            assert (found.generation, found.expires_at_ms) == (lease.generation, lease.expires)
            assert found.max_expires_at_ms == lease.most

    async def _lease(self, lease: ModelLease) -> Lease | None:
        return await self.world.ledger.leases.find(
            lease.id, tuple(node.id for node in lease.task.path)
        )

    def _check_due(self) -> None:
        """Nothing that has yet to happen can be forgotten by everybody."""
        raws = self.run(_all(self.world.raw(number) for number in range(self.world.buckets)))
        for task in self.model.tasks:
            if task.is_forgotten:
                continue
            due = raws[task.bucket].due
            kinds = {kind for kind in "tkg" if f"{kind}:{task.id}" in due}
            assert kinds == {"t"} if task.is_unended else kinds in ({"k"}, {"g"}), kinds
        for lease in self.model.unended():
            assert f"l:{lease.id}:{lease.task.id}" in raws[lease.task.bucket].due

    def _check_outbox(self) -> None:
        for bucket in range(self.world.buckets):
            for number, event in self.run(self.world.events(bucket, self.told[bucket])):
                assert number == self.told[bucket] + 1, "the outbox has a gap"
                self.told[bucket] = number
                self._count(event)
        for lease in self.model.leases:
            assert self.starts[lease.id] == 1
            assert self.ends[lease.id] == bool(lease.ended_by), lease.id
        known = {lease.id for lease in self.model.leases}
        assert set(self.starts) == known, "something was granted that nobody knows of"

    def _count(self, event: dict[str, Any]) -> None:
        name = event["detail"].get("id") or event["detail"].get("credential", "")
        if event["type"] == "lease.issued":
            self.starts[name] += 1
        if event["type"] == "lease.ended":
            self.ends[name] += 1

    def _check_quotas(self) -> None:
        for task in self.model.tasks:
            if not task.is_forgotten:
                key = self.world.ledger.keys.of(task.id).live(task.id)
                live = {lease.id for lease in task.leases if not lease.ended_by}
                assert self.run(self.world.members(key)) == live
        for kind, names in (("agent", AGENTS), ("tenant", TENANTS)):
            for name in names:
                taken = self.places(kind, name)
                of = {lease.id: lease for lease in self.model.leases_of(**{kind: name})}
                alive = {
                    lease.id
                    for lease in of.values()
                    if lease.is_delivered and self.model.is_alive(lease)
                }
                dead = {lease.id for lease in of.values() if lease.ended_by not in ("", "expired")}
                assert alive <= taken, "too few are counted"
                assert not self.is_exact or not taken & dead, "too many are counted"

    def teardown(self) -> None:
        """End everything, and see that nothing stays behind."""
        self.world.faults.arm(None)
        if not self.is_sound:
            return
        for task in self.model.tasks:
            if not task.is_forgotten and task.parent is None:
                self.close_by_operator(task)
        self.reap()
        self.check()
        assert not self.model.unended()
        self.run(self.world.ship())
        for _ in range(2):  # a child that its parent's end has closed is kept as long again
            self.advance(LIMITS.retention_ms, None)
            self.reap()
        self.check()
        left = [key for key in self.run(self.world.keys()) if self._is_leaked(key)]
        assert left == []

    def close_by_operator(self, task: ModelTask) -> None:
        """Let an operator cancel a task."""
        self.run(
            self.world.verbs.tasks.close(
                operator(ALL_TENANTS), task.id, TaskState.CANCELLED, "the end"
            )
        )
        task.close(TaskState.CANCELLED, self.now(task.id))

    def _is_leaked(self, key: str) -> bool:
        may_stay = key.endswith(("}:meta", "}:cuts", "}:out", "}:dx"))
        return not may_stay and self.run(self.world.lives_for_ever(key))


async def _all(calls: Iterable[Awaitable[Result]]) -> list[Result]:
    return list(await asyncio.gather(*calls))
