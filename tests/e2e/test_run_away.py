"""A run whose broker comes and goes: it lives on, renews again and again, and ends at last."""

from pathlib import Path

from tests.e2e.test_run import KEEP, variables_of
from tests.fakes.eventually_true import eventually_true
from tests.fakes.run_command import WAIT
from tests.fakes.run_world import runs
from tests.fakes.world import World


async def test_a_broker_may_be_restarted_and_may_be_gone_at_the_end(
    world: World, tmp_path: Path
) -> None:
    """Tokens follow each other before and after; what could not be told, the idle timeout does."""
    async with runs(world, tmp_path) as begin:
        run = begin(KEEP + WAIT + "exit 5", "--credential-ttl", "4s", "--idle", "8s")
        await run.started()
        file = Path(variables_of(run)["ORDERS_API_TOKEN_FILE"])
        seen = [run.read("token")]

        async def another() -> None:
            await run.until(lambda: file.read_text() not in seen, "a younger token")
            seen.append(run.text_of(file))

        await another()
        await world.stop()
        await world.start()
        await another()
        await another()
        alive = await world.is_active(seen[-1])
        await world.stop()
        run.go()
        code, _, err = await run.ended()
        await world.start()
        await until_dead(world, seen[-1])

    task = run.read("task").strip()
    assert (alive, code) == (True, 5)
    assert f"the task {task} could not be ended: " in err
    assert "its idle timeout ends it" in err
    assert (await world.ended(task))["ended_by"] == "idle"


async def until_dead(world: World, token: str) -> None:
    """Wait until a resource server is told that it is."""

    async def is_over() -> bool:
        return not await world.is_active(token)

    await eventually_true(is_over, "the end of its credential")
