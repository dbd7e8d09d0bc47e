"""The clock of the ledger's server, or of the broker's machine, jumps by an hour and back.

Real processes throughout: the server's TIME, inside scripts too, and the broker's wall clock are
what jumps. The oracle is the resource servers.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from broker.client.api_errors import BrokerUnavailableError
from tests.chaos.cast import Cast, Held
from tests.chaos.world import ORDERS, REPORTS, World, open_world
from tests.fakes.eventually_true import eventually_true
from tests.real.faketime import LIBFAKETIME, FakeTime, ShiftedServer

pytestmark = [
    pytest.mark.real,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
]

HOUR_S = 3_600
"""A broker judges evidence by its own clock: a jump of all of an hour would outlive everybody's."""


@dataclass(frozen=True)
class Scene:
    """One broker and one server, and the clock of each."""

    world: World
    cast: Cast
    servers: FakeTime
    brokers: FakeTime

    async def is_open(self) -> bool:
        """Tell whether access is given."""
        return (await self.world.slots[0].readiness())[0] == 200

    async def shut_by_clocks(self) -> bool:
        """Tell whether no access is given because of the clocks."""
        status, body = await self.world.slots[0].readiness()
        return status == 503 and any("clock" in reason["what"] for reason in body["reasons"])

    async def refused(self, tokens: Sequence[Held]) -> bool:
        """Tell whether the resource servers refuse all of these."""
        return not any([await self.cast.accepts(held) for held in tokens])


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world_of_wrong_clocks(
    part: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    """Start everything, once."""
    library, folder = part(LIBFAKETIME), tmp_path_factory.mktemp("clocks")
    servers = FakeTime(library, folder / "server.time")
    brokers = FakeTime(library, folder / "broker.time")
    async with open_world(ledger=lambda folder: ShiftedServer(folder, servers)) as world:
        world.slots[0].prefix = brokers.prefix
        await world.slots[0].start()
        await asyncio.gather(
            world.start_witness(ORDERS, check="feed"),
            world.start_witness(REPORTS, check="introspect"),
        )
        yield Scene(world, Cast(world), servers, brokers)


@pytest_asyncio.fixture(loop_scope="module")
async def on(world_of_wrong_clocks: Scene) -> AsyncIterator[Scene]:
    """The scene with all clocks right, before and after."""
    scene = world_of_wrong_clocks
    await eventually_true(scene.is_open, "access")
    yield scene
    scene.servers.jump(0)
    scene.brokers.jump(0)


@pytest.mark.parametrize(
    ("whose", "away_s"), [("servers", HOUR_S), ("servers", -HOUR_S), ("brokers", HOUR_S // 2)]
)
async def test_while_clocks_disagree_access_is_only_taken_away(
    on: Scene, whose: str, away_s: int
) -> None:
    """Nobody vouches for anything; what is ended is refused for good; the rest lives on after."""
    task, spared, idle = [await on.cast.open() for _ in range(3)]
    await on.cast.issue_both(idle.id)
    dead, living = await on.cast.issue_both(task.id), await on.cast.issue_both(spared.id)
    await on.cast.expect(alive=[*dead, *living])

    clock: FakeTime = getattr(on, whose)
    clock.jump(away_s)
    await eventually_true(on.shut_by_clocks, "a refusal because of the clocks")
    with pytest.raises(BrokerUnavailableError):
        await on.cast.issue(spared.id)
    await on.cast.orchestrator.client.tasks.complete(task.id)
    await eventually_true(lambda: on.refused(dead), "the end of the task")
    await eventually_true(lambda: on.refused(living), "views too old to vouch")
    early = await on.cast.receipts(task.id)
    unended = await on.cast.receipts(spared.id)

    clock.jump(0)
    await eventually_true(on.is_open, "access")
    await on.cast.expect(alive=living)
    assert await on.refused(dead)
    assert {r.state for r in early.values()} <= {"requested", "accepted", "confirmed"}
    assert unended == {}
    await on.cast.all_final(task.id, [held.credential for held in dead])
    await on.cast.expect(alive=await on.cast.issue_both(idle.id))


async def test_a_jump_just_before_the_end_of_a_task_hides_it_from_nobody(on: Scene) -> None:
    """No watcher has had the time to notice: the scripts judge for themselves."""
    tasks = [await on.cast.open() for _ in range(4)]
    dead = [held for task in tasks for held in await on.cast.issue_both(task.id)]
    await on.cast.expect(alive=dead)

    on.servers.jump(HOUR_S)
    for task in tasks:
        await on.cast.orchestrator.client.tasks.complete(task.id)
    on.servers.jump(0)

    await eventually_true(on.is_open, "access")
    alive = await on.cast.issue_both((await on.cast.open()).id)
    await on.cast.expect(alive=alive)
    await eventually_true(lambda: on.refused(dead), "the end of the tasks")
    for task in tasks:
        mine = [held.credential for held in dead if held.task == task.id]
        await on.cast.all_final(task.id, mine)
    states = [r.state for task in tasks for r in (await on.cast.receipts(task.id)).values()]
    assert set(states) == {"confirmed"}


async def test_a_restart_while_the_servers_clock_is_wrong_gives_nothing(on: Scene) -> None:
    """A broker that starts into it has nothing to compare with but its own clock."""
    task = await on.cast.open()
    tokens = await on.cast.issue_both(task.id)
    slot = on.world.slots[0]
    await slot.kill()
    on.servers.jump(HOUR_S)

    await slot.start(is_awaited=False)
    await slot.answers()
    await eventually_true(on.shut_by_clocks, "a refusal because of the clocks")
    with pytest.raises(BrokerUnavailableError):
        await on.cast.issue(task.id)
    await on.cast.operator.client.operator.revoke({"task": task.id}, reason="a drill")
    await eventually_true(lambda: on.refused(tokens), "the end of the task")

    on.servers.jump(0)
    await eventually_true(on.is_open, "access")
    assert await on.refused(tokens)
    await on.cast.all_final(task.id, [held.credential for held in tokens])
