"""Rules about freezing: operators and openers stop a task, operators release it."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from broker.errors import BrokerError, NotFoundError, TaskClosedError
from tests.fakes.faulty_link import Fault
from tests.stateful.base import FAULTS, PICKS, Stage
from tests.stateful.model import ModelTask
from tests.stateful.people import ISSUERS, agent, operator

has_tasks = precondition(lambda self: self.model.tasks)


class FreezeRules(Stage):
    """What stops tasks, and what releases them."""

    @has_tasks
    @rule(
        pick=PICKS,
        by=st.sampled_from(["operator", "operator", "opener", "stranger"]),
        fault=FAULTS,
    )
    def freeze(self, pick: int, by: str, fault: Fault | None) -> None:
        """Kill what a tree has, and stop it."""
        task = self.a_task(pick)
        caller = {
            "operator": operator(task.tenant),
            "opener": task.opener,
            "stranger": agent("stranger", "pod-1", ISSUERS[0]),
        }[by]
        refusals = self._ended(task) if by != "stranger" else {NotFoundError}
        if self.act(
            lambda: self.world.verbs.freezing.order(caller, task.id, "odd"), refusals, fault
        ):
            task.freeze(self.now(task.id))

    @precondition(lambda self: any(task.state == "frozen" for task in self.model.tasks))
    @rule(pick=PICKS, is_operator=st.sampled_from([True, True, True, False]), fault=FAULTS)
    def thaw(self, pick: int, is_operator: bool, fault: Fault | None) -> None:  # noqa: FBT001
        """Let a stopped task ask anew."""
        frozen = [task for task in self.model.tasks if task.state == "frozen"]
        task = frozen[-1 - pick % len(frozen)]
        caller = operator(task.tenant) if is_operator else task.opener
        refusals = self._ended(task) if is_operator else {NotFoundError}
        if is_operator and not refusals:
            refusals = self.full_outbox(task.bucket)
            if task.deadline <= self.now(task.id):
                refusals = {TaskClosedError}
        if self.act(
            lambda: self.world.verbs.freezing.thaw(caller, task.id, "meant"), refusals, fault
        ):
            task.thaw(self.now(task.id))

    def _ended(self, task: ModelTask) -> set[type[BrokerError]]:
        if task.is_forgotten:
            return {NotFoundError}
        return set() if task.is_unended else {TaskClosedError}

    def full_outbox(self, bucket: int) -> set[type[BrokerError]]:
        """Say what a full outbox leads to."""
        raise NotImplementedError
