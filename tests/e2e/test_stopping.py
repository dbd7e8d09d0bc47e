"""A broker that is told to stop leaves its books in order."""

import json

from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import World


async def test_what_happened_is_in_the_trail_of_a_broker_that_has_stopped(world: World) -> None:
    """Also what nobody was in a hurry to tell: it was asked for a moment ago."""
    task = (await world.open())["id"]
    issued = await world.issue(task)

    await world.stop()

    file = world.config.settings(0).audit.file
    told = [json.loads(line) for line in file.read_text().splitlines()]
    assert any(issued["id"] in json.dumps(record) for record in told)
    assert any(record["type"] == "task.opened" for record in told)


async def test_a_broker_stops_without_its_store(world: World, single: SingleServer) -> None:
    """What it could not tell is kept for the next one."""
    await world.issue((await world.open())["id"])
    single.freeze()
    try:
        await world.stop()
    finally:
        single.thaw()
