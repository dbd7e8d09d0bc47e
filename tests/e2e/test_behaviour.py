"""What agents do is held against their own past: found while it happens, stopped, and looked at."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from broker.behaviour.rules import Action, Detector
from broker.behaviour_watch import BehaviourWatch
from broker.settings.behaviour import Behaviour, DetectorSetting
from tests.fakes.cast import AGENT, HELPER, OPERATOR, ORDERS, REPORTER, STOCK_OPERATOR
from tests.fakes.eventually_true import eventually_true
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import World, open_world
from tests.fakes.world_config import Template

Open = Callable[..., Any]


def settings(**detectors: DetectorSetting) -> Behaviour:
    """Set some detectors."""
    return Behaviour(detectors={Detector(k.replace("_", "-")): v for k, v in detectors.items()})


BURST = settings(denial_burst=DetectorSetting(threshold=5, action=Action.FREEZE))
SUSPEND = settings(denial_burst=DetectorSetting(threshold=5, action=Action.SUSPEND))


@pytest.fixture
async def quiet(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path
) -> AsyncIterator[World]:
    """A world whose first broker is yet to be started."""
    async with open_world(single, template, signer, tmp_path, brokers=0) as world:
        yield world


async def deny(world: World, task: str, times: int, who: Any = AGENT, *, at: int = 0) -> None:
    """Ask for what policy refuses."""
    for _ in range(times):
        answer = await world.ask(task, who, at=at, scopes=["orders:write"])
        assert answer.status == 403, answer.raw


async def findings(world: World, who: Any = OPERATOR, query: str = "") -> list[dict[str, Any]]:
    """List findings."""
    answer = await world.get(who, f"/v1/findings{query}")
    assert answer.status == 200, answer.raw
    found: list[dict[str, Any]] = answer["findings"]
    return found


async def frozen(world: World, task: str) -> bool:
    """Tell whether a task is frozen."""
    return bool((await world.get(OPERATOR, f"/v1/tasks/{task}"))["frozen"])


async def test_a_burst_of_refusals_freezes_the_task_at_once(quiet: World) -> None:
    """What it had is dead; the finding names the events, and an operator thaws and acknowledges."""
    world = quiet
    await world.start(behaviour=BURST)
    task, other = await world.open(), await world.open()
    issued, kept = await world.issue(task["id"]), await world.issue(other["id"])

    await deny(world, task["id"], 5)
    await eventually_true(lambda: frozen(world, task["id"]), "it is frozen")
    (found,) = await findings(world)
    thaw = await world.post(OPERATOR, f"/v1/tasks/{task['id']}/thaw", {"reason": "was meant"})
    seen = await world.post(
        OPERATOR, f"/v1/findings/{found['id']}/acknowledge", {"reason": "a new release"}
    )

    assert not await world.is_active(issued["access_token"])
    assert await world.is_active(kept["access_token"])
    assert (found["detector"], found["agent"], found["count"]) == ("denial-burst", "invoice-bot", 5)
    assert (found["tasks"], found["did"]) == ([task["id"]], [f"froze {task['id']}"])
    assert len(found["evidence"]) == 5
    assert thaw.status == 200
    assert seen["acknowledged_by"] == f"operator:{OPERATOR.name}"
    assert await findings(world, query="?state=open") == []
    assert await world.told("behaviour.found") == 1


async def test_it_is_not_evaded_by_many_brokers_and_tasks(quiet: World) -> None:
    """The refusals of an agent count together, wherever they fall; all of the tasks are frozen."""
    world = quiet
    for _ in range(2):
        await world.start(behaviour=BURST)
    tasks = [(await world.open())["id"] for _ in range(5)]

    await asyncio.gather(*(deny(world, task, 1, at=n % 2) for n, task in enumerate(tasks)))

    for task in tasks:
        await eventually_true(partial(frozen, world, task), "it is frozen")
    assert len(await findings(world)) == 1


async def test_an_agent_in_a_loop_costs_no_other_anything(quiet: World) -> None:
    """Another agent's task lives on, and so does the looping one's in another tenant (I14, I16)."""
    world = quiet
    await world.start(behaviour=BURST)
    task = await world.open()
    child = (await world.delegate(task["id"])).body
    bystander = await world.open(agent="report-bot", instance=REPORTER.instance)

    await deny(world, child["id"], 12, HELPER)
    await eventually_true(lambda: frozen(world, child["id"]), "it is frozen")

    assert (await world.get(OPERATOR, f"/v1/tasks/{task['id']}"))["state"] == "open"
    assert (await world.get(OPERATOR, f"/v1/tasks/{bystander['id']}"))["state"] == "open"
    assert {each["agent"] for each in await findings(world)} == {"helper-bot"}
    assert await findings(world, STOCK_OPERATOR) == []


async def test_an_agent_is_suspended_until_an_operator_lets_it_go_on(quiet: World) -> None:
    """It is held: whatever it has anywhere in its tenant dies, and it is given nothing."""
    world = quiet
    await world.start(behaviour=SUSPEND)
    task, other = await world.open(), await world.open()
    kept = await world.issue(other["id"])

    await deny(world, task["id"], 5)

    async def is_dead() -> bool:
        return not await world.is_active(kept["access_token"])

    await eventually_true(is_dead, "it is dead")
    refused = await world.ask(other["id"])
    assert refused.status in (401, 403)
    (found,) = await findings(world)
    assert "held the agent" in found["did"]


async def test_a_thawed_task_is_not_frozen_again_for_the_same_events(quiet: World) -> None:
    """Even by a broker that lost its place in the log and reads all of it again."""
    world = quiet
    await world.start(behaviour=BURST)
    task = await world.open()
    await deny(world, task["id"], 5)
    await eventually_true(lambda: frozen(world, task["id"]), "it is frozen")
    await world.post(OPERATOR, f"/v1/tasks/{task['id']}/thaw", {"reason": "was meant"})

    world.single.ask("HDEL", world.broker.ledger.keys.watch, "cursor")
    await world.stop()
    await world.start(behaviour=BURST)
    watch = watch_of(world)
    for _ in range(3):
        await watch.step(block_ms=1)

    assert not await frozen(world, task["id"])
    assert len(await findings(world)) == 1


def watch_of(world: World) -> BehaviourWatch:
    """Return the watcher of the broker, which has the turn."""
    return world.broker._watch.log  # noqa: SLF001 - to have it look now


async def test_what_is_used_after_its_end_is_found(quiet: World) -> None:
    """By asking in a task that has ended; a token that is shown again is only noted."""
    world = quiet
    late = settings(after_end=DetectorSetting(threshold=3), shown_dead=DetectorSetting(threshold=1))
    await world.start(behaviour=late)
    task = await world.open()
    issued = await world.issue(task["id"])
    await world.end(task["id"])

    for _ in range(3):
        assert (await world.ask(task["id"])).status == 409
    await world.settle()
    await world.pass_time(30)
    assert not await world.is_active(issued["access_token"], ORDERS)

    async def are_found() -> bool:
        return {each["detector"] for each in await findings(world)} == {"after-end", "shown-dead"}

    await eventually_true(are_found, "both are found")


async def test_strangers_see_no_finding(quiet: World) -> None:
    """Another tenant's operator, and whoever is none: absent looks the same."""
    world = quiet
    await world.start(behaviour=BURST)
    task = await world.open()
    await deny(world, task["id"], 5)
    await eventually_true(lambda: frozen(world, task["id"]), "it is frozen")
    (found,) = await findings(world)

    path = f"/v1/findings/{found['id']}"
    absent = await world.get(STOCK_OPERATOR, f"/v1/findings/f_00_{'a' * 26}")
    foreign = await world.get(STOCK_OPERATOR, path)

    assert (foreign.status, foreign.raw) == (404, absent.raw)
    assert (await world.get(AGENT, path)).status == 403
    assert (await world.post(STOCK_OPERATOR, f"{path}/acknowledge", {"reason": "x"})).status == 404
