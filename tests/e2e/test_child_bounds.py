"""I7 in every dimension, over the API: what a child may not be, and what operators learn of it."""

import asyncio
from typing import Any

import pytest

from tests.fakes.cast import (
    AGENT,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    STOCK_AGENT,
    STOCK_ORCHESTRATOR,
    WIDE_ORCHESTRATOR,
)
from tests.fakes.world import Answer, World, task_body

ORDERS: str = "https://orders.example"
REPORTS: str = "https://reports.example"
READ = {"capability": "orders-api", "scopes": ["orders:read"]}
REPORT = {"capability": "reports-read", "scopes": ["reports:read"]}

WIDER: dict[str, dict[str, object]] = {
    "capability": {"ceiling": [READ, REPORT]},
    "scope": {"ceiling": [{**READ, "scopes": ["orders:read", "orders:write"]}]},
    "audience": {"audiences": [ORDERS, REPORTS]},
    "levels": {"max_levels": 3},
    "children": {"max_children": 3},
    "below": {"max_below": 5},
    "ticket": {"tickets": ["OPS-1", "OPS-2"]},
    "resource": {"resources": ["dataset:orders", "dataset:more"]},
}


async def bounded(world: World, **changes: Any) -> dict[str, Any]:
    """Open a root that states every bound."""
    stated: dict[str, Any] = {
        "audiences": [ORDERS],
        "max_levels": 3,
        "max_children": 2,
        "max_below": 4,
        "tickets": ["OPS-1"],
        "resources": ["dataset:orders"],
    }
    return await world.open(**{**stated, **changes})


async def explained(world: World, refused: Answer) -> Any:
    """Look up why, as an operator."""
    return (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")).body


async def test_what_is_left_out_is_the_parents(world: World) -> None:
    """A child that states no bounds has its parent's, one level less."""
    root = await bounded(world)

    child = await world.delegate(root["id"])
    shown = await world.get(HELPER, f"/v1/tasks/{child['id']}")

    assert child.status == 201, child.raw
    assert (shown["audiences"], shown["max_levels"]) == ([ORDERS], 2)
    assert (shown["max_children"], shown["max_below"]) == (2, 4)


async def test_a_root_that_states_nothing_shows_nothing(world: World) -> None:
    """What bounds it then is the configuration alone."""
    root = await world.open()

    names = ("audiences", "max_levels", "max_children", "max_below")
    assert [root[name] for name in names] == [None] * 4


@pytest.mark.parametrize("more", WIDER.values(), ids=WIDER)
async def test_wider_is_refused_in_each_dimension(world: World, more: dict[str, object]) -> None:
    """Whoever asks; nothing is opened, and the answer tells no more than any refusal."""
    root = await bounded(world)

    for who in (AGENT, ORCHESTRATOR):
        answer = await world.delegate(root["id"], who, **more)
        assert (answer.status, answer.code) == (403, "access-denied"), answer.raw
        assert set(answer.body) == {"type", "title", "status", "detail", "decision"}
    assert (await world.get(ORCHESTRATOR, "/v1/tasks"))["tasks"] == [
        (await world.get(ORCHESTRATOR, f"/v1/tasks/{root['id']}")).body
    ]


async def test_operators_see_what_was_too_much_and_where_it_was_lost(world: World) -> None:
    """Each dimension by name, what the parent has, and the first ancestor that lacks it."""
    both = [{**READ, "scopes": ["orders:read", "orders:write"]}]
    root = await bounded(world, ceiling=both, audiences=[ORDERS, REPORTS])
    child = await world.delegate(
        root["id"], agent="invoice-bot", audiences=[ORDERS], tickets=["OPS-1"], ceiling=both
    )
    leaf = await world.delegate(child["id"], agent="invoice-bot", tickets=["OPS-1"])

    refused = await world.delegate(
        leaf["id"],
        ceiling=both,
        audiences=[REPORTS],
        tickets=["OPS-1", "OPS-9"],
        max_levels=1,
        max_below=9,
    )

    seen = await explained(world, refused)
    assert seen["reason"] == "wider-than-parent"
    assert seen["trace"]["missing"] == [
        (
            "ceiling orders-api orders:write within the parent's: it has orders-api orders:read; "
            f"first narrowed at {leaf['id']}"
        ),
        f"tickets OPS-9 within the parent's: it has OPS-1; first narrowed at {root['id']}",
        (
            f"audiences {REPORTS} within the parent's: it has {ORDERS}; "
            f"first narrowed at {child['id']}"
        ),
        f"levels 1 within the parent's: it has 0 for a child; first narrowed at {root['id']}",
        f"below 9 within the parent's: it has 4 for a child; first narrowed at {root['id']}",
    ]


async def test_another_tenants_operator_learns_nothing(world: World) -> None:
    """A refusal of a wider child is its tenant's alone (I16)."""
    root = await bounded(world)
    refused = await world.delegate(root["id"], tickets=["OPS-2"])

    strange = await world.get(STOCK_ORCHESTRATOR, f"/v1/decisions/{refused['decision']}")

    assert strange.status == 403


async def test_a_credential_stays_within_the_tasks_audiences(world: World) -> None:
    """The ceiling may name the capability: its resource server has to be among those as well."""
    task = await world.open(ceiling=[READ, REPORT], audiences=[REPORTS])

    refused = await world.ask(task["id"])

    assert (refused.status, refused.code) == (403, "access-denied")
    assert (await explained(world, refused))["reason"] == "beyond-audiences"


async def test_a_task_hands_on_no_further_than_it_was_told(world: World) -> None:
    """One level: a child, and no grandchild. None: nothing at all."""
    root, alone = await world.open(max_levels=1), await world.open(max_levels=0)
    child = await world.delegate(root["id"], agent="invoice-bot")

    below, none = await world.delegate(child["id"]), await world.delegate(alone["id"])

    assert (child.status, below.status, none.status) == (201, 403, 403)
    assert "a child within the parent's" in str((await explained(world, below))["trace"])


async def test_the_ninth_level_does_not_exist(world: World) -> None:
    """Whatever policy and bounds say: a path has at most eight tasks, and each token its chain."""
    world.config.write(
        "policies/50-deep.cedar",
        '@id("deep") permit (principal is Agent, action == Action::"DelegateTask", resource)'
        " when { principal.tenant == context.task.tenant };",
    )
    await world.publish()
    line = [await world.open(max_levels=7)]
    for _ in range(7):
        answer = await world.delegate(line[-1]["id"], agent="invoice-bot")
        assert answer.status == 201, answer.raw
        line.append(answer.body)

    ninth = await world.delegate(line[-1]["id"], agent="invoice-bot")
    token = await world.issue(line[-1]["id"])
    seen = (await world.introspect(token["access_token"])).body

    assert ninth.status in (400, 403)
    chain, actor = [], seen["act"]
    while actor:
        chain.append(actor["sub"])
        actor = actor.get("act")
    assert chain == ["agent:invoice-bot"] * 8


@pytest.mark.parametrize("at_once", [50])
async def test_racing_openers_never_open_more_than_the_bound(world: World, at_once: int) -> None:
    """Children of one task, and tasks of the tree: each opening is judged by the ledger alone."""
    root = await world.open(max_children=10, max_below=12)
    branch = (await world.delegate(root["id"], agent="invoice-bot")).body

    parents = [root["id"] if number % 2 else branch["id"] for number in range(at_once)]
    answers = await asyncio.gather(*map(world.delegate, parents))

    assert {answer.status for answer in answers} == {201, 429}
    assert sum(answer.status == 201 for answer in answers) == 11
    of_root = [a for a in answers if a.status == 201 and a["parent"] == root["id"]]
    assert len(of_root) <= 9


async def test_a_tenants_task_has_no_child_in_another(world: World) -> None:
    """Not by naming its id, not by answering for both (I16)."""
    foreign = await world.open(STOCK_ORCHESTRATOR, tenant="globex", agent="stock-bot")
    own = await world.open(WIDE_ORCHESTRATOR, tenant="globex", agent="stock-bot", instance="pod-1")

    by_stranger = await world.delegate(foreign["id"])
    across = await world.delegate(own["id"], WIDE_ORCHESTRATOR, tenant="acme")
    absent = await world.delegate(f"t_00_{'a' * 26}")

    assert (by_stranger.status, by_stranger.raw) == (404, absent.raw)
    assert (across.status, across["field"]) == (400, "tenant")
    assert (await world.delegate(foreign["id"], STOCK_AGENT, tenant="globex")).status == 403


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"max_levels": -1}, "max_levels"),
        ({"max_levels": 8}, "max_levels"),
        ({"max_levels": 1.5}, "max_levels"),
        ({"max_children": 0}, "max_children"),
        ({"max_below": 10**9}, "max_below"),
        ({"max_below": "4"}, "max_below"),
        ({"audiences": []}, "audiences"),
        ({"audiences": ["https://orders.ex\u200bample"]}, "audiences[0]"),
        ({"audiences": ["a" * 10_000]}, "audiences[0]"),
        ({"ceiling": [{**READ, "capability": "Orders-Api"}]}, "ceiling[0].capability"),
        ({"ceiling": [{**READ, "scopes": ["ORDERS:read"]}]}, "ceiling[0].scopes"),
        ({"ceiling": [{**READ, "scopes": ["orders:r\u0435ad"]}]}, "ceiling[0].scopes[0]"),
        ({"ceiling": [{**READ, "capability": "orders-\u0430pi"}]}, "ceiling[0].capability"),
    ],
)
async def test_what_is_no_bound_is_refused_at_the_door(
    world: World, more: dict[str, object], field: str
) -> None:
    """With the member's name, for roots and children alike."""
    root = await world.open()

    answers = [
        await world.delegate(root["id"], **more),
        await world.post(ORCHESTRATOR, "/v1/tasks", task_body(**more)),
    ]

    assert {(answer.status, answer["field"]) for answer in answers} == {(400, field)}
