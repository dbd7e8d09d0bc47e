"""The command for agents and for claiming, before a broker."""

import json
from pathlib import Path

from tests.fakes.cast import AGENT, OPERATOR
from tests.fakes.command import commanding
from tests.fakes.world import World


async def test_an_operator_looks_at_an_agent(world: World, tmp_path: Path) -> None:
    """In the list and by itself: what a person reads, and what a program does."""
    task = await world.open()
    await world.issue(task["id"])

    async with commanding(world, OPERATOR, tmp_path) as command:
        listed = await command.run("agent", "list", "--team", "finance", "--json")
        shown = await command.run("agent", "show", "invoice-bot")
        foreign = await command.run("agent", "show", "stock-bot")

    names = [agent["name"] for agent in json.loads(listed.out)["agents"]]
    assert (listed.code, names) == (0, ["invoice-bot", "report-bot"])
    assert (shown.code, foreign.code) == (0, 1)
    for part in (task["id"], "orders-api", "broker revoke --agent invoice-bot --dry-run"):
        assert part in shown.out
    assert foreign.out == ""
    assert "Traceback" not in foreign.err


async def test_an_agent_claims_its_task(world: World, tmp_path: Path) -> None:
    """By the handle that its opener left in a file; a second time nobody can."""
    task = await world.open(instance=...)
    handle = tmp_path / "handle"
    handle.write_text(task["claim_handle"] + "\n")

    async with commanding(world, AGENT, tmp_path) as command:
        claimed = await command.run("task", "claim", task["id"], "--handle-file", str(handle))
    async with commanding(world, AGENT.at("pod-2"), tmp_path) as command:
        late = await command.run("task", "claim", task["id"], "--handle-file", str(handle))

    assert (claimed.code, late.code) == (0, 1)
    assert "pod-1" in claimed.out
    assert task["claim_handle"] not in claimed.out + claimed.err + late.out + late.err
