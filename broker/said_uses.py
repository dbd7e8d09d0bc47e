"""What an agent's side says of the uses of its credentials: taken from the owner, shown as said.

It is a claim. It gives nothing, ends nothing and overrules nobody who has seen a credential; that
something was said counts as a beat of the agent, which it could send as well. Policy has no part in
it, and so it is taken in revoke-only mode too.
"""

from collections.abc import Callable
from typing import Protocol

from broker.faultpoints import FaultPoints
from broker.idempotency import repeatable
from broker.ids import TaskId, bucket_of
from broker.knocks import Knocks
from broker.model.principal import Principal
from broker.model.said import SaidBatch, SaidOfTask
from broker.model.task import Task
from broker.store.ledger import Ledger
from broker.store.said_ledger import SaidLedger
from broker.store.task_ledger import TaskLedger


class News(Protocol):
    """Is told which bucket's outbox has something, and whether somebody's access ended."""

    def __call__(self, bucket: int, *, urgent: bool) -> None:
        """Hear it."""
        ...


class Given(Protocol):
    """What a broker has at hand: :class:`broker.verbs.Parts`."""

    @property
    def ledger(self) -> Ledger:
        """Where tasks are, and what was said of them."""
        ...

    @property
    def faults(self) -> FaultPoints:
        """Where a test may let it die."""
        ...

    @property
    def news(self) -> News:
        """Who ships what is told."""
        ...


class SaidUses:
    """The verbs. ``told`` is told the task whose bucket has news."""

    def __init__(
        self,
        tasks: TaskLedger,
        said: SaidLedger,
        knocks: Knocks,
        faults: FaultPoints,
        told: Callable[[TaskId], None],
    ) -> None:
        self._tasks = tasks
        self._said = said
        self._knocks = knocks
        self._faults = faults
        self._told = told

    @classmethod
    def over(cls, given: Given, knocks: Knocks) -> "SaidUses":
        """Build it in a broker."""
        return cls(
            given.ledger.tasks,
            given.ledger.tasks.said,
            knocks,
            given.faults,
            told=lambda task: given.news(bucket_of(task), urgent=False),
        )

    async def note(
        self, caller: Principal, task: TaskId, batch: SaidBatch, idempotency_key: str
    ) -> Task:
        """Note what the owning instance says; the same batch under the same key counts once.

        Raises:
            NotFoundError: the caller is not the task's instance.
            InvalidRequestError: a credential is none of this task's.
            TaskClosedError: the task has ended.
            SlowDownError: it says more than it may in a minute.
        """
        found = await self._tasks.view(task)
        await self._knocks.require_owner(caller, found.spec, found.instance)
        same = repeatable(caller, f"uses {task}", idempotency_key, batch)
        await self._said.note(found, batch, same.key, same.digest)
        self._faults.reach("use.written")
        self._told(task)
        return await self._tasks.view(task)

    async def show(self, caller: Principal, task: TaskId) -> SaidOfTask:
        """Show what was said of a task to whoever may see the task.

        Raises:
            NotFoundError: to everybody else.
        """
        await self._knocks.require_visible(caller, await self._tasks.view(task))
        return await self._said.of_task(task)
