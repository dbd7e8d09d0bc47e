"""Two brokers on one ledger are killed at random, over and over, while everybody works."""

import asyncio
import os
import random  # noqa: TID251 - a seeded choice of whom to kill

import pytest

from tests.chaos.cast import Cast
from tests.chaos.oracle import (
    require_exact_quotas,
    require_no_resurrection,
    require_whole_trail,
)
from tests.chaos.traffic import Traffic
from tests.chaos.world import CLOCK, ORDERS, REPORTS, World, open_world, start_all
from tests.fakes.eventually_true import eventually_true

pytestmark = pytest.mark.soak

SEED = int(os.environ.get("CHAOS_SEED", "20261124"))
"""Set it to tell the same story again."""

KILLS = 100
ENOUGH_S = 60.0
"""A slow machine kills fewer times, and is done all the same; but not before the fewest."""

FEWEST = 20


async def _kill_at_random(world: World) -> int:
    """Kill and restart, now the one and now the other, in the middle of whatever they do."""
    chance = random.Random(SEED)  # noqa: S311 - see the import
    kills = 0
    enough_ms = CLOCK.monotonic_ms() + ENOUGH_S * 1000
    while kills < FEWEST or (kills < KILLS and CLOCK.monotonic_ms() < enough_ms):
        await asyncio.sleep(0.5 * chance.random())
        slot = chance.choice(world.slots)
        await slot.kill()
        kills += 1
        await slot.start(is_awaited=chance.random() < 0.7)
    return kills


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_hundred_random_deaths_resurrect_nothing_and_lose_nothing() -> None:
    """What was ended stays dead, what was delivered is known, and everything is counted once."""
    async with open_world(brokers=2) as world:
        await start_all(world.slots)
        urls = [slot.url for slot in world.slots]
        await asyncio.gather(
            *(world.start_witness(ORDERS, check="feed", at=url) for url in urls),
            *(world.start_witness(REPORTS, check="introspect", at=url) for url in urls),
        )
        print(f"CHAOS_SEED={SEED}")
        cast = Cast(world, timeout_s=3.0)
        traffic = Traffic(cast, seed=SEED, urls=urls)
        killing = asyncio.create_task(_kill_at_random(world))

        await traffic.run(4, until=killing)

        assert killing.result() >= FEWEST
        for slot in world.slots:
            await slot.kill()
        await start_all(world.slots)
        await _end_everything(traffic)
        diary = traffic.diary
        assert len(diary.ends) > 20
        assert diary.repeats > 0, "nobody was ever disturbed"
        await require_whole_trail(cast)
        await require_exact_quotas(world)
        for held in cast.held[-50:]:
            assert not await cast.accepts(held)
        assert require_no_resurrection(world, diary.dead_since()) > 100


async def _end_everything(traffic: Traffic) -> None:
    operator = traffic.cast.operator
    await traffic.ask(
        operator, lambda client: client.operator.revoke({"tenant": "acme"}, reason="the end")
    )
    traffic.diary.ended("the end", traffic.cast.held)

    async def none_accepted() -> bool:
        newest = traffic.cast.held[-20:]
        return not any([await traffic.cast.accepts(held) for held in newest])

    await eventually_true(none_accepted, "the end of the newest tokens")
