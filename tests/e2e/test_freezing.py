"""Freezing a task: what is dead then and for good, who may, and who releases it."""

import asyncio

import pytest

from tests.fakes.cast import (
    AGENT,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    OTHER_ORCHESTRATOR,
    REPORTER,
    ROOT_OPERATOR,
    STOCK_OPERATOR,
    Who,
)
from tests.fakes.world import Answer, World

WHY = {"reason": "it reads what it never read"}


async def freeze(world: World, task: str, who: Who = OPERATOR, *, at: int = 0) -> Answer:
    """Freeze a task."""
    return await world.post(who, f"/v1/tasks/{task}/freeze", WHY, at=at)


async def thaw(world: World, task: str, who: Who = OPERATOR) -> Answer:
    """Thaw a task."""
    return await world.post(who, f"/v1/tasks/{task}/thaw", {"reason": "it was meant"})


@pytest.mark.parametrize("who", [OPERATOR, ROOT_OPERATOR, ORCHESTRATOR])
async def test_what_a_frozen_task_had_is_dead_at_once(world: World, who: Who) -> None:
    """The record says who froze it and why; the answer is the report of what died."""
    task = await world.open()
    issued = await world.issue(task["id"])

    frozen = await freeze(world, task["id"], who)

    assert frozen.status == 200
    shown = frozen["task"]
    assert (shown["state"], shown["alive"], shown["frozen"]) == ("frozen", False, True)
    assert shown["frozen_by"] == f"{who.kind}:{who.name}"
    assert (shown["frozen_reason"], shown["ended_by"]) == (WHY["reason"], "")
    assert shown["frozen_at"] is not None
    assert not await world.is_active(issued["access_token"])
    assert [each["credential"] for each in frozen["receipts"]] == [issued["id"]]


async def test_nothing_is_given_in_a_frozen_task(world: World) -> None:
    """No credential, renewal, child or extension, and each refusal says why; a beat is heard."""
    task = await world.open()
    issued = await world.issue(task["id"])
    await freeze(world, task["id"])

    refused = [
        await world.ask(task["id"]),
        await world.post(AGENT, f"/v1/credentials/{issued['id']}/renew"),
        await world.post(AGENT, f"/v1/tasks/{task['id']}/extend", {"ttl_seconds": 60}),
        await world.delegate(task["id"]),
    ]
    beats = [
        await world.post(who, f"/v1/tasks/{task['id']}/heartbeat") for who in (AGENT, ORCHESTRATOR)
    ]

    assert {(answer.status, answer.code) for answer in refused if answer.status != 410} == {
        (409, "task-frozen")
    }
    assert [(beat.status, beat["alive"], beat["frozen"]) for beat in beats] == [
        (200, False, True),
        (200, False, True),
    ]


async def test_a_handle_is_not_claimed_in_a_frozen_task(world: World) -> None:
    """Nobody comes to own what is stopped; after the thaw the same handle serves."""
    task = await world.open(instance=...)
    await freeze(world, task["id"])
    body = {"handle": task["claim_handle"]}

    during = await world.post(AGENT, f"/v1/tasks/{task['id']}/claim", body)
    await thaw(world, task["id"])
    after = await world.post(AGENT, f"/v1/tasks/{task['id']}/claim", body)

    assert (during.status, during.code) == (409, "task-frozen")
    assert after.status == 200


async def test_a_thawed_task_asks_anew_and_what_was_dead_stays_dead(world: World) -> None:
    """The state is open again; the old token is not, nor can it be renewed."""
    task = await world.open()
    old = await world.issue(task["id"])
    await freeze(world, task["id"])

    thawed = await thaw(world, task["id"])
    new = await world.issue(task["id"])

    assert (thawed.status, thawed["state"], thawed["alive"]) == (200, "open", True)
    assert (thawed["frozen"], thawed["frozen_at"], thawed["frozen_by"]) == (False, None, "")
    assert not await world.is_active(old["access_token"])
    assert (await world.post(AGENT, f"/v1/credentials/{old['id']}/renew")).status in (409, 410)
    assert await world.is_active(new["access_token"])
    report = await world.receipts(OPERATOR, f"/v1/tasks/{task['id']}/report")
    assert [each["credential"] for each in report] == [old["id"]]


async def test_a_freeze_covers_everything_below_and_a_thaw_releases_only_itself(
    world: World,
) -> None:
    """The child is open by its own word, and dead by its parent's."""
    parent = await world.open()
    child = (await world.delegate(parent["id"])).body
    tokens = [await world.issue(parent["id"]), await world.issue(child["id"], HELPER)]

    await freeze(world, child["id"], AGENT)
    assert await world.is_active(tokens[0]["access_token"])
    await freeze(world, parent["id"])
    assert not any([await world.is_active(each["access_token"]) for each in tokens])
    await thaw(world, child["id"])
    refused = await world.ask(child["id"], HELPER)
    shown = await world.get(HELPER, f"/v1/tasks/{child['id']}")
    await thaw(world, parent["id"])
    given = await world.ask(child["id"], HELPER)

    assert refused.code == "task-frozen"
    assert (shown["state"], shown["frozen"], shown["frozen_by"]) == ("open", True, "")
    assert given.status == 201
    report = await world.receipts(OPERATOR, f"/v1/tasks/{parent['id']}/report")
    assert {each["credential"] for each in report} == {each["id"] for each in tokens}


async def test_only_operators_thaw_and_strangers_see_nothing(world: World) -> None:
    """Neither the agent, nor the opener, nor another tenant's operator; absent looks the same."""
    task = await world.open()
    denied = [
        await freeze(world, task["id"], who)
        for who in (AGENT, HELPER, REPORTER, OTHER_ORCHESTRATOR, STOCK_OPERATOR)
    ]
    await freeze(world, task["id"])
    denied += [
        await thaw(world, task["id"], who)
        for who in (AGENT, ORCHESTRATOR, OTHER_ORCHESTRATOR, STOCK_OPERATOR)
    ]

    absent = await thaw(world, f"t_00_{'a' * 26}")

    assert {(each.status, each.raw) for each in denied} == {(404, absent.raw)}
    assert (await world.get(OPERATOR, f"/v1/tasks/{task['id']}"))["state"] == "frozen"


async def test_freezing_and_thawing_twice_changes_nothing(worlds: World) -> None:
    """Over two brokers at once: one freeze, told once, and the first reason stays."""
    task = await worlds.open()
    await worlds.issue(task["id"])

    answers = await asyncio.gather(
        *(
            freeze(worlds, task["id"], who, at=at)
            for at in (0, 1)
            for who in (OPERATOR, ORCHESTRATOR)
        )
    )
    frozen = await worlds.told("task.frozen")
    thaws = [await thaw(worlds, task["id"]) for _ in range(2)]

    assert len({each["task"]["frozen_by"] for each in answers}) == 1
    assert frozen == 1
    assert [each.status for each in thaws] == [200, 200]
    assert await worlds.told("task.thawed") == 1
    assert await worlds.told("lease.ended") == 1


@pytest.mark.parametrize("how", ["complete", "fail", "cancel"])
async def test_a_frozen_task_can_be_ended_and_then_is_neither_thawed_nor_frozen(
    world: World, how: str
) -> None:
    """Its owner may still say what became of it; an end is for good."""
    task = await world.open()
    await world.issue(task["id"])
    await freeze(world, task["id"])

    ended = await world.end(task["id"], how, ORCHESTRATOR)

    assert (ended["task"]["frozen"], ended["task"]["frozen_by"]) == (False, "")
    assert ended["task"]["closed_at"] is not None
    for again in (await thaw(world, task["id"]), await freeze(world, task["id"])):
        assert (again.status, again.code) == (409, "task-closed")


async def test_a_frozen_task_dies_of_its_deadline(world: World) -> None:
    """Whatever an operator forgets: nothing is frozen for ever."""
    task = await world.open(ttl_seconds=60)
    await freeze(world, task["id"])

    await world.pass_time(59)
    await world.pass_time(2)
    await world.settle()

    shown = await world.get(OPERATOR, f"/v1/tasks/{task['id']}")
    assert (shown["state"], shown["ended_by"]) == ("cancelled", "deadline")


async def test_lists_tell_frozen_tasks_apart(world: World) -> None:
    """By the filter on the state."""
    frozen, other = await world.open(), await world.open()
    await freeze(world, frozen["id"])

    listed = await world.get(OPERATOR, "/v1/tasks?state=frozen")

    assert [each["id"] for each in listed["tasks"]] == [frozen["id"]]
    assert other["id"] != frozen["id"]


async def test_a_freeze_says_why_in_visible_characters_only(world: World) -> None:
    """What turns or hides text is refused at the door, and so is no reason at all."""
    task = await world.open()

    answers = [
        await world.post(OPERATOR, f"/v1/tasks/{task['id']}/freeze", body)
        for body in ({}, {"reason": ""}, {"reason": "a\u202eb"}, {"reason": "a\nb"}, None)
    ]

    assert {answer.status for answer in answers} <= {400, 415}
    assert (await world.get(OPERATOR, f"/v1/tasks/{task['id']}"))["state"] == "open"


async def test_issue_and_freeze_race_leaves_nothing_alive(worlds: World) -> None:
    """Whichever comes first, over two brokers: what was delivered is dead after the answer (I4)."""
    for _ in range(10):
        task = await worlds.open()
        answers = await asyncio.gather(
            *(worlds.ask(task["id"], at=at) for at in (0, 1, 0)),
            freeze(worlds, task["id"], at=1),
            *(worlds.ask(task["id"], at=at) for at in (0, 1, 0)),
        )

        assert answers[3].status == 200
        delivered = [a for i, a in enumerate(answers) if i != 3 and a.status == 201]
        refused = [a for i, a in enumerate(answers) if i != 3 and a.status != 201]
        assert {answer.code for answer in refused} <= {"task-frozen"}
        for answer in delivered:
            assert not await worlds.is_active(answer["access_token"])
        await thaw(worlds, task["id"])
        for answer in delivered:
            assert not await worlds.is_active(answer["access_token"], at=1)
        report = await worlds.receipts(OPERATOR, f"/v1/tasks/{task['id']}/report")
        assert {r["credential"] for r in report} == {answer["id"] for answer in delivered}


async def test_the_feed_tells_of_the_freeze_once_for_the_whole_tree(world: World) -> None:
    """A cut of the task, which verifiers apply to every token that has it in its path."""
    task = await world.open()
    child = (await world.delegate(task["id"])).body
    await world.issue(task["id"])
    await world.issue(child["id"], HELPER)

    frozen = await freeze(world, task["id"])
    await world.settle()

    cuts = [event["cut"] for event in world.ledger.revoked() if "cut" in event]
    assert [(cut["of"], cut["name"], cut["tenant"]) for cut in cuts] == [
        ("task", task["id"], "acme")
    ]
    assert frozen.status == 200
