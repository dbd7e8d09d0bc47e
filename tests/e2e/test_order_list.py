"""The list of orders and narrowed reports, over HTTP."""

from typing import Any

import pytest

from tests.fakes.cast import (
    BOTH_OPERATOR,
    OPERATOR,
    ORCHESTRATOR,
    ROOT_OPERATOR,
    STOCK_OPERATOR,
    Who,
)
from tests.fakes.scene import Scene
from tests.fakes.world import World

LIST = "/v1/revocations"


async def listed(world: World, who: Who, query: str = "") -> list[str]:
    """Return the ids of all pages."""
    path = f"{LIST}?limit=2{query}"
    return [each["id"] for page in await world.pages(who, path) for each in page["revocations"]]


async def test_operators_see_the_orders_within_their_tenants(world: World) -> None:
    """Newest first; an order that reaches further than a caller answers for is not there (I16)."""
    of_acme = (await world.revoke(OPERATOR, agent="invoice-bot"))["id"]
    of_globex = (await world.revoke(STOCK_OPERATOR, agent="stock-bot"))["id"]
    of_both = (await world.revoke(BOTH_OPERATOR, capability="orders-api"))["id"]
    of_all = (await world.revoke(ROOT_OPERATOR, capability="legacy-api"))["id"]

    assert await listed(world, OPERATOR) == [of_acme]
    assert await listed(world, STOCK_OPERATOR) == [of_globex]
    assert await listed(world, BOTH_OPERATOR) == [of_both, of_globex, of_acme]
    assert await listed(world, ROOT_OPERATOR) == [of_all, of_both, of_globex, of_acme]
    assert await listed(world, ROOT_OPERATOR, "&tenant=globex") == [of_all, of_both, of_globex]
    assert await listed(world, OPERATOR, "&tenant=globex") == []
    assert await listed(world, ROOT_OPERATOR, "&ordered_by=operator:gina") == [of_globex]
    assert await listed(world, ROOT_OPERATOR, "&of=capability") == [of_all, of_both]
    assert await listed(world, ROOT_OPERATOR, "&acknowledged=false") == []


async def test_each_is_shown_as_it_is_shown_alone(world: World) -> None:
    """Member by member, by the same rule."""
    order = await world.revoke(OPERATOR, agent="invoice-bot")

    [shown] = (await world.get(OPERATOR, LIST))["revocations"]

    assert shown == (await world.get(OPERATOR, f"{LIST}/{order['id']}")).body


async def test_a_cursor_is_its_callers_and_its_filters_own(world: World) -> None:
    """Another caller, or another filter, cannot go on with it."""
    for _ in range(3):
        await world.revoke(OPERATOR, agent="invoice-bot")
    following = (await world.get(OPERATOR, f"{LIST}?limit=1"))["next"]

    assert (await world.get(OPERATOR, following)).status == 200
    assert (await world.get(ROOT_OPERATOR, following)).status == 400
    assert (await world.get(OPERATOR, f"{following}&of=agent")).status == 400


WRONG = (
    "of=nothing",
    "acknowledged=maybe",
    "ordered_after=yesterday",
    "ordered_by=",
    "tenant=%20",
    "ordered_after=2027-01-15T08:00:00Z&ordered_before=2027-01-15T08:00:00Z",
)


@pytest.mark.parametrize("query", WRONG)
async def test_a_filter_that_cannot_be_is_refused(world: World, query: str) -> None:
    """By name, never ignored."""
    answer = await world.get(OPERATOR, f"{LIST}?{query}")

    assert answer.status == 400
    assert answer["field"] in query


async def receipts(world: World, who: Who, path: str, query: str) -> list[Any]:
    """Return every receipt of a narrowed report, and check its counts."""
    found = []
    for page in await world.pages(who, f"{path}?limit=1&{query}"):
        assert sum(page["counts"].values()) == len(page["receipts"]) <= 1
        found += page["receipts"]
    return found


async def test_reports_are_narrowed_to_what_is_asked(world: World) -> None:
    """By state, capability and kind; all pages together are exactly the receipts that fit."""
    scene = await Scene(world).prepare()
    order = await world.revoke(OPERATOR, all=True)
    await world.settle()
    for who, path in (
        (OPERATOR, f"{LIST}/{order['id']}/report"),
        (ORCHESTRATOR, f"/v1/tasks/{scene.tasks['agent']}/report"),
    ):
        whole = await world.receipts(who, path)
        states = {receipt["state"] for receipt in whole}
        assert len(whole) > 2
        for name, values in {
            "state": [*states, "pending"],
            "capability": ["orders-api", "legacy-api", "nothing"],
            "kind": ["jwt", "aws-sts"],
        }.items():
            for value in values:
                found = await receipts(world, who, path, f"{name}={value}")
                fit = [receipt["credential"] for receipt in whole if receipt[name] == value]
                assert [receipt["credential"] for receipt in found] == fit
