"""Orders of operators: what they reach, what is dead then, and what they cannot see."""

import asyncio

import pytest

from tests.fakes.cast import (
    AGENT,
    BOTH_OPERATOR,
    OPERATOR,
    ORCHESTRATOR,
    ORDERS,
    ROOT_OPERATOR,
    STOCK_OPERATOR,
    Who,
)
from tests.fakes.scene import Scene
from tests.fakes.world import World
from tests.fakes.world_config import ISSUERS

EVERYTHING = {"agent", "legacy", "second", "child", "helper", "stock"}
ACME = EVERYTHING - {"stock"}

ORDERED = [
    (OPERATOR, {"agent": "invoice-bot"}, {"agent", "legacy", "second", "child"}),
    (OPERATOR, {"agent": "helper-bot"}, {"child", "helper"}),
    (OPERATOR, {"agent": "stock-bot"}, set()),
    (OPERATOR, {"agent": "nobody"}, set()),
    (OPERATOR, {"capability": "orders-api"}, ACME - {"legacy"}),
    (OPERATOR, {"capability": "legacy-api"}, {"legacy"}),
    (OPERATOR, {"issuer": ISSUERS[1]}, {"second"}),
    (OPERATOR, {"issuer": ISSUERS[0]}, ACME),
    (OPERATOR, {"tenant": "acme"}, ACME),
    (OPERATOR, {"all": True}, ACME),
    (STOCK_OPERATOR, {"all": True}, {"stock"}),
    (STOCK_OPERATOR, {"agent": "invoice-bot"}, set()),
    (BOTH_OPERATOR, {"all": True}, EVERYTHING),
    (BOTH_OPERATOR, {"capability": "orders-api", "in_tenant": "globex"}, {"stock"}),
    (ROOT_OPERATOR, {"all": True}, EVERYTHING),
    (ROOT_OPERATOR, {"capability": "orders-api"}, EVERYTHING - {"legacy"}),
    (ROOT_OPERATOR, {"capability": "orders-api", "in_tenant": "acme"}, ACME - {"legacy"}),
    (ROOT_OPERATOR, {"agent": "stock-bot", "in_tenant": "acme"}, set()),
    (ROOT_OPERATOR, {"all": True, "in_tenant": "acme"}, ACME),
    (OPERATOR, {"all": True, "in_tenant": "acme"}, ACME),
    (ROOT_OPERATOR, {"tenant": "globex"}, {"stock"}),
    (ROOT_OPERATOR, {"issuer": ISSUERS[0], "in_tenant": "globex"}, {"stock"}),
]


@pytest.mark.parametrize(
    ("who", "selector", "dead"), ORDERED, ids=[f"{w.name}-{s}" for w, s, _ in ORDERED]
)
async def test_an_order_kills_what_it_names_and_nothing_else(
    world: World, who: Who, selector: dict[str, object], dead: set[str]
) -> None:
    """At once, whatever the clean-up does later; and its report names exactly the killed."""
    scene = await Scene(world).prepare()

    ordered = await world.revoke(who, **selector)

    assert (ordered.status, ordered["acknowledged"]) == (200, True)
    assert await scene.alive() == EVERYTHING - dead
    await world.settle()
    await world.settle()
    assert await scene.alive() == EVERYTHING - dead
    receipts = await world.receipts(who, f"/v1/revocations/{ordered['id']}/report")
    assert sorted(r["credential"] for r in receipts) == sorted(scene.ids[name] for name in dead)


@pytest.mark.parametrize("kind", ["credential", "task"])
async def test_an_order_on_one_thing_ends_it(world: World, kind: str) -> None:
    """A credential alone, or a task with all that hangs below it."""
    scene = await Scene(world).prepare()
    named = {"credential": scene.ids["agent"], "task": scene.tasks["agent"]}[kind]
    dead = {"agent"} if kind == "credential" else {"agent", "legacy", "second", "child"}

    ordered = await world.revoke(OPERATOR, **{kind: named})

    assert (ordered.status, ordered["issued_before"]) == (200, None)
    assert await scene.alive() == EVERYTHING - dead
    await world.settle()
    receipts = await world.receipts(OPERATOR, f"/v1/revocations/{ordered['id']}/report")
    assert sorted(r["credential"] for r in receipts) == sorted(scene.ids[name] for name in dead)


async def test_an_operator_cannot_order_beyond_its_tenants(world: World) -> None:
    """What lies there does not exist for it, in every form; and nothing dies."""
    scene = await Scene(world).prepare()

    foreign = [
        await world.revoke(OPERATOR, tenant="globex"),
        await world.revoke(OPERATOR, tenant="no-such"),
        await world.revoke(OPERATOR, agent="stock-bot", in_tenant="globex"),
        await world.revoke(OPERATOR, all=True, in_tenant="globex"),
        await world.revoke(OPERATOR, credential=scene.ids["stock"]),
        await world.revoke(OPERATOR, credential=f"l_00_{'a' * 26}"),
        await world.revoke(OPERATOR, task=scene.tasks["stock"]),
        await world.revoke(OPERATOR, task=f"t_00_{'a' * 26}"),
        await world.revoke(OPERATOR, task=f"c_00_{'a' * 26}"),
    ]

    assert {answer.status for answer in foreign} == {404}
    assert len({answer.raw for answer in foreign}) == 1
    assert await scene.alive() == EVERYTHING
    assert await world.told("revocation.ordered") == 0


@pytest.mark.parametrize("who", [AGENT, ORCHESTRATOR, ORDERS], ids=lambda who: str(who.kind))
async def test_only_operators_order(world: World, who: Who) -> None:
    """And only they look at orders."""
    scene = await Scene(world).prepare()
    ordered = await world.revoke(OPERATOR, credential=scene.ids["helper"])

    refused = await world.revoke(who, agent="invoice-bot")
    shown = await world.get(who, f"/v1/revocations/{ordered['id']}")
    report = await world.get(who, f"/v1/revocations/{ordered['id']}/report")

    assert (refused.status, refused.code) == (403, "access-denied")
    assert (shown.status, report.status) == (404, 404)


async def test_an_order_is_shown_to_operators_of_all_it_reaches(world: World) -> None:
    """To others it is as absent as one that never was."""
    acme = await world.revoke(OPERATOR, all=True)
    both = await world.revoke(BOTH_OPERATOR, all=True)
    whole = await world.revoke(ROOT_OPERATOR, all=True)

    async def seen(who: Who) -> list[int]:
        return [
            (await world.get(who, f"/v1/revocations/{order['id']}{part}")).status
            for order in (acme, both, whole)
            for part in ("", "/report")
        ]

    assert await seen(OPERATOR) == [200, 200, 404, 404, 404, 404]
    assert await seen(STOCK_OPERATOR) == [404] * 6
    assert await seen(BOTH_OPERATOR) == [200, 200, 200, 200, 404, 404]
    assert await seen(ROOT_OPERATOR) == [200] * 6
    foreign = await world.get(STOCK_OPERATOR, f"/v1/revocations/{acme['id']}")
    absent = await world.get(STOCK_OPERATOR, f"/v1/revocations/r_00_{'a' * 26}")
    assert foreign.raw == absent.raw


async def test_an_order_is_shown_as_it_was_given(world: World) -> None:
    """Selector, reason, who, since when."""
    ordered = await world.revoke(OPERATOR, agent="invoice-bot", reason="leaked in a log")

    shown = await world.get(OPERATOR, f"/v1/revocations/{ordered['id']}")

    assert shown.body == ordered.body
    assert shown["selector"] == {"agent": "invoice-bot"}
    assert (shown["reason"], shown["ordered_by"]) == ("leaked in a log", "operator:alice")
    assert shown["pending_buckets"] == []
    assert ordered.headers["Location"] == f"/v1/revocations/{ordered['id']}"


async def test_a_cut_does_not_reach_forward(world: World) -> None:
    """The next task of the same agent gets credentials again, unless policy says no."""
    before = await world.open()
    await world.revoke(OPERATOR, agent="invoice-bot")

    refused = await world.ask(before["id"])
    after = await world.open()

    assert (refused.status, refused.code) == (409, "task-closed")
    assert await world.is_active((await world.issue(after["id"]))["access_token"])


async def test_nothing_survives_a_cut_that_races_with_issuing(worlds: World) -> None:
    """Whatever was delivered before the order was acknowledged is dead after it (I4, F8)."""
    for _ in range(5):
        tasks = [await worlds.open() for _ in range(4)]
        answers = await asyncio.gather(
            *(worlds.ask(task["id"], at=n % 2) for n, task in enumerate(tasks)),
            worlds.revoke(OPERATOR, agent="invoice-bot"),
            *(worlds.ask(task["id"], at=n % 2) for n, task in enumerate(tasks)),
        )

        assert answers[4].status == 200
        delivered = [a for n, a in enumerate(answers) if n != 4 and a.status == 201]
        for answer in delivered:
            assert not await worlds.is_active(answer["access_token"])


async def test_a_revoked_task_says_who_revoked_it(world: World) -> None:
    """The record that its parties see."""
    task = await world.open()
    await world.revoke(OPERATOR, agent="invoice-bot", reason="leaked")
    await world.settle()

    shown = await world.get(AGENT, f"/v1/tasks/{task['id']}")

    assert (shown["state"], shown["ended_by"]) == ("cancelled", "revoked")
    assert shown["closed_by"] == "operator:alice: leaked"
