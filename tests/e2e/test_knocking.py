"""An instance that knocks on a task of another one gets nothing, and is noticed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.behaviour.rules import Action, Detector
from broker.settings.behaviour import Behaviour, DetectorSetting
from tests.fakes.cast import AGENT, HELPER, OPERATOR, STOCK_AGENT
from tests.fakes.eventually_true import eventually_true
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import World, open_world
from tests.fakes.world_config import Template

SECOND = replace(AGENT, instance="pod-9")
SETTINGS = Behaviour(
    detectors={
        Detector.SECOND_INSTANCE: DetectorSetting(threshold=3, action=Action.FREEZE),
        Detector.AFTER_END: DetectorSetting(threshold=2),
    }
)


@pytest.fixture
async def world(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path
) -> AsyncIterator[World]:
    """One broker that freezes what a second instance knocks on."""
    async with open_world(single, template, signer, tmp_path, brokers=0) as world:
        await world.start(behaviour=SETTINGS)
        yield world


async def findings(world: World, detector: str) -> list[dict[str, Any]]:
    """List the findings of a detector."""
    found: list[dict[str, Any]] = (
        await world.get(OPERATOR, f"/v1/findings?detector={detector}")
    ).body["findings"]
    return found


async def until_done(world: World, detector: str) -> None:
    """Wait until something is found, and what it leads to is done."""

    async def done() -> bool:
        found = await findings(world, detector)
        return bool(found) and all(each["done_at"] for each in found)

    await eventually_true(done, "it is found")


async def test_a_second_instance_at_every_door_is_found_and_the_task_frozen(world: World) -> None:
    """Each door says what it says of a task that never was; the trail says who knocked."""
    task = (await world.open())["id"]
    held = await world.issue(task)
    absent = f"t_00_{'a' * 26}"

    def doors(of: str) -> list[str]:
        return [f"/v1/tasks/{of}/{verb}" for verb in ("heartbeat", "complete", "credentials")]

    bodies: list[dict[str, Any]] = [
        {},
        {},
        {"capability": "orders-api", "scopes": ["orders:read"]},
    ]
    knocks = [
        (await world.post(SECOND, door, body)).raw
        for door, body in zip(doors(task), bodies, strict=True)
    ]
    nothing = [
        (await world.post(SECOND, door, body)).raw
        for door, body in zip(doors(absent), bodies, strict=True)
    ]

    await until_done(world, "second-instance")
    assert knocks == nothing
    (finding,) = await findings(world, "second-instance")
    assert (finding["agent"], finding["count"]) == ("invoice-bot", 3)
    assert (finding["tasks"], finding["did"]) == ([task], [f"froze {task}"])
    assert not await world.is_active(held["access_token"])
    assert await world.told("use.foreign") == 3


async def test_each_door_is_watched(world: World) -> None:
    """Looking, claiming, prolonging, extending, delegating and renewing, too."""
    task = (await world.open(instance=...))["id"]
    await world.post(SECOND, f"/v1/tasks/{task}/claim", {"handle": "guessed"})
    other = (await world.open())["id"]
    held = await world.issue(other)

    await world.get(SECOND, f"/v1/tasks/{other}")
    await world.post(SECOND, f"/v1/tasks/{other}/extend", {"ttl_seconds": 60})
    await world.delegate(other, SECOND)
    await world.post(SECOND, f"/v1/credentials/{held['id']}/renew", {})

    assert await world.told("use.foreign") == 5


async def test_another_agent_that_knocks_is_found_and_the_knocked_task_goes_on(
    world: World,
) -> None:
    """Nobody pays for what others do; and in another tenant the task does not even exist."""
    task = (await world.open())["id"]

    for who in (HELPER, STOCK_AGENT):
        for _ in range(3):
            await world.post(who, f"/v1/tasks/{task}/heartbeat", {})

    await until_done(world, "second-instance")
    (finding,) = await findings(world, "second-instance")
    assert (finding["agent"], finding["did"]) == ("helper-bot", [])
    assert (await world.get(OPERATOR, f"/v1/tasks/{task}"))["state"] == "open"
    assert await world.told("use.foreign") == 3


async def test_a_claim_that_comes_too_late_is_use_after_the_end(world: World) -> None:
    """With the right handle, of a task that has ended meanwhile."""
    opened = await world.open(instance=...)
    path = f"/v1/tasks/{opened['id']}"
    await world.post(OPERATOR, f"{path}/cancel", {})

    late = [
        await world.post(AGENT, f"{path}/claim", {"handle": opened["claim_handle"]})
        for _ in range(2)
    ]

    assert [each.status for each in late] == [409, 409]
    await until_done(world, "after-end")
    assert (await findings(world, "second-instance")) == []
