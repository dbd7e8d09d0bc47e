"""`broker revoke` in a terminal and in scripts: what it shows is what has happened."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from broker.cli import exits
from tests.fakes.cast import OPERATOR
from tests.fakes.command import commanding
from tests.fakes.scene import Scene
from tests.fakes.world import World

TASKS = 20
"""At least; more where there would be more in each than a task may have."""

EACH = 80

LONG = {"ttl_seconds": 28_800, "idle_timeout_seconds": 28_800}
"""So that nothing dies by itself, however long this takes on a busy machine."""


async def crowd(world: World, size: int) -> dict[str, str]:
    """Issue so many credentials in a few tasks; return their tokens by id."""
    world.config.edit("agents.yaml", _allow_many)
    world.config.edit_capability("orders-api", max_ttl_seconds=3_000)
    await world.publish()
    count = max(TASKS, size // EACH)
    tasks = [(await world.open(**LONG))["id"] for _ in range(count)]
    tokens: dict[str, str] = {}
    wanted = [tasks[number % count] for number in range(size)]
    for start in range(0, size, TASKS):
        issued = await asyncio.gather(
            *(world.issue(task, ttl_seconds=3_000) for task in wanted[start : start + TASKS])
        )
        tokens |= {each["id"]: each["access_token"] for each in issued}
    return tokens


def _allow_many(file: Any) -> None:
    for record in (*file["agents"], *file["tenants"]):
        record["quota"] = 50_000


async def kill_in_a_terminal(world: World, folder: Path, size: int) -> None:
    """Look at a crowd, kill it by its digest, and check every word of what is shown."""
    tokens = await crowd(world, size)
    other = await world.open(name="another-job", **LONG)
    bystander = await world.issue(other["id"], ttl_seconds=3_000)
    meant = ("--agent", "invoice-bot", "--task-name", "reconcile-*")
    async with commanding(world, OPERATOR, folder) as command:
        looked = await command.run("revoke", *meant, "--dry-run", "--json")
        assert looked.code == exits.OK, looked.err
        found = json.loads(looked.out)
        assert {each["id"] for each in found["credentials"]} == set(tokens)
        assert told(looked.err)["looking"] == [size, size]
        digest = found["selection"]["digest"]

        killed = await command.run_in_terminal(
            *("revoke", *meant, "--set", digest, "--reason", "a test says so", "--timeout", "8m")
        )

        assert killed.code == exits.OK, killed.out[-2000:]
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", killed.out)
        assert re.search(rf"revoking +━+ +{size}/{size} ", shown), shown
        (order,) = set(re.findall(r"r_[0-9a-f]{2}_[a-z2-7]{26}", shown))
        report = await command.run("report", order, "--wait", "ledger", "--json")
    assert report.code == exits.OK, report.err
    assert told(report.err)["reading receipts"] == [size, size]
    assert {receipt["credential"] for receipt in json.loads(report.out)["receipts"]} == set(tokens)
    (totals,) = re.findall(r"^(.* · )durability", shown, re.MULTILINE)
    assert sum(int(number) for number in re.findall(r"(\d+) [a-z]+ · ", totals)) == size
    await they_are_dead(world, tokens)
    assert await world.is_active(bystander["access_token"])


def told(lines: str) -> dict[str, list[int]]:
    """Read how far each piece of work had come when it was told of last."""
    steps = [json.loads(line)["progress"] for line in lines.splitlines() if line.startswith("{")]
    return {step["of"]: [step["done"], step["total"]] for step in steps}


async def they_are_dead(world: World, tokens: dict[str, str]) -> None:
    """At the resource server, by a sample, and in the ledger, all of them."""
    sample = sorted(tokens)[:: max(1, len(tokens) // 50)]
    assert [lease for lease in sample if await world.is_active(tokens[lease])] == []
    keys = world.broker.ledger.keys
    states = [world.single.ask("HGET", keys.of(lease).lease(lease), "state") for lease in tokens]
    assert set(states) == {"ended"}
    assert world.ledger.count("agent", "invoice-bot") == 1


@pytest.mark.timeout(300)
async def test_a_set_is_killed_with_a_bar_and_a_true_report(world: World, tmp_path: Path) -> None:
    """More of them than die within one request."""
    await kill_in_a_terminal(world, tmp_path, 320)


@pytest.mark.soak
@pytest.mark.timeout(1200)
async def test_ten_thousand_are_killed_with_a_bar_and_a_true_report(
    world: World, tmp_path: Path
) -> None:
    """The same, where looking and killing take their time."""
    await kill_in_a_terminal(world, tmp_path, 10_000)


@pytest.mark.timeout(300)
async def test_a_changed_set_is_refused_and_the_change_is_named(
    world: World, tmp_path: Path
) -> None:
    """With an exit code and a sentence; as JSON with numbers."""
    scene = await Scene(world).prepare()
    async with commanding(world, OPERATOR, tmp_path) as command:
        looked = await command.run("revoke", "--agent", "invoice-bot", "--dry-run", "--json")
        digest = json.loads(looked.out)["selection"]["digest"]
        await world.issue(scene.tasks["agent"])

        refused = await command.run("revoke", "--set", digest, "--reason", "x")
        other = await command.run("revoke", "--all", "--set", digest, "--reason", "x")

    assert (refused.code, refused.out) == (exits.REFUSED, "")
    assert "grown by 1" in refused.err
    assert "That digest names another set" in other.err
    assert len(await scene.alive()) == 6
