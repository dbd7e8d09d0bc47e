"""What an agent's proxy refuses as a leak is found; what it let pass is not."""

from typing import Any

from tests.e2e.test_knocking import findings, until_done
from tests.fakes.cast import AGENT
from tests.fakes.world import World

AT = "2027-01-15T08:00:00Z"
PASSED = {"outcome": "answered", "times": 9, "first_at": AT, "last_at": AT}
STRAY = {**PASSED, "outcome": "refused", "times": 1, "problem": "stray-stand-in"}


async def say(world: World, task: str, *uses: dict[str, Any]) -> None:
    """Let the task's agent say what its proxy saw."""
    said = await world.post(AGENT, f"/v1/tasks/{task}/uses", {"uses": [*uses]})
    assert said.status == 200, said.raw


async def test_a_stand_in_where_none_belongs_is_a_finding(world: World) -> None:
    """Of the task that it was in, which goes on: a finding notes unless it is told to do more."""
    quiet, odd = (await world.open())["id"], (await world.open())["id"]
    await say(world, quiet, PASSED, {**STRAY, "problem": "undeclared-host"})

    await say(world, odd, PASSED, STRAY)

    await until_done(world, "stray")
    (finding,) = await findings(world, "stray")
    assert (finding["agent"], finding["action"], finding["tasks"]) == ("invoice-bot", "note", [odd])
    assert (await world.get(AGENT, f"/v1/tasks/{odd}"))["state"] == "open"
