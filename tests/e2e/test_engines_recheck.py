"""What a server granted is looked at again: nobody tells us when it would answer otherwise."""

import asyncio
from typing import Any, Final

from tests.fakes.cast import OPERATOR
from tests.fakes.engine_server import PERMIT, EngineServer, opa, serving
from tests.fakes.until import PATIENCE_S
from tests.fakes.world import World

REFUSES: Final = {"result": {"allow": False, "obligations": {}, "policies": ["freeze"]}}
SOON: Final = {"recheck_seconds": 5, "undecided_seconds": 1}


def permits(_: Any) -> Any:
    """Permit all."""
    return {"result": PERMIT}


async def issued(world: World, server: EngineServer) -> dict[str, Any]:
    """Let the server decide from now on, and get a credential by it."""
    await world.stop()
    await world.start(policy=opa(server.url, **SOON))
    task = await world.open()
    return await world.issue(task["id"])


async def ended(world: World, credential: dict[str, Any]) -> dict[str, Any]:
    """Wait until it has ended, and return its record."""
    async with asyncio.timeout(PATIENCE_S):
        while await world.is_active(credential["access_token"]):
            await world.pass_time(1)
            await asyncio.sleep(0.05)
    body: dict[str, Any] = (await world.get(OPERATOR, f"/v1/credentials/{credential['id']}")).body
    return body


async def test_what_the_server_would_not_grant_any_more_ends(world: World) -> None:
    """Within the time that is stated, without anybody telling us."""
    async with serving(permits) as server:
        credential = await issued(world, server)
        server.say = lambda _: REFUSES

        record = await ended(world, credential)

    assert record["ended_by"] == "no-longer-granted"


async def test_what_the_server_still_grants_lives(world: World) -> None:
    """It is asked again, and again."""
    async with serving(permits) as server:
        credential = await issued(world, server)
        async with asyncio.timeout(PATIENCE_S):
            while len(server.asked) < 5:
                await world.pass_time(5)
                await asyncio.sleep(0.05)

        assert server.asked[-1]["input"]["scopes"] == ["orders:read"]
        assert await world.is_active(credential["access_token"])


async def test_a_hiccup_ends_nothing(world: World) -> None:
    """An answer that comes while it is asked again is an answer."""
    async with serving(permits) as server:
        await world.stop()
        await world.start(policy=opa(server.url, recheck_seconds=5, undecided_seconds=600))
        credential = await world.issue((await world.open())["id"])
        server.say = lambda _: {"result": "nonsense"}
        before = len(server.asked)
        async with asyncio.timeout(PATIENCE_S):
            while len(server.asked) < before + 3:
                await world.pass_time(1)
                await asyncio.sleep(0.05)
        server.say = permits
        before = len(server.asked)
        async with asyncio.timeout(PATIENCE_S):
            while len(server.asked) < before + 2:
                await world.pass_time(1)
                await asyncio.sleep(0.05)

        assert await world.is_active(credential["access_token"])


async def test_what_nobody_answers_for_ends(world: World) -> None:
    """I5: a server that stays away takes with it what it decided on."""
    async with serving(permits) as server:
        credential = await issued(world, server)

    record = await ended(world, credential)

    assert record["ended_by"] == "no-longer-granted"
