"""A run on a task that may have more than the run needs, and that another run shares."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.fakes.run_command import WAIT, Running
from tests.fakes.run_world import runs
from tests.fakes.world import World

ASK = """
import json, sys
from broker.running.desk_client import DeskClient
from broker.running.errors import VerbNotDoneError
desk, told = DeskClient.of_environment(), {"task": None}
told["task"] = desk.verb("task", {}, dict)["may_have"]
for scope in ("orders:read", "orders:write"):
    try:
        asked = {"capability": "orders-api", "scopes": [scope]}
        told[scope] = desk.verb("ask", asked, dict)["scopes"]
    except VerbNotDoneError as refusal:
        told[scope] = str(refusal)
json.dump(told, open("told", "w"))
"""


def told(run: Running) -> dict[str, Any]:
    """Return what the command was told."""
    found: dict[str, Any] = json.loads(run.read("told"))
    return found


async def test_a_command_asks_for_what_was_declared_unless_it_may_ask_for_all(
    world: World, tmp_path: Path
) -> None:
    """Two runs on one task: what one of them may is nothing to the other; their end is one."""
    wide = [{"capability": "orders-api", "scopes": ["orders:read", "orders:write"]}]
    task = (await world.open(ceiling=wide, tickets=["T-1"], idle_timeout_seconds=3))["id"]
    (tmp_path / "ask.py").write_text(ASK)
    script = f"{sys.executable} {tmp_path}/ask.py; {WAIT}"

    async with runs(world, tmp_path) as begin:
        first = begin(script, "--task-id", task)
        second = begin(script, "--task-id", task, "--may-ask", needs=())
        await first.started()
        await second.started()
        first.go()
        (code, _, err), (taken, _, why) = await asyncio.gather(first.ended(), second.ended())

    declared, all_of_it = told(first), told(second)
    assert declared["task"] == {"orders-api": ["orders:read"]}
    assert declared["orders:read"] == ["orders:read"]
    assert "Declared is: orders-api with orders:read" in declared["orders:write"]
    assert all_of_it == {
        "task": {"orders-api": ["orders:read", "orders:write"]},
        "orders:read": ["orders:read"],
        "orders:write": ["orders:write"],
    }
    assert (code, err) == (0, "")
    assert (taken, "the task was ended by somebody else" in why) == (79, True)
