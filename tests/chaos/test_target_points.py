"""A broker dies at every step of a credential at a target; the target says what is alive there.

The target is reached over a real socket, and its kind is offered as an installed package's.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from broker.client.api_errors import ApiError
from broker.client.errors import BrokerUnreachableError
from broker.client.results import Ceiling, IssuedCredential, Receipt
from tests.chaos.cast import Cast, unique
from tests.chaos.target_cases import KILLING, MINTING, PROLONGING
from tests.chaos.toy_yard import SCOPES, declare
from tests.chaos.world import open_world
from tests.fakes.eventually_true import eventually_true
from tests.fakes.toy_kind import enter, install
from tests.fakes.toy_target import ToyTarget

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

KILLED = -9


class Yard:
    """A world whose agents may have toys, and the target where these are."""

    def __init__(self, cast: Cast, target: ToyTarget) -> None:
        self.cast = cast
        self.target = target
        self.slot = cast.world.slots[0]

    async def task(self) -> str:
        """Open a task that may have toys."""
        return (await self.cast.open(ceiling=(Ceiling("toys", SCOPES),))).id

    async def issue(self, task: str, key: str) -> IssuedCredential:
        """Ask for a toy."""
        return await self.cast.agent.client.credentials.issue(
            task, "toys", scopes=SCOPES, ttl_seconds=300, idempotency_key=key
        )

    async def issue_at_last(self, task: str, key: str) -> IssuedCredential:
        """Ask again and again, as a client does whose answer was lost."""
        issued: list[IssuedCredential] = []

        async def given() -> bool:
            with suppress(ApiError):
                issued.append(await self.issue(task, key))
            return bool(issued)

        await eventually_true(given, "a toy")
        return issued[0]

    async def renew(self, credential: str, key: str) -> IssuedCredential:
        """Ask for more time."""
        return await self.cast.agent.client.credentials.renew(
            credential, ttl_seconds=600, idempotency_key=key
        )

    async def renew_at_last(self, credential: str, key: str) -> IssuedCredential:
        """Ask again and again, as a client does whose answer was lost."""
        renewed: list[IssuedCredential] = []

        async def given() -> bool:
            with suppress(ApiError):
                renewed.append(await self.renew(credential, key))
            return bool(renewed)

        await eventually_true(given, "a renewed toy")
        return renewed[0]

    async def die_at(self, point: str, task: str, key: str, credential: str = "") -> None:
        """Let a broker die there while it issues, renews or, at those of killing, ends the task."""
        await self.slot.kill()
        await self.slot.start(armed=point)
        with suppress(BrokerUnreachableError, ApiError):
            if point in MINTING:
                await self.issue(task, key)
            elif point in PROLONGING:
                await self.renew(credential, key)
            else:
                await self.cast.agent.client.tasks.complete(task)
        assert await self.slot.died() == KILLED, f"it did not die at {point}"
        await self.slot.start()

    async def confirmed(self, task: str) -> Receipt:
        """Wait until the task's one credential is dead at its target; return its receipt."""

        async def is_dead() -> bool:
            states = [r.state for r in (await self.cast.receipts(task)).values()]
            return states == ["confirmed"]

        await eventually_true(is_dead, f"one confirmed receipt of {task}")
        return next(iter((await self.cast.receipts(task)).values()))

    async def empty(self) -> None:
        """Wait until nothing is alive at the target, by its own word."""

        async def is_empty() -> bool:
            return not self.target.names

        await eventually_true(is_empty, "an empty target")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def yard(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Yard]:
    """One broker, one toy target."""
    with ToyTarget() as target, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(install(tmp_path_factory.mktemp("toy"))))

        def edit(folder: Path) -> None:
            declare(folder, "toy", target.port)

        async with open_world(edit=edit) as world:
            await world.slots[0].start()
            yield Yard(Cast(world), target)


@pytest.mark.parametrize("point", MINTING)
async def test_what_nobody_asks_for_again_dies(yard: Yard, point: str) -> None:
    """At once when it never was anybody's, or else with its task."""
    task = await yard.task()

    await yard.die_at(point, task, unique("toy"))
    if point == "mint.activated":
        assert len(yard.target.names) == 1
        await yard.cast.agent.client.tasks.complete(task)

    assert (await yard.confirmed(task)).target == "yard"
    await yard.empty()


@pytest.mark.parametrize("point", MINTING)
async def test_a_repeat_gets_the_only_living_one(yard: Yard, point: str) -> None:
    """Whatever the first request left behind is dead before the next is made."""
    task, key = await yard.task(), unique("toy")

    await yard.die_at(point, task, key)
    issued = await yard.issue_at_last(task, key)

    words = {name: word.reveal() for name, word in issued.secret.items()}
    assert yard.target.names == {words["username"]}
    assert enter(yard.target, words) is not None
    await yard.cast.agent.client.tasks.complete(task)
    await yard.empty()
    await yard.cast.all_final(task, [issued.id])


@pytest.mark.parametrize("point", PROLONGING)
async def test_the_ledger_covers_a_renewal_that_is_cut_off(yard: Yard, point: str) -> None:
    """Nothing lives longer than it says; a repeat goes as far, and only what it delivers lives."""
    task, key = await yard.task(), unique("toy")
    issued = await yard.issue_at_last(task, unique("toy"))

    await yard.die_at(point, task, key, issued.id)
    shown = await yard.cast.agent.client.credentials.show(issued.id)
    (held,) = yard.target.credentials.values()
    renewed = await yard.renew_at_last(issued.id, key)

    assert shown.expires_at > issued.expires_at
    assert held["until"] <= shown.expires_at.timestamp() * 1000
    assert (renewed.generation, renewed.expires_at) == (2, shown.expires_at)
    words, former = (
        {name: word.reveal() for name, word in each.secret.items()} for each in (renewed, issued)
    )
    assert enter(yard.target, words) is not None
    assert enter(yard.target, former) is None
    await yard.cast.agent.client.tasks.complete(task)
    await yard.empty()
    await yard.cast.all_final(task, [issued.id])


@pytest.mark.parametrize("point", KILLING)
async def test_killing_goes_on_after_a_death(yard: Yard, point: str) -> None:
    """The next broker finds what the first had begun, and reports it once it is done."""
    task = await yard.task()
    issued = await yard.issue_at_last(task, unique("toy"))

    await yard.die_at(point, task, "")
    await yard.empty()
    await yard.cast.all_final(task, [issued.id])

    receipt = (await yard.cast.receipts(task))[issued.id]
    assert (receipt.state, receipt.target) == ("confirmed", "yard")
    assert receipt.settled_at is not None
