"""The command for agents and for claiming, before a broker."""

import json
from dataclasses import replace
from pathlib import Path

from broker.facts.facts import HELD_ELSEWHERE
from tests.fakes.cast import AGENT, OPERATOR, SMALL, STOCK_OPERATOR, STOCK_ORCHESTRATOR
from tests.fakes.command import commanding
from tests.fakes.world import Answer, World, task_body


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


async def test_a_list_marks_who_is_held_and_whose_review_was_missed(
    world: World, tmp_path: Path
) -> None:
    """Agents of the facts are there beside those of agents.yaml."""
    words = ["--tenant", "acme", "--reason", "OPS-1"]
    said = ["--owner", "person:kim", "--purpose", "helps kim", "--review-by", "2020-12-31"]

    async with commanding(world, OPERATOR, tmp_path) as command:
        await command.run("facts", "put", "person:kim", *words)
        put = await command.run("facts", "put", "agent:kim-bot", *said, *words)
        await command.run("agent", "suspend", "kim-bot", "--reason", "INC-7")
        listed = await command.run("agent", "list", "--name", "kim-*")
        shown = await command.run("agent", "show", "kim-bot")

    assert put.code == 0
    for part in ("active, held", "2020-12-31 OVERDUE", "person:kim", "helps kim"):
        assert part in " ".join(listed.out.split()), part
        assert part in " ".join(shown.out.split()), part
    assert "INC-7" in shown.out


async def test_a_retired_agent_never_comes_back(world: World, tmp_path: Path) -> None:
    """It is refused like nobody, and by no put, resume or lift let in again."""
    words = ["--tenant", "acme", "--reason", "OPS-1"]
    why = ["--reason", "OPS-2"]
    bot = ["agent:kim-bot", "--owner", "person:kim", "--purpose", "helps"]

    async with commanding(world, OPERATOR, tmp_path) as command:
        await command.run("facts", "put", "person:kim", *words)
        await command.run("facts", "put", *bot, *words)
        looked = await command.run("agent", "retire", "kim-bot", *why, "--dry-run")
        before = await command.run("agent", "list", "--name", "kim-bot", "--json")
        retired = await command.run("agent", "retire", "kim-bot", *why)
        resumed = await command.run("agent", "resume", "kim-bot", *why)
        lifted = await command.run("facts", "lift", "agent:kim-bot", *words)
        put = await command.run("facts", "put", "agent:kim-bot", "--status", "active", *words)
        listed = await command.run("agent", "list", "--status", "retired", "--json")
        bundled = await command.run("agent", "retire", "invoice-bot", *why)

    assert (looked.code, retired.code) == (0, 0)
    assert json.loads(before.out)["agents"][0]["status"] == "active"
    assert [each["name"] for each in json.loads(listed.out)["agents"]] == ["kim-bot"]
    assert (resumed.code, lifted.code, put.code, bundled.code) == (1, 1, 1, 1)
    assert "is retired, and that is final" in resumed.err
    assert "not held but retired" in lifted.err
    assert "changes[0].thing.status: is retired, and that is final" in put.err
    assert (await world.open(agent="invoice-bot"))["id"]


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


async def test_a_suspended_agent_stays_so_in_another_tenant(world: World, tmp_path: Path) -> None:
    """It is for the operators of the tenant it is in now to let it go on, and for nobody else.

    Why it is held is its old tenant's own matter.
    """
    ours, name = ["--reason", "INC-7"], "small-bot"
    async with commanding(world, OPERATOR, tmp_path) as command:
        held = await command.run("agent", "suspend", name, *ours)
        world.config.edit_agent(name, tenant="globex")
        await world.publish()
        foreign = await command.run("agent", "resume", name, *ours)
        by_name = await command.run("facts", "lift", f"agent:{name}", "--tenant", "acme", *ours)
    refused = await opened_at_globex(world, name)
    shown = await world.get(STOCK_OPERATOR, f"/v1/facts/things/agent/globex/{name}")
    async with commanding(world, STOCK_OPERATOR, tmp_path) as command:
        resumed = await command.run("agent", "resume", name, *ours)
    await world.refresh()
    task = await opened_at_globex(world, name)

    assert (held.code, foreign.code, by_name.code, resumed.code) == (0, 1, 1, 0)
    assert "is not held" in by_name.err
    assert refused.status == 403
    assert (shown["stands"], shown["hold"]["reason"]) == (False, HELD_ELSEWHERE)
    assert task.status == 201
    assert (await world.ask(task["id"], replace(SMALL, tenant="globex"))).status == 201


async def opened_at_globex(world: World, agent: str) -> Answer:
    """Try to open a task for an agent of globex."""
    body = task_body(tenant="globex", agent=agent)
    return await world.post(STOCK_ORCHESTRATOR, "/v1/tasks", body)
