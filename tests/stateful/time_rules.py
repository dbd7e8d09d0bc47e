"""Rules about time, and about the reaper, alone, interrupted, and beside another."""

import asyncio

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from broker.verbs import Verbs
from tests.fakes.faulty_link import Fault, PausingLink
from tests.stateful.base import PICKS, Stage
from tests.stateful.model import ModelTask
from tests.stateful.people import MINUTE, SECOND
from tests.stateful.world import CLAIMS, LIMITS

STEPS = st.sampled_from([1, 2, 999, SECOND, 6 * SECOND, 20 * SECOND, MINUTE])
SIDES = st.sampled_from([-1, 0, 1])
"""Just before an instant, at it, just after it."""

STRIKES = st.builds(Fault, at=st.integers(0, 12), after=st.booleans(), for_good=st.booleans())


class TimeRules(Stage):
    """What time does."""

    @rule(step=STEPS, only=st.sampled_from([None, None, 0, 1]))
    def advance(self, step: int, only: int | None) -> None:
        """Time passes, everywhere or in one bucket."""
        self._pass([step if only in (None, number) else 0 for number in range(self.world.buckets)])

    @precondition(lambda self: self.model.leases)
    @rule(pick=PICKS, side=SIDES, of=st.sampled_from(["lease", "lease", "task", "silence"]))
    def advance_to_an_edge(self, pick: int, side: int, of: str) -> None:
        """Time passes to the edge of a credential's life, of its task's, or of its patience."""
        lease = self.a_lease(pick)
        task = lease.task
        silence = task.seen + task.idle if task.idle else task.deadline
        end = {"lease": lease.expires, "task": task.deadline, "silence": silence}[of]
        self._reach(end + side, task.bucket)

    def _reach(self, instant: int, bucket: int) -> None:
        missing = max(0, instant - self.model.now[bucket])
        self._pass([missing] * self.world.buckets)

    def _pass(self, steps: list[int]) -> None:
        self.model.now = [now + step for now, step in zip(self.model.now, steps, strict=True)]
        self.run(self.world.set_clocks(self.model.now))

    @rule()
    def reap(self) -> None:
        """A broker follows up everything that is due."""
        self.run(self.world.reap())
        self.model.reaped(LIMITS.retention_ms)

    @rule(fault=STRIKES)
    def reap_interrupted(self, fault: Fault) -> None:
        """A broker dies over it; when its claims have run out, the next one finishes."""
        self.lose(lambda: self.world.reap_once(self.world.verbs.reaper), fault)
        self._claims_run_out()

    @rule(at=st.integers(1, 12))
    def reap_twice_at_once(self, at: int) -> None:
        """A broker stops in the middle, another does its work, and the first wakes up again."""
        link = PausingLink(self.world.places, at=at)
        slow = self.world.another_broker(link)
        self.run(self._overtake(link, slow))
        self.is_exact = False
        self._claims_run_out()

    async def _overtake(self, link: PausingLink, slow: Verbs) -> None:
        reaping = asyncio.create_task(self.world.reap_once(slow.reaper))
        await link.reached_by(reaping)
        self.model.now = [now + CLAIMS.hide_ms + 1 for now in self.model.now]
        await self.world.set_clocks(self.model.now)
        await self.world.reap()
        link.released.set()
        await reaping

    def _claims_run_out(self) -> None:
        still_open = [task for task in self.model.tasks if task.is_unended]
        self._pass([CLAIMS.hide_ms + 1] * self.world.buckets)
        self.reap()
        for task in still_open:
            if not task.is_unended:
                self._learn_when_closed(task)

    def _learn_when_closed(self, task: ModelTask) -> None:
        """Either broker may have been the one that closed it."""
        closed = self.run(self.world.ledger.tasks.view(task.id)).closed_at_ms
        assert task.closed - 2 * (CLAIMS.hide_ms + 1) <= closed <= task.closed
        task.closed = closed
