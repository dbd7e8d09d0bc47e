"""`broker run --wait-for-approval`: nothing is started before people have agreed."""

import asyncio
import signal
from pathlib import Path

from tests.fakes.agreeing import say, staffed
from tests.fakes.cast import DANA, OPERATOR
from tests.fakes.eventually_true import eventually_true
from tests.fakes.run_command import Running
from tests.fakes.run_world import runs
from tests.fakes.world import World

SCRIPT = 'touch started; cp "$ORDERS_API_TOKEN_FILE" token'
FOR_LONG = ("--wait-for-approval", "10m")


async def what_waits(world: World, number: int) -> list[str]:
    """Return what waits for dana, once there is so much."""
    found: list[str] = []

    async def are_there() -> bool:
        page = await world.get(DANA, "/v1/approvals")
        found[:] = [each["id"] for each in page["approvals"]]
        return len(found) == number

    await eventually_true(are_there, f"{number} approvals that wait", within_s=120)
    return found


async def test_people_say_yes_or_no_or_the_wait_is_broken_off(world: World, tmp_path: Path) -> None:
    """A yes starts the command; all else ends the task, and people are asked once."""
    await staffed(world)
    async with runs(world, tmp_path) as begin:
        agreed = begin(f"{SCRIPT}; while [ ! -e go ]; do sleep 0.05; done", *FOR_LONG)
        (first,) = await what_waits(world, 1)
        refused = begin(SCRIPT, *FOR_LONG)
        (second,) = set(await what_waits(world, 2)) - {first}
        stopped = begin(SCRIPT, *FOR_LONG)
        await what_waits(world, 3)
        early = has_started(agreed, refused, stopped)
        await say(world, first)
        await agreed.started("token")
        alive = await world.is_active(agreed.read("token"))
        agreed.go()
        await say(world, second, answer="no")
        stopped.send(signal.SIGINT)
        ended = await asyncio.gather(*(each.ended() for each in (agreed, refused, stopped)))

    assert [code for code, _, _ in ended] == [0, 77, 130]
    assert (early, alive, has_started(refused, stopped)) == (False, True, False)
    assert f"{first} waits for them until" in ended[0][2]
    assert f"people said no: {second} is denied" in ended[1][2]
    assert await states(world) == ["cancelled", "completed", "failed", "open"]
    assert await nobody_is_asked(world)


async def test_people_who_do_not_answer_start_nothing(world: World, tmp_path: Path) -> None:
    """Nobody is waited for unless that is asked for; it may be tried later."""
    await staffed(world)
    async with runs(world, tmp_path) as begin:
        begun = begin(SCRIPT, "--wait-for-approval", "1s"), begin(SCRIPT)
        (late, early) = await asyncio.gather(*(each.ended() for each in begun))

    assert (late[0], early[0], has_started(*begun)) == (75, 75, False)
    assert "people have to agree first" in late[2]
    assert "--wait-for-approval 5m" in early[2]
    assert await states(world) == ["failed", "failed", "open"]
    assert await nobody_is_asked(world)


def has_started(*begun: Running) -> bool:
    """Tell whether any command was."""
    return any((each.folder / "started").exists() for each in begun)


async def states(world: World) -> list[str]:
    """Return how tasks stand."""
    return sorted(task["state"] for task in (await world.get(OPERATOR, "/v1/tasks"))["tasks"])


async def nobody_is_asked(world: World) -> bool:
    """Tell whether nothing waits for dana any more."""
    return bool((await world.get(DANA, "/v1/approvals"))["approvals"] == [])
