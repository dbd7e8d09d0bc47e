"""The night and the morning after, by the commands of the page for those on call."""

import json
from pathlib import Path

from tests.fakes.cast import AGENT, DANA, ERIN, FRANK
from tests.fakes.command import commanding
from tests.fakes.emergency import emergency
from tests.fakes.world import World

ASK = ("--scope", "orders:export", "--incident", "INC-1", "--reason", "the export is stuck")


async def test_the_page_is_what_the_commands_do(world: World, tmp_path: Path) -> None:
    """Asked, agreed, told, fetched, ended, answered: each by whom it is for."""
    async with emergency(world, tmp_path) as here:
        async with commanding(world, DANA, tmp_path) as dana:
            opened = await dana.run(
                "break-glass", "open", here.task, "orders-export", *ASK, "--json"
            )
            asked = json.loads(opened.out)
        async with commanding(world, ERIN, tmp_path) as erin:
            shown = await erin.run("break-glass", "show", asked["id"])
            agreed = await erin.run(
                "break-glass", "confirm", asked["id"], "--digest", asked["digest"], "--json"
            )
        async with commanding(world, AGENT, tmp_path) as agent:
            fetched = await agent.run(
                "break-glass", "fetch", asked["id"], "--out", str(tmp_path / "token"), "--json"
            )
        async with commanding(world, FRANK, tmp_path) as frank:
            ended = await frank.run("break-glass", "end", asked["id"])
        token = (tmp_path / "token").read_text()
        assert await world.is_active(token)
        async with commanding(world, DANA, tmp_path) as dana:
            done = await dana.run("break-glass", "end", asked["id"])
        async with commanding(world, FRANK, tmp_path) as frank:
            reviewed = await frank.run("break-glass", "review", asked["id"], "--words", "needed")

        assert (opened.code, asked["state"], shown.code) == (0, "requested", 0)
        for part in (asked["digest"], "the export is stuck", "1 of oncall"):
            assert part in shown.out, part
        assert (agreed.code, json.loads(agreed.out)["state"]) == (0, "open")
        assert (fetched.code, token in fetched.out) == (0, False)
        assert ended.code == 1, "frank had no part in it"
        assert (done.code, await world.is_active(token)) == (0, False)
        assert (reviewed.code, "person:frank" in reviewed.out) == (0, True)
