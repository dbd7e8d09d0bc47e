"""A broker dies at every named point and is restarted; the resource servers say what is alive."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from broker.client.api_errors import ApiError
from broker.client.errors import BrokerUnreachableError
from tests.chaos.agreed import ask_people
from tests.chaos.audit_log import read_audit, require_dense, starts_and_ends
from tests.chaos.cases import CASES, Case
from tests.chaos.cast import Cast
from tests.chaos.ledger_state import settled
from tests.chaos.once import ask_for_single_use
from tests.chaos.scenarios import Play, a_play
from tests.chaos.sessions import let_people_lend
from tests.chaos.told import take_messages
from tests.chaos.world import ORDERS, REPORTS, open_world
from tests.fakes.eventually_true import eventually_true

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

WORLDS = 3
"""Most of the time is spent waiting for processes: several worlds are played in at once."""

KILLED = -9

_ROUNDING_S = 2
"""A credential lives for whole seconds; its place is taken just before, and counted exactly."""


def _edit(config: Path) -> None:
    ask_for_single_use(config)
    ask_people(config)
    let_people_lend(config)
    take_messages(config)


Outcomes = Mapping[str, "asyncio.Future[None]"]


class Stages:
    """The worlds in which the cases are played, and what came of each case."""

    def __init__(self, wanted: list[Case]) -> None:
        self._waiting: asyncio.Queue[Case] = asyncio.Queue()
        for case in wanted:
            self._waiting.put_nowait(case)
        loop = asyncio.get_running_loop()
        self.outcomes: Outcomes = {case.id: loop.create_future() for case in wanted}
        self.endings = [asyncio.create_task(self._play()) for _ in wanted[:WORLDS]]

    async def close(self) -> None:
        """Let everything come to its end."""
        await asyncio.gather(*self.endings, return_exceptions=True)

    async def _play(self) -> None:
        async with open_world(edit=_edit) as world:
            await world.slots[0].start()
            await asyncio.gather(
                world.start_witness(ORDERS, check="feed"),
                world.start_witness(REPORTS, check="introspect"),
            )
            cast = Cast(world)
            while not self._waiting.empty():
                await self._perform(cast, self._waiting.get_nowait())
            await _check_the_end(cast)

    async def _perform(self, cast: Cast, case: Case) -> None:
        try:
            await _play(a_play(cast), case)
        except Exception as error:  # noqa: BLE001 - the case's own test raises it
            error.add_note(cast.world.slots[0].log_text()[-2_000:])
            self.outcomes[case.id].set_exception(error)
            await _begin_anew(cast)
        else:
            self.outcomes[case.id].set_result(None)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stages(request: pytest.FixtureRequest) -> AsyncIterator[Stages]:
    """Play whatever cases were selected."""
    chosen = {item.name.partition("[")[2].rstrip("]") for item in request.session.items}
    stages = Stages([case for case in CASES if case.id in chosen])
    yield stages
    await stages.close()


async def _play(play: Play, case: Case) -> None:
    slot = play.cast.world.slots[0]
    await case.scenario.prepare(play)
    await settled(play.cast.world)
    await _die_at(case.point, play, case)
    await slot.start()
    if case.is_repeated:
        first = await case.scenario.act(play)
        again = await case.scenario.act(play)
        assert again == first
        await case.scenario.check(play, first)
    else:
        await play.cast.all_final(play.task, [held.credential for held in play.tokens])
        await play.cast.expect(dead=play.tokens, alive=play.others)


async def _begin_anew(cast: Cast) -> None:
    """Let the next case find a broker that runs, so that one failure is not all of them."""
    slot = cast.world.slots[0]
    with suppress(Exception):  # then the next case says so
        await slot.kill()
        await slot.start()


async def _die_at(point: str, play: Play, case: Case) -> None:
    """Let the ordinary broker make way for an armed one, which must die while it is driven."""
    slot = play.cast.world.slots[0]
    await slot.kill()
    await slot.start(armed=point)
    with suppress(BrokerUnreachableError, ApiError):  # whatever the caller saw of it
        await case.scenario.act(play)
    assert await slot.died() == KILLED, f"it did not die at {point}"


async def _check_the_end(cast: Cast) -> None:
    """After all the deaths: nothing missing, nothing twice, no quota counted wrong (I1, I12)."""
    for held in cast.held:
        shown = await cast.operator.client.credentials.show(held.credential)
        assert shown.task == held.task
    await cast.operator.client.operator.revoke({"tenant": "acme"}, reason="the end")
    file = cast.world.audit_files()[0]

    async def ended() -> bool:
        starts, ends = starts_and_ends(read_audit(file))
        is_begun = {held.credential for held in cast.held} <= set(starts)
        return is_begun and set(starts) == set(ends)

    await eventually_true(ended, "an end for every start")
    records = read_audit(file)
    require_dense(records)
    starts, ends = starts_and_ends(records)
    assert {held.credential for held in cast.held} <= set(starts)
    assert set(starts.values()) | set(ends.values()) <= {1}
    await _check_places(cast)
    for held in cast.held:
        assert not await cast.accepts(held)


async def _check_places(cast: Cast) -> None:
    """Hold quotas to what is alive: nothing, but for one place that was to be freed last.

    What is decided again may be renewed meanwhile, so its place is freed when it has surely ended;
    if the broker dies in between, it counts until the credential would have expired (I14). What is
    past that counts no more, and is swept by whoever asks for a place next.
    """
    seconds, _ = cast.world.ask("TIME")
    for quota in cast.world.ask("KEYS", "jit:{q:*"):
        for name in cast.world.ask("ZRANGEBYSCORE", quota, f"({int(seconds)}000", "+inf"):
            shown = await cast.operator.client.credentials.show(name)
            assert shown.ended_by in {"no-longer-granted", "expired"}
            until_s = float(cast.world.ask("ZSCORE", quota, name)) / 1_000
            assert until_s <= shown.expires_at.timestamp() + _ROUNDING_S


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_a_death_leaves_neither_more_nor_less_access(stages: Stages, case: Case) -> None:
    """A retry says the same twice and has one effect; the servers accept exactly what is alive."""
    await stages.outcomes[case.id]


async def test_in_the_end_each_lease_has_one_start_and_one_end(stages: Stages) -> None:
    """In every world, whatever died in it: the audit trail, the quotas and the servers agree."""
    await asyncio.gather(*stages.endings)
