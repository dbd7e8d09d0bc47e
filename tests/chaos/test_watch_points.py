"""A broker dies at every step from what is found to what follows.

No finding is lost and none is made twice; a task is frozen once for it, an agent held once; and
what an operator has thawed since is not frozen again by whoever goes on.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
import pytest_asyncio

from broker.client.api_errors import ApiError
from broker.client.errors import BrokerUnreachableError
from broker.client.finding_calls import Finding
from tests.chaos.audit_log import read_audit
from tests.chaos.cast import Cast, Part
from tests.chaos.watch_cases import FREEZING
from tests.chaos.world import open_world
from tests.fakes.eventually_true import eventually_true

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

KILLED: Final = -9
MANY: Final = 4
DETECTORS: Final = {
    "denial-burst": {"threshold": MANY, "action": "freeze"},
    "after-end": {"threshold": MANY, "action": "suspend"},
}


@dataclass
class Stage:
    """One broker, which is killed again and again; ``frozen`` are the tasks that were."""

    cast: Cast
    frozen: list[str] = field(default_factory=list)

    async def begins(self, point: str) -> None:
        """Start the broker so that it dies at a point."""
        slot = self.cast.world.slots[0]
        await slot.kill()
        await slot.start(armed=f"watch.{point}")

    async def dies(self, point: str) -> None:
        """See it die, and start it as it is."""
        slot = self.cast.world.slots[0]
        assert await slot.died() == KILLED, f"it did not die at watch.{point}"
        await slot.start()

    async def provokes(self, who: Part, task: str, scope: str) -> None:
        """Ask for what is refused, just often enough to be found."""
        for _ in range(MANY):
            with suppress(BrokerUnreachableError, ApiError):
                await who.client.credentials.issue(task, "orders-api", scopes=(scope,))

    async def found(self, detector: str, task: str = "") -> Finding:
        """Wait for the one finding, until what it leads to is done."""
        calls = self.cast.operator.client.findings

        async def done() -> bool:
            page = await calls.find(detector=detector)
            return any(task in ("", *each.tasks) and each.done_at for each in page.findings)

        await eventually_true(done, f"{detector} is found, and done")
        listed = [each async for each in calls.all(detector=detector)]
        (finding,) = [each for each in listed if task in ("", *each.tasks)]
        return finding

    async def told(self, finding: str) -> list[Mapping[str, Any]]:
        """Return what the trail has about a finding."""

        async def stands() -> bool:
            return bool(self._about(finding))

        await eventually_true(stands, "it is told")
        return self._about(finding)

    def _about(self, finding: str) -> list[Mapping[str, Any]]:
        trail = self.events("behaviour.found")
        return [each for each in trail if each["finding"] == finding]

    def events(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the events of a kind."""
        trail = read_audit(self.cast.world.audit_files()[0])
        return [each for each in trail if each["type"] == kind]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage() -> AsyncIterator[Stage]:
    """One for all of them."""
    async with open_world() as world:
        world.configure({"behaviour": {"detectors": DETECTORS}})
        stage = Stage(Cast(world))
        await world.slots[0].start()
        yield stage


@pytest.mark.parametrize("step", FREEZING)
async def test_a_burst_freezes_once_whoever_is_left(stage: Stage, step: str) -> None:
    """One finding, one freeze, told once."""
    task = (await stage.cast.open()).id
    await stage.begins(step)

    await stage.provokes(stage.cast.agent, task, "orders:write")

    await stage.dies(step)
    finding = await stage.found("denial-burst", task)
    assert (finding.count, finding.tasks) == (MANY, (task,))
    shown = await stage.cast.operator.client.tasks.show(task)
    assert (shown.frozen, shown.frozen_by) == (True, "broker:behaviour")
    assert len(await stage.told(finding.id)) == 1
    assert [each["task"] for each in stage.events("task.frozen")].count(task) == 1
    stage.frozen.append(task)


async def test_dying_again_at_the_same_step_freezes_no_second_time(stage: Stage) -> None:
    """The freeze carries the finding's name, so whoever repeats it changes nothing."""
    task = (await stage.cast.open()).id
    await stage.begins("froze")
    await stage.provokes(stage.cast.agent, task, "orders:write")
    slot = stage.cast.world.slots[0]
    for _ in range(2):
        assert await slot.died() == KILLED
        await slot.start(armed="watch.froze", is_awaited=False)
    await stage.dies("froze")

    finding = await stage.found("denial-burst", task)

    assert len(await stage.told(finding.id)) == 1
    assert [each["task"] for each in stage.events("task.frozen")].count(task) == 1
    stage.frozen.append(task)


async def test_what_was_thawed_stays_thawed_when_a_broker_starts_anew(stage: Stage) -> None:
    """Every finding was acted on, so nobody does so again."""
    calls = stage.cast.operator.client.tasks
    for task in stage.frozen:
        await calls.thaw(task, reason="was meant")
    slot = stage.cast.world.slots[0]
    await slot.kill()
    await slot.start()
    probe = (await stage.cast.open()).id
    await stage.provokes(stage.cast.agent, probe, "orders:write")
    await stage.found("denial-burst", probe)

    assert stage.frozen
    times = [each["task"] for each in stage.events("task.frozen")]
    for task in stage.frozen:
        assert not (await calls.show(task)).frozen
        assert times.count(task) == 1


async def test_an_agent_is_held_once_whoever_is_left(stage: Stage) -> None:
    """By one change of the facts; it is given nothing after it."""
    reporter = stage.cast.reporter
    task = (await stage.cast.open(reporter)).id
    await reporter.client.tasks.complete(task)
    await stage.begins("held")

    await stage.provokes(reporter, task, "orders:read")

    await stage.dies("held")
    finding = await stage.found("after-end")
    assert finding.did == ("held the agent",)
    assert len(await stage.told(finding.id)) == 1
    facts = [each for each in stage.events("facts.changed") if each["by"] == "broker:behaviour"]
    assert len(facts) == 1
    agent = await stage.cast.operator.client.operator.agent("report-bot")
    assert agent.hold is not None
    assert agent.hold.by == "broker:behaviour"
