"""The tree of a task, page by page; and any part of it killed, while the rest lives on."""

from typing import Any, Final

import pytest

from tests.fakes.cast import (
    AGENT,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    OTHER_ORCHESTRATOR,
    REPORTER,
    STOCK_OPERATOR,
)
from tests.fakes.world import World

MINE: Final = {"agent": "invoice-bot"}


async def planted(world: World) -> dict[str, Any]:
    """Grow a tree: a root with two branches, of which one goes two levels further down."""
    root = await world.open()
    left = (await world.delegate(root["id"], name="left", **MINE)).body
    below = (await world.delegate(left["id"], name="below", **MINE)).body
    leaf = (await world.delegate(below["id"], name="leaf")).body
    right = (await world.delegate(root["id"], name="right")).body
    return {"root": root, "left": left, "below": below, "leaf": leaf, "right": right}


async def names(world: World, who: Any, task: str, query: str = "") -> list[tuple[str, int]]:
    """Read the whole tree: each task's name and level."""
    pages = await world.pages(who, f"/v1/tasks/{task}/tree{query}")
    return [(each["name"], each["level"]) for page in pages for each in page["tasks"]]


WHOLE: Final = [
    ("reconcile-invoices", 0),
    ("left", 1),
    ("below", 2),
    ("leaf", 3),
    ("right", 1),
]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_a_tree_is_shown_from_above_whatever_the_page(world: World, limit: int) -> None:
    """Each task after its parent, the oldest child first; no page boundary loses or repeats one."""
    tree = await planted(world)

    assert await names(world, ORCHESTRATOR, tree["root"]["id"], f"?limit={limit}") == WHOLE


async def test_each_task_tells_what_it_has(world: World) -> None:
    """Children, and live credentials of its own."""
    tree = await planted(world)
    await world.issue(tree["below"]["id"])
    await world.issue(tree["leaf"]["id"], HELPER)
    await world.issue(tree["leaf"]["id"], HELPER)

    seen = (await world.get(OPERATOR, f"/v1/tasks/{tree['root']['id']}/tree"))["tasks"]

    assert [each["live_credentials"] for each in seen] == [0, 0, 1, 2, 0]
    assert [each["open_children"] for each in seen] == [2, 1, 1, 0, 0]
    assert [each["opener"] for each in seen] == ["orchestrator:ci-orchestrator"] + [
        "agent:invoice-bot"
    ] * 4


async def test_everybody_sees_what_is_below_its_own_and_nothing_else(world: World) -> None:
    """Who owns or opened the task that it begins at; others are told what of an absent one."""
    tree = await planted(world)
    absent = await world.get(REPORTER, f"/v1/tasks/t_00_{'a' * 26}/tree")

    assert await names(world, AGENT, tree["left"]["id"]) == [("left", 0), ("below", 1), ("leaf", 2)]
    assert await names(world, HELPER, tree["leaf"]["id"]) == [("leaf", 0)]
    for who in (HELPER, REPORTER, OTHER_ORCHESTRATOR, STOCK_OPERATOR, AGENT.at("pod-2")):
        answer = await world.get(who, f"/v1/tasks/{tree['left']['id']}/tree")
        assert (answer.status, answer.raw) == (404, absent.raw)


async def test_a_cursor_leads_nowhere_else(world: World) -> None:
    """It is good for its tree and its caller."""
    tree, other = await planted(world), await world.open()
    first = await world.get(ORCHESTRATOR, f"/v1/tasks/{tree['root']['id']}/tree?limit=2")
    cursor = first["next"].partition("cursor=")[2].partition("&")[0]

    elsewhere = await world.get(ORCHESTRATOR, f"/v1/tasks/{other['id']}/tree?cursor={cursor}")
    strange = await world.get(OPERATOR, f"/v1/tasks/{tree['root']['id']}/tree?cursor={cursor}")

    assert (elsewhere.status, strange.status) == (400, 400)


async def test_a_task_in_the_middle_dies_with_all_below_it_and_with_nothing_else(
    world: World,
) -> None:
    """Above and beside live on; below it every credential is dead at once, and reported."""
    tree = await planted(world)
    tokens = {
        name: await world.issue(tree[name]["id"], HELPER if name in ("leaf", "right") else AGENT)
        for name in tree
    }

    report = await world.end(tree["left"]["id"], "cancel", OPERATOR)
    alive = {name: await world.is_active(each["access_token"]) for name, each in tokens.items()}
    await world.settle()
    seen = (await world.get(OPERATOR, f"/v1/tasks/{tree['root']['id']}/tree"))["tasks"]
    receipts = await world.receipts(OPERATOR, f"/v1/tasks/{tree['left']['id']}/report")

    assert report["task"]["state"] == "cancelled"
    assert alive == {"root": True, "left": False, "below": False, "leaf": False, "right": True}
    assert [(each["name"], each["alive"]) for each in seen] == [
        ("reconcile-invoices", True),
        ("left", False),
        ("below", False),
        ("leaf", False),
        ("right", True),
    ]
    assert [each["live_credentials"] for each in seen] == [1, 0, 0, 0, 1]
    assert {each["credential"] for each in receipts} == {
        tokens[name]["id"] for name in ("left", "below", "leaf")
    }
    assert {each["state"] for each in receipts} <= {"accepted", "confirmed"}


async def test_whoever_handed_a_part_on_stops_it(world: World) -> None:
    """The opener of a child, though it owns nothing of it; not who merely owns a part below."""
    tree = await planted(world)

    by_helper = await world.post(HELPER, f"/v1/tasks/{tree['below']['id']}/cancel")
    by_opener = await world.post(AGENT, f"/v1/tasks/{tree['leaf']['id']}/cancel")

    assert (by_helper.status, by_opener.status) == (404, 200)


async def test_an_extended_child_never_outlives_its_parent(world: World) -> None:
    """Not by extending it, nor after its parent has been extended beyond the child's last day."""
    root = await world.open(ttl_seconds=100)
    child = (await world.delegate(root["id"], ttl_seconds=50, **MINE)).body

    await world.post(AGENT, f"/v1/tasks/{root['id']}/extend", {"ttl_seconds": 600})
    await world.post(AGENT, f"/v1/tasks/{child['id']}/extend", {"ttl_seconds": 600})
    seen = (await world.get(OPERATOR, f"/v1/tasks/{root['id']}/tree"))["tasks"]

    assert seen[1]["deadline"] <= root["deadline"] <= seen[0]["deadline"]
