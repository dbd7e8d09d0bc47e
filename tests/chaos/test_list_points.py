"""A broker dies at every step of bringing a deny list to what must stand in it.

The target says whom it refuses: whatever was to be killed, and nobody else.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from broker.client.api_errors import ApiError
from broker.client.errors import BrokerUnreachableError
from broker.client.results import Ceiling, IssuedCredential
from tests.chaos.cast import Cast, unique
from tests.chaos.target_cases import CUTTING, LISTING, MINTING
from tests.chaos.toy_yard import SCOPES, declare
from tests.chaos.world import CLOCK, open_world
from tests.fakes.eventually_true import eventually_true
from tests.fakes.toy_kind import install
from tests.fakes.toy_list import ListTarget

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

KILLED = -9
ROOM = 100


class Yard:
    """A world whose agents may have toys that a list refuses."""

    def __init__(self, cast: Cast, target: ListTarget) -> None:
        self.cast = cast
        self.target = target
        self.slot = cast.world.slots[0]

    async def task(self) -> str:
        """Open a task that may have toys."""
        return (await self.cast.open(ceiling=(Ceiling("toys", SCOPES),))).id

    async def issue(self, task: str) -> IssuedCredential:
        """Ask for a toy."""
        return await self.cast.agent.client.credentials.issue(
            task, "toys", scopes=SCOPES, ttl_seconds=300, idempotency_key=unique("toy")
        )

    async def issue_at_last(self, task: str) -> IssuedCredential:
        """Ask for a toy, as if it were long ago that a list was cut off."""
        self.let_mint()
        return await self.issue(task)

    def let_mint(self) -> None:
        """Let the time be over for which a list that was cut off holds mints back."""
        ask = self.cast.world.ask
        for key in ask("KEYS", "*{k:*meta"):
            ask("HSET", key, "held", "0")
        for document in self.target.documents.values():
            document["before"] = min(document["before"], CLOCK.now_ms())

    async def die_at(self, point: str, task: str) -> None:
        """Let a broker die there while a task ends, or gets a toy."""
        self.let_mint()
        await self.slot.kill()
        await self.slot.start(armed=point)
        with suppress(BrokerUnreachableError, ApiError):
            if point in MINTING:
                await self.issue(task)
            else:
                await self.cast.agent.client.tasks.complete(task)
        assert await self.slot.died() == KILLED, f"it did not die at {point}"
        await self.slot.start()

    async def refused(self, names: set[str]) -> None:
        """Wait until the target refuses them."""

        async def are_refused() -> bool:
            found = {name for name in self.target.names if self.target.refuses(name)}
            return names <= found

        await eventually_true(are_refused, "refusals")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def yard(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Yard]:
    """One broker, one toy target with a list."""
    with ListTarget(room=ROOM) as target, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(install(tmp_path_factory.mktemp("toy"))))

        def edit(folder: Path) -> None:
            declare(folder, "toylist", target.port)

        async with open_world(edit=edit) as world:
            await world.slots[0].start()
            yield Yard(Cast(world), target)


@pytest.mark.parametrize("point", LISTING)
async def test_killing_by_a_list_goes_on_after_a_death(yard: Yard, point: str) -> None:
    """The next broker finds what must stand there, and another task lives on."""
    task, other = await yard.task(), await yard.task()
    issued, kept = await yard.issue_at_last(task), await yard.issue_at_last(other)

    await yard.die_at(point, task)

    await yard.refused({issued.secret["username"].reveal()})
    await _accepted(yard, task)
    assert not yard.target.refuses(kept.secret["username"].reveal())


@pytest.mark.parametrize("point", MINTING[1:2])
async def test_what_nobody_got_is_refused(yard: Yard, point: str) -> None:
    """Its name is in the ledger before it exists."""
    task = await yard.task()
    await yard.die_at(point, task)

    await _accepted(yard, task)
    made = {name for name in yard.target.names if name.startswith(task)}
    await yard.refused(made)


@pytest.mark.parametrize("point", CUTTING)
async def test_a_cut_off_goes_on_after_a_death(yard: Yard, point: str) -> None:
    """Whoever was hit has ended; what is made afterwards works."""
    task, other = await yard.task(), await yard.task()
    issued, hit = await yard.issue_at_last(task), await yard.issue_at_last(other)
    yard.target.room = len(yard.target.entries())

    await yard.die_at(point, task)
    await _accepted(yard, task)
    yard.target.room = ROOM

    assert yard.target.refuses(issued.secret["username"].reveal())
    assert yard.target.refuses(hit.secret["username"].reveal())
    shown = await yard.cast.agent.client.credentials.show(hit.id)
    again = await yard.issue_at_last(other)
    assert shown.ended_by == "collateral"
    assert not yard.target.refuses(again.secret["username"].reveal())


async def _accepted(yard: Yard, task: str) -> None:
    async def is_accepted() -> bool:
        states = [r.state for r in (await yard.cast.receipts(task)).values()]
        return states == ["accepted"]

    await eventually_true(is_accepted, f"one accepted receipt of {task}")
