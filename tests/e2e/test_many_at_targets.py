"""Many credentials at a target that hangs, and others at one that does not."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.cast import AGENT
from tests.fakes.eventually_true import eventually_true
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.toy_target import ToyTarget
from tests.fakes.toy_world import ToyWorld, open_toy_world, toys
from tests.fakes.world_config import Template

MANY, FEW, AT_ONCE = 200, 20, 4


@pytest.fixture
def targets() -> Iterator[list[ToyTarget]]:
    """Two toy targets."""
    with ToyTarget("toy-1") as one, ToyTarget("toy-2") as two:
        yield [one, two]


async def furnished(world: ToyWorld) -> list[str]:
    """Open tasks with toys, many at the one target and few at the other."""
    world.config.edit("agents.yaml", _allow_many)
    await world.publish()
    tasks = [await world.toy_task("yard-1", "yard-2") for _ in range(4)]
    places = asyncio.Semaphore(AT_ONCE)

    async def issue(number: int, name: str) -> None:
        async with places:
            await world.issue(tasks[number % len(tasks)], **toys(name))

    names = ["yard-1"] * MANY + ["yard-2"] * FEW
    await asyncio.gather(*(issue(number, name) for number, name in enumerate(names)))
    return tasks


def _allow_many(file: Any) -> None:
    for record in (*file["agents"], *file["tenants"]):
        record["quota"] = 10_000


async def seen(world: ToyWorld, tasks: list[str]) -> Counter[tuple[str, str]]:
    """Count the receipts of these tasks, by target and state."""
    pages = [await world.receipts(AGENT, f"/v1/tasks/{task}/report") for task in tasks]
    return Counter((r["target"], r["state"]) for page in pages for r in page)


async def test_what_hangs_holds_up_its_own_alone(
    single: SingleServer,
    template: Template,
    signer: Signer,
    tmp_path: Path,
    targets: list[ToyTarget],
) -> None:
    """The others are dead while it hangs; its own die as soon as it answers, each in its turn."""
    opened = open_toy_world(single, template, signer, tmp_path, targets)
    async with opened as world:
        tasks = await furnished(world)
        assert [len(target.names) for target in targets] == [MANY, FEW]
        targets[0].freeze()
        await asyncio.gather(*(world.end(task) for task in tasks))

        async def others_are_dead() -> bool:
            return (await seen(world, tasks))["yard-2", "confirmed"] == FEW

        await eventually_true(others_are_dead, "the others dead")
        hanging = await seen(world, tasks)
        targets[0].thaw()

        async def all_are_dead() -> bool:
            return (await seen(world, tasks))["yard-1", "confirmed"] == MANY

        await eventually_true(all_are_dead, "all dead", 120)
        assert [target.names for target in targets] == [set(), set()]
        assert hanging["yard-1", "confirmed"] == 0
        assert sum(hanging.values()) == MANY + FEW
