"""Files are put in force while the server that decides is away: who dies of it cannot be told."""

from pathlib import Path
from typing import Any, Final

import pytest

from broker.cli import exits
from tests.e2e.test_fact_files import DECLARED, Desk
from tests.fakes.engine_server import PERMIT, opa, serving
from tests.fakes.world import World


def permits(_: Any) -> Any:
    """Permit all."""
    return {"result": PERMIT}


HELD: Final = 2


@pytest.fixture
async def away(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    """Two credentials that a server granted which is there no more; more than one is too many."""
    async with serving(permits) as server:
        await world.stop()
        await world.start(policy=opa(server.url))
        task = await world.open()
        for _ in range(HELD):
            await world.issue(task["id"])
        engine = {"engine": "opa", "url": opa(server.url).url}
    desk = Desk(world, tmp_path, capsys)
    brake = {"brake_leases": 1}
    world.config.edit("broker.yaml", lambda f: f.update(policy=engine, reevaluation=brake))
    return desk


async def test_a_bundle_is_not_said_to_kill_what_nobody_can_tell_of(away: Desk) -> None:
    """A dry run says so, and without a word nothing is published."""
    away.world.config.edit_agent("report-bot", purpose="something else")

    code, looked = await away.run("apply", "--dry-run")
    assert (code, looked["deaths"], looked["unsure"]) == (exits.OK, 0, HELD)
    assert "cannot tell of 2 live credentials" in looked["said"]
    code, refused = await away.run("apply")
    assert (code, refused["code"]) == (exits.REFUSED, "would-kill-many")
    assert (refused["deaths"], refused["unsure"]) == (0, HELD)
    assert "of 2 others it cannot be told" in refused["message"]
    code, made = await away.run("apply", "--accept", refused["digest"])
    assert (code, made["revision"]) == (exits.OK, 2)


async def test_nor_is_a_change_of_facts(away: Desk) -> None:
    """The server that decides is asked, and not the policies that do not."""
    file = away.write("desk.yaml", DECLARED)

    code, looked = await away.run("apply", "-f", file, "--dry-run")

    assert (code, looked["deaths"], looked["unsure"]) == (exits.OK, 0, HELD)
    assert (await away.run("apply", "-f", file))[0] == exits.REFUSED
    assert await away.things() == []
