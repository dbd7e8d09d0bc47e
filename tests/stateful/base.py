"""What every rule of the stateful test stands on: one world, one model, and how to act on both."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from broker.errors import (
    BrokerError,
    StoreUnavailableError,
    TaskClosedError,
    TaskFrozenError,
)
from broker.ids import bucket_of
from broker.store.link import Link
from tests.fakes.faulty_link import Fault
from tests.stateful.model import Model, ModelLease, ModelTask
from tests.stateful.people import AGENTS, INSTANCES, ISSUERS, MINUTE, SECOND, TENANTS
from tests.stateful.world import EPOCH_MS, World

Result = TypeVar("Result")

PICKS = st.integers(0, 60)
"""Which of the known ones, counted from the newest."""

FAULTS = st.one_of(
    st.none(),
    st.none(),
    st.builds(Fault, at=st.integers(0, 9), after=st.booleans(), for_good=st.booleans()),
)
SHORT = st.sampled_from([3 * MINUTE, MINUTE, 3 * MINUTE, 10 * SECOND, 1_500, SECOND])
LONG = st.sampled_from([10 * MINUTE, 5 * MINUTE, 10 * MINUTE, MINUTE])
MOSTLY = st.sampled_from([True, True, True, True, False])
WHO = st.sampled_from(AGENTS)
WHERE = st.sampled_from(TENANTS)
WHICH = st.sampled_from(INSTANCES)
ISSUER = st.sampled_from(ISSUERS)


@dataclass(frozen=True)
class Arena:
    """A server that is there for all runs: an event loop, and a link in it."""

    runner: asyncio.Runner
    link: Link
    flush: Callable[[], None]
    buckets: int


class Stage(RuleBasedStateMachine):
    """One run. ``arena`` is set by the test."""

    arena: ClassVar[Arena]

    def __init__(self) -> None:
        super().__init__()
        self.arena.flush()
        self.world = World(self.arena.link, buckets=self.arena.buckets)
        self.model = Model(self.arena.buckets, EPOCH_MS)
        self.keys = 0
        self.is_sound = True
        """False from the moment that something is found wrong: then the end is not looked at."""
        self.is_exact = True
        """False once a lost reply may have left places in the quotas taken."""
        self.run(self.world.set_clocks(self.model.now))

    def run(self, call: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine to its end."""
        return self.arena.runner.run(call)

    def fresh_key(self) -> str:
        """Make an idempotency key."""
        self.keys += 1
        return f"key-{self.keys}"

    def act(
        self,
        call: Callable[[], Awaitable[Result]],
        refusals: set[type[BrokerError]],
        fault: Fault | None = None,
        *,
        is_sure: bool = True,
    ) -> Result | None:
        """Do something, and do it again if a reply was lost; None when it is rightly refused.

        It is refused if and only if there are ``refusals``; unless that is not ``is_sure``.
        """
        self.is_sound = False
        if fault is not None:
            self.lose(call, fault)
        try:
            result = self.run(_awaited(call))
        except BrokerError as error:
            assert type(error) in refusals, f"refused: {error!r}; expected {refusals}"
            self.is_sound = True
            return None
        assert not (refusals and is_sure), f"not refused, though {refusals}"
        self.is_sound = True
        return result

    def lose(self, call: Callable[[], Awaitable[Any]], fault: Fault) -> None:
        """Do something while replies are lost, whatever becomes of it; perhaps it succeeds."""
        self.world.faults.arm(fault)
        try:
            self.run(_awaited(call))
        except StoreUnavailableError:
            assert self.world.faults.struck
        except BrokerError:
            pass  # the attempt that counts is the one without a fault
        if self.world.faults.struck:
            self.is_exact = False
        self.world.faults.arm(None)

    def now(self, any_id: str) -> int:
        """Return the time in the bucket of an id."""
        return self.model.now[bucket_of(any_id)]

    def shut(self, task: ModelTask) -> set[type[BrokerError]]:
        """Say how what a task may not have is refused: empty while it is alive."""
        why = self.model.why_dead(task)
        if not why:
            return set()
        return {TaskFrozenError} if why == "frozen" else {TaskClosedError}

    def a_task(self, pick: int) -> ModelTask:
        """Pick a task, more often than not one that is alive."""
        alive = [task for task in self.model.tasks if not self.model.why_dead(task)]
        return _picked(self.model.tasks, alive, pick)

    def a_lease(self, pick: int) -> ModelLease:
        """Pick a lease, more often than not one that is alive."""
        alive = [lease for lease in self.model.leases if self.model.is_alive(lease)]
        return _picked(self.model.leases, alive, pick)


async def _awaited(call: Callable[[], Awaitable[Result]]) -> Result:
    return await call()


def _picked(known: list[Result], alive: list[Result], pick: int) -> Result:
    choice = alive if alive and pick % 5 else known
    return choice[-1 - pick // 5 % len(choice)]
