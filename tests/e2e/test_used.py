"""That a credential was used is noted once, when the first resource server is told it is alive."""

import json
from typing import Any

import pytest

from tests.fakes.cast import ORDERS, REPORTS
from tests.fakes.until import until
from tests.fakes.world import World

REPORT: dict[str, Any] = {"capability": "reports-read", "scopes": ["reports:read"]}


def uses(world: World) -> list[dict[str, Any]]:
    """Read the uses in the audit trail."""
    lines = world.config.settings().audit.file.read_text().splitlines()
    return [json.loads(line) for line in lines if '"lease.used"' in line]


async def test_the_first_use_is_told_and_no_later_one(world: World) -> None:
    """With what it was for and who saw it; asking again writes nothing."""
    task = await world.open(ceiling=[REPORT])
    issued = await world.issue(task["id"], **REPORT)

    assert await world.is_active(issued["access_token"], REPORTS)
    await until(lambda: bool(uses(world)))
    for _ in range(3):
        assert await world.is_active(issued["access_token"], REPORTS)
    await world.settle()

    [told] = uses(world)
    assert (told["credential"], told["task"]) == (issued["id"], task["id"])
    assert (told["agent"], told["capability"], told["scopes"]) == (
        "invoice-bot",
        "reports-read",
        ["reports:read"],
    )
    assert told["seen_by"] == told["audience"] == "https://reports.example"
    assert "withheld" not in told


@pytest.mark.parametrize("end", [False, True], ids=["another audience's", "dead"])
async def test_what_nobody_was_told_is_alive_was_not_used(world: World, *, end: bool) -> None:
    """Neither the question of a stranger nor one that came too late is a use."""
    task = await world.open(ceiling=[REPORT])
    issued = await world.issue(task["id"], **REPORT)
    if end:
        await world.end(task["id"])

    assert not await world.is_active(issued["access_token"], REPORTS if end else ORDERS)
    await world.settle()

    assert uses(world) == []
