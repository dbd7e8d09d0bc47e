"""Who may agree, while it is waited for and ever after; and what operators see of that."""

from typing import Any

import pytest

from tests.e2e.test_approvals import until_is
from tests.fakes.agreeing import asked, member, redeem, say, seen, staffed
from tests.fakes.cast import (
    AGENT,
    DANA,
    ERIN,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    STOCK_OPERATOR,
    STOCK_PERSON,
)
from tests.fakes.delegation import ENTITLED, EXPORT, ask, claim, open_own
from tests.fakes.people import change, leaves, register
from tests.fakes.world import World


async def lent(world: World) -> dict[str, Any]:
    """Open a task as dana, who may lend what it is about, and have the agent claim it."""
    await change(world, {"op": "put", "thing": {"ref": "dataset:orders", "status": "active"}})
    await change(world, ENTITLED)
    task = dict((await open_own(world)).body)
    assert (await claim(world, task)).status == 200
    return task


async def test_so_many_noes_freeze_the_task(world: World) -> None:
    """Three, to three different requests; an operator thaws it, and the noes stand."""
    task = await staffed(world)
    held = await asked(world, task, labels={"n": "0"})
    await say(world, held["id"])
    given = await world.issue(task["id"], labels={"n": "0"})

    states = []
    for number in ("1", "2", "3"):
        waits = await asked(world, task, labels={"n": number})
        await say(world, waits["id"], answer="no")
        states.append((await world.get(OPERATOR, f"/v1/tasks/{task['id']}"))["state"])
    stopped = await world.ask(task["id"], labels={"n": "4"})
    was_active = await world.is_active(given["access_token"])
    thawed = await world.post(OPERATOR, f"/v1/tasks/{task['id']}/thaw", {"reason": "looked at"})
    again = await world.ask(task["id"], labels={"n": "3"})
    other = await world.ask(task["id"], labels={"n": "5"})

    assert states == ["open", "open", "frozen"]
    assert (stopped.status, stopped.code) == (409, "task-frozen")
    assert not was_active
    assert thawed.status == 200
    assert (again.status, other.status) == (403, 202)


async def test_the_same_no_said_again_is_one(world: World) -> None:
    """One person's many clicks, and two people's noes to one request, freeze nothing."""
    task = await staffed(world)
    waits = await asked(world, task)

    for who in (DANA, DANA, DANA, ERIN):
        await say(world, waits["id"], who, "no")

    assert (await world.get(OPERATOR, f"/v1/tasks/{task['id']}"))["state"] == "open"


async def test_what_an_agent_does_for_her_she_does_not_agree_to(world: World) -> None:
    """Neither in the task that she opened, nor below it; somebody else does."""
    await staffed(world)
    task = await lent(world)
    part = await world.delegate(task["id"], ceiling=EXPORT)

    for whose, who in ((task, AGENT), (part, HELPER)):
        waits = await ask(world, whose["id"], who)
        assert waits.status == 202, waits.raw
        assert (await say(world, waits["id"], DANA)).status == 404
        assert (await seen(world, waits["id"], OPERATOR))["who"] == ["erin"]
        assert (await say(world, waits["id"], ERIN))["state"] == "approved"
        assert (await redeem(world, waits["id"], who)).status == 201


async def test_where_she_alone_could_agree_her_agent_is_refused(world: World) -> None:
    """Nobody is asked, and nothing waits for ever."""
    await staffed(world, "", DANA)
    task = await lent(world)

    refused = await ask(world, task["id"])

    why = await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")
    assert (refused.status, why["reason"]) == (403, "needs-approval")


async def test_what_was_agreed_to_dies_with_the_role(world: World) -> None:
    """She is still of the company, and not of the team any more; what others agreed to lives."""
    task = await staffed(world)
    by_dana = await asked(world, task, labels={"n": "1"})
    by_erin = await asked(world, task, labels={"n": "2"})
    await say(world, by_dana["id"], DANA)
    await say(world, by_erin["id"], ERIN)
    hers, other = await redeem(world, by_dana["id"]), await redeem(world, by_erin["id"])

    await change(world, member(DANA, "unrelate"))

    await until_is(world, f"/v1/credentials/{hers['id']}", "ended")
    assert not await world.is_active(hers["access_token"])
    assert await world.is_active(other["access_token"])


async def test_when_she_leaves_all_of_hers_ends(world: World) -> None:
    """What she has agreed to, used or not; what an agent holds for her; and herself."""
    task = await staffed(world)
    own = await lent(world)
    used, unused = await asked(world, task), await asked(world, task, labels={"n": "2"})
    await say(world, used["id"], DANA)
    await say(world, unused["id"], DANA)
    agreed = await redeem(world, used["id"])
    for_her = await ask(world, own["id"])
    await say(world, for_her["id"], ERIN)
    held = await redeem(world, for_her["id"])
    asking = await ask(world, own["id"], labels={"n": "3"})

    await leaves(world, DANA)

    for each in (agreed, held):
        await until_is(world, f"/v1/credentials/{each['id']}", "ended")
        assert not await world.is_active(each["access_token"])
    assert (await redeem(world, unused["id"])).code == "superseded"
    assert (await seen(world, unused["id"], OPERATOR))["because"] == "approver-gone"
    assert (await say(world, asking["id"], ERIN)).status == 200
    assert (await redeem(world, asking["id"])).status == 403
    assert (await world.get(DANA, "/v1/approvals")).status == 401


async def test_operators_see_who_may_answer(world: World) -> None:
    """By task and by agent; people are not told who else is asked."""
    task = await staffed(world)
    other = await world.open()
    waits, elsewhere = await asked(world, task), await asked(world, other)

    async def listed(query: str, who: Any = OPERATOR) -> list[str]:
        page = await world.get(who, f"/v1/approvals?{query}")
        return [each["id"] for each in page["approvals"]]

    shown = await seen(world, waits["id"], OPERATOR)
    assert shown["who"] == ["dana", "erin"]
    assert (await seen(world, waits["id"], DANA))["who"] == []
    assert await listed(f"task={task['id']}") == [waits["id"]]
    assert await listed(f"task={task['id']}", DANA) == [waits["id"]]
    assert set(await listed("agent=invoice-bot")) == {waits["id"], elsewhere["id"]}
    assert await listed("agent=helper-bot") == []
    assert await listed(f"task={task['id']}&agent=helper-bot") == []


async def test_nobody_elses_approvals_are_found_by_their_task(world: World) -> None:
    """Of another tenant, or of whoever has no part in it: as of a task that never was (I16)."""
    task = await staffed(world)
    await register(world, STOCK_PERSON)
    waits = await asked(world, task)
    absent = f"t_00_{'a' * 26}"

    for who in (STOCK_OPERATOR, STOCK_PERSON, AGENT, ORCHESTRATOR):
        theirs = await world.get(who, f"/v1/approvals?task={task['id']}")
        nothing = await world.get(who, f"/v1/approvals?task={absent}")
        assert (theirs.status, theirs.raw) == (nothing.status, nothing.raw)
        assert waits["id"] not in theirs.raw.decode()


@pytest.mark.parametrize("query", ["task=nothing", "task=", "agent=", "agent=*", "state=open"])
async def test_a_filter_that_filters_nothing_is_refused(world: World, query: str) -> None:
    """With its name."""
    refused = await world.get(OPERATOR, f"/v1/approvals?{query}")

    assert (refused.status, refused["field"]) == (400, query.partition("=")[0])
