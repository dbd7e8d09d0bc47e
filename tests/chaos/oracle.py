"""Holding the resource servers' logs against what the clients were told."""

from collections.abc import Mapping
from typing import Final

from broker.ids import lease_of
from tests.chaos.audit_log import read_audit, require_dense, starts_and_ends, undone
from tests.chaos.cast import Cast
from tests.chaos.world import ORDERS, STALENESS_MS, World
from tests.fakes.eventually_true import eventually_true

WITHIN_S: Final = 180.0
"""How long a busy machine may take to come to rest after a storm."""

SLACK_MS: Final = 500
"""For what lies between a server's judgement and the clocks that are read around it."""


def require_no_resurrection(world: World, dead_since: Mapping[str, int]) -> int:
    """Check that nobody let in a token after its end; return how many visits were looked at.

    A server that asks knows at once; one that follows the feed, after its bound at the latest.
    """
    looked_at = 0
    for server in world.witnesses:
        bound_ms = STALENESS_MS + SLACK_MS if server.audience == ORDERS else 0
        for visit in server.visits():
            ended_ms = dead_since.get(lease_of(visit.jti)) if visit.jti else None
            if ended_ms is None:
                continue
            looked_at += 1
            late_ms = visit.came_ms - ended_ms
            assert not (visit.accepted and late_ms > bound_ms), (
                f"{visit.jti} was let in {late_ms} ms after its end was acknowledged"
            )
    return looked_at


async def require_whole_trail(cast: Cast) -> None:
    """Check that every broker's trail has one start for each lease, and one end in the end.

    Every request was repeated until it was answered for good: so the clients hold all that was ever
    granted, but for what a full quota made undone.
    """
    known = {held.credential for held in cast.held}
    for file in cast.world.audit_files():

        async def complete(file: object = file) -> bool:
            starts, ends = starts_and_ends(read_audit(file))
            return known <= set(starts) and set(starts) == set(ends)

        await eventually_true(complete, f"a complete trail in {file}", within_s=WITHIN_S)
        records = read_audit(file)
        require_dense(records)
        starts, ends = starts_and_ends(records)
        assert set(starts.values()) | set(ends.values()) <= {1}
        undelivered = set(starts) - known
        assert undelivered <= undone(records), "granted, and neither delivered nor undone"


async def require_exact_quotas(world: World) -> None:
    """Check, when everything has ended, that no quota counts a lease that ever was.

    A broker that died between taking a place and writing its lease leaves the place of a lease that
    never came to be, until it would have expired: too many counted for a while, never too few.
    """
    starts, _ = starts_and_ends(read_audit(world.audit_files()[0]))

    async def counted() -> set[str]:
        quotas = world.ask("KEYS", "jit:{q:*") or []
        return {name for quota in quotas for name in world.ask("ZRANGE", quota, 0, -1)}

    async def exact() -> bool:
        return not await counted() & set(starts)

    await eventually_true(exact, "places freed", within_s=WITHIN_S)
