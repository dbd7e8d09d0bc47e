"""An import beside running brokers that dies halfway: all of it counts, or none."""

import json
import sys

import pytest

from tests.chaos.cast import Cast, unique
from tests.chaos.facts_scenarios import check_all, check_nothing, closed_among_many, on_tickets
from tests.chaos.scenarios import Play, a_play
from tests.chaos.world import ORDERS, open_world

KILLED = -9

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def run_import(play: Play, armed: str = "") -> tuple[int, str]:
    """Import a file of changes in a process; return how it ended, and what it printed."""
    world = play.cast.world
    file = world.setup.state / f"{play.key}.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in closed_among_many(play)))
    argv = [
        *(["/usr/bin/env", f"BROKER_FAULT_POINT={armed}"] if armed else []),
        *(sys.executable, "-m", "broker", "facts", "import", str(file), "--json"),
        *("--reason", play.key, "--config", str(world.setup.config[0])),
    ]
    child = await world.processes.start(unique("import"), argv)
    code = await child.process.wait()
    return code, child.log.read_text(errors="replace")


@pytest.mark.parametrize("point", ["change.staged", "change.appended"])
async def test_an_import_that_dies_counts_whole_or_not_at_all(point: str) -> None:
    """Between two pieces nothing of it; once it is appended, for every broker that looks."""
    async with open_world() as world:
        await world.slots[0].start()
        await world.start_witness(ORDERS, check="feed")
        play = a_play(Cast(world))
        await on_tickets(play)

        code, _ = await run_import(play, point)

        assert code == KILLED
        if point == "change.staged":
            await check_nothing(play)
            code, _ = await run_import(play)
            assert code == 0
        history = (await play.cast.operator.client.facts.history()).history
        [revision] = [each.revision for each in history if each.reason == play.key]
        await check_all(play, revision)
