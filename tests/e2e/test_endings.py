"""How tasks end: who may end them, what is dead then, what stays."""

import asyncio

import pytest

from tests.fakes.cast import (
    AGENT,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    ROOT_OPERATOR,
    STOCK_OPERATOR,
    Who,
)
from tests.fakes.world import World

ENDINGS = {
    "complete": ("completed", "done"),
    "fail": ("failed", "failed"),
    "cancel": ("cancelled", "cancelled"),
}


@pytest.mark.parametrize("how", ENDINGS)
@pytest.mark.parametrize("who", [AGENT, ORCHESTRATOR], ids=["agent", "opener"])
async def test_agent_and_opener_end_a_task_in_any_way(world: World, how: str, who: Who) -> None:
    """The token is dead at once, and the record says who ended it and why."""
    task = await world.open()
    issued = await world.issue(task["id"])

    ended = await world.post(who, f"/v1/tasks/{task['id']}/{how}", {"reason": "as it must be"})

    state, ended_by = ENDINGS[how]
    assert ended.status == 200
    assert (ended["task"]["state"], ended["task"]["ended_by"]) == (state, ended_by)
    assert ended["task"]["closed_by"] == f"{who.kind}:{who.name}: as it must be"
    assert not ended["task"]["alive"]
    assert not await world.is_active(issued["access_token"])
    assert [each["credential"] for each in ended["receipts"]] == [issued["id"]]
    assert ended["counts"] == {ended["receipts"][0]["state"]: 1}


@pytest.mark.parametrize("who", [OPERATOR, ROOT_OPERATOR], ids=["of the tenant", "of all"])
async def test_an_operator_cancels_and_does_nothing_else(world: World, who: Who) -> None:
    """Only the parties know whether a task is done or has failed."""
    task = await world.open()

    for how in ("complete", "fail"):
        assert (await world.post(who, f"/v1/tasks/{task['id']}/{how}")).status == 404
    assert (await world.post(STOCK_OPERATOR, f"/v1/tasks/{task['id']}/cancel")).status == 404
    assert (await world.get(AGENT, f"/v1/tasks/{task['id']}"))["alive"]
    assert (await world.post(who, f"/v1/tasks/{task['id']}/cancel")).status == 200


async def test_the_first_ending_stays(world: World) -> None:
    """A later one, of whatever kind and by whomever, changes nothing and answers the same."""
    task = await world.open()
    await world.issue(task["id"])
    first = await world.end(task["id"], "complete")
    before = world.dump()

    later = [
        await world.end(task["id"], "complete"),
        await world.end(task["id"], "fail", ORCHESTRATOR),
        await world.end(task["id"], "cancel", OPERATOR),
    ]

    assert all(each["task"] == first["task"] for each in later)
    assert all(
        [r["credential"] for r in each["receipts"]] == [r["credential"] for r in first["receipts"]]
        for each in later
    )
    assert {k: v for k, v in world.dump().items() if ":t:" in k} == {
        k: v for k, v in before.items() if ":t:" in k
    }


async def test_many_endings_at_once_are_one(worlds: World) -> None:
    """Over two brokers, of every kind: one ending, told once."""
    task = await worlds.open()

    answers = await asyncio.gather(
        *(
            worlds.post(who, f"/v1/tasks/{task['id']}/{how}", at=at)
            for at in (0, 1)
            for how in ENDINGS
            for who in (AGENT, ORCHESTRATOR)
        )
    )

    assert {answer.status for answer in answers} == {200}
    assert len({answer["task"]["state"] for answer in answers}) == 1
    assert len({answer["task"]["closed_by"] for answer in answers}) == 1
    assert await worlds.told("task.closed") == 1


async def test_nothing_is_given_in_an_ended_task(world: World) -> None:
    """No credential, no renewal, no child, no extension, no sign of life."""
    task = await world.open()
    issued = await world.issue(task["id"])
    await world.end(task["id"])

    refused = [
        await world.ask(task["id"]),
        await world.post(AGENT, f"/v1/credentials/{issued['id']}/renew"),
        await world.post(AGENT, f"/v1/tasks/{task['id']}/extend", {"ttl_seconds": 60}),
        await world.post(AGENT, f"/v1/tasks/{task['id']}/heartbeat"),
        await world.post(ORCHESTRATOR, f"/v1/tasks/{task['id']}/heartbeat"),
        await world.delegate(task["id"]),
    ]

    assert {answer.status for answer in refused} <= {409, 410}
    assert refused[0].code == refused[2].code == refused[5].code == "task-closed"


async def test_a_child_dies_with_its_parent(world: World) -> None:
    """At once for introspection; its own record follows, and the report holds both."""
    parent = await world.open()
    child = (await world.delegate(parent["id"])).body
    tokens = [await world.issue(parent["id"]), await world.issue(child["id"], HELPER)]

    report = await world.end(parent["id"])

    assert not any([await world.is_active(each["access_token"]) for each in tokens])
    assert {r["credential"] for r in report["receipts"]} == {each["id"] for each in tokens}
    ended = await world.ended(child["id"])
    assert (ended["state"], ended["ended_by"], ended["closed_by"]) == (
        "cancelled",
        "parent",
        "broker",
    )


async def test_a_parent_outlives_its_child(world: World) -> None:
    """The end of a part ends the part alone."""
    parent = await world.open()
    child = (await world.delegate(parent["id"])).body
    above, below = await world.issue(parent["id"]), await world.issue(child["id"], HELPER)

    await world.end(child["id"], "complete", HELPER)

    assert await world.is_active(above["access_token"])
    assert not await world.is_active(below["access_token"])


async def test_issue_and_completion_race_leaves_nothing_alive(worlds: World) -> None:
    """Whichever comes first, over two brokers: what was delivered is dead after the answer (F4)."""
    for _ in range(10):
        task = await worlds.open()
        answers = await asyncio.gather(
            *(worlds.ask(task["id"], at=at) for at in (0, 1, 0)),
            worlds.post(AGENT, f"/v1/tasks/{task['id']}/complete", at=1),
            *(worlds.ask(task["id"], at=at) for at in (0, 1, 0)),
        )

        assert answers[3].status == 200
        delivered = [a for i, a in enumerate(answers) if i != 3 and a.status == 201]
        refused = [a for i, a in enumerate(answers) if i != 3 and a.status != 201]
        assert {answer.status for answer in refused} <= {409}
        for answer in delivered:
            assert not await worlds.is_active(answer["access_token"])
        report = await worlds.receipts(AGENT, f"/v1/tasks/{task['id']}/report")
        assert {r["credential"] for r in report} == {answer["id"] for answer in delivered}
