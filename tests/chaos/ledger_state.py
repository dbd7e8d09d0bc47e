"""Waiting until the ledger is at rest, so that what a scenario sets in motion is its own."""

from typing import Final

from tests.chaos.world import CLOCK, World
from tests.fakes.eventually_true import eventually_true

BUCKETS: Final = 16
AHEAD_MS: Final = 4_000
"""Nothing becomes due by itself while a broker is restarted and driven."""


async def settled(world: World) -> None:
    """Wait until every outbox is shipped and nothing is due, nor soon will be."""

    async def quiet() -> bool:
        until_ms = CLOCK.now_ms() + AHEAD_MS
        prefixes = [f"jit:{{b{number:02x}}}:" for number in range(BUCKETS)]
        waiting = sum(world.ask("XLEN", f"{prefix}out") for prefix in prefixes)
        due = sum(world.ask("ZCOUNT", f"{prefix}due", "-inf", until_ms) for prefix in prefixes)
        return waiting + due == 0

    await eventually_true(quiet, "a ledger at rest")
