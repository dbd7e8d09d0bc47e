"""People agree to one exact request, and that is given, once: on the running broker."""

import asyncio
import json
from typing import Any

import pytest

from tests.fakes.agreeing import asked, member, redeem, say, seen, staffed
from tests.fakes.cast import (
    AGENT,
    DANA,
    ERIN,
    FRANK,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    REPORTER,
    STOCK_AGENT,
    STOCK_OPERATOR,
    STOCK_PERSON,
)
from tests.fakes.people import change, leaves, register
from tests.fakes.world import World

TWO = '@approval_count("2")'


async def test_somebody_agrees_and_it_is_given_once(world: World) -> None:
    """By asking for the same again; after that it is asked anew."""
    task = await staffed(world)

    waits = await asked(world, task)
    again = await asked(world, task)
    said = await say(world, waits["id"])
    given = await world.ask(task["id"])
    after = await world.ask(task["id"])

    assert (waits["state"], again["id"]) == ("pending", waits["id"])
    assert waits.headers["Location"] == waits["poll"] == f"/v1/approvals/{waits['id']}"
    assert int(waits.headers["Retry-After"]) == waits["interval_seconds"]
    assert (said.status, said["state"]) == (200, "approved")
    assert given.status == 201
    assert await world.is_active(given["access_token"])
    assert not given["renewable"]
    assert (after.status, after["state"]) == (202, "pending")
    assert after["id"] != waits["id"]
    used = await seen(world, waits["id"], OPERATOR)
    assert (used["state"], used["credential"]) == ("used", given["id"])


async def test_it_is_redeemed_by_its_name(world: World) -> None:
    """Repeated, because an answer was lost, the same token comes; not for a second one."""
    task = await staffed(world)
    waits = await asked(world, task)

    early = await redeem(world, waits["id"])
    await say(world, waits["id"])
    first, again = await redeem(world, waits["id"]), await redeem(world, waits["id"])
    other = await redeem(world, waits["id"], key="another")

    assert early.status == 202
    assert first.status == again.status == 201
    assert first["access_token"] == again["access_token"]
    assert (other.status, other.code) == (409, "approval-over")


async def test_under_an_idempotency_key_it_is_given_once(world: World) -> None:
    """The same request by the same key finds what it was given."""
    task = await staffed(world)
    waits = await asked(world, task, key="k-1")
    await say(world, waits["id"])

    first, again = await world.ask(task["id"], key="k-1"), await world.ask(task["id"], key="k-1")

    assert (first.status, again.status) == (201, 201)
    assert first["access_token"] == again["access_token"]


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": ["orders:read", "orders:write"]},
        {"ttl_seconds": 61},
        {"labels": {"because": "another"}},
        {"labels": {}},
        {"labels": {"because": "refund", "more": "x"}},
        {"capability": "orders-write", "scopes": ["orders:write"]},
    ],
)
async def test_another_request_is_another_question(world: World, changes: dict[str, Any]) -> None:
    """Whatever of it is changed after people have agreed."""
    task = await staffed(world)
    fixed = {"ttl_seconds": 60, "labels": {"because": "refund"}, "scopes": ["orders:read"]}
    waits = await asked(world, task, **fixed)
    await say(world, waits["id"])

    other = await world.ask(task["id"], **(fixed | changes))

    assert other.status in (202, 400, 403)
    if other.status == 202:
        assert other["id"] != waits["id"]
        assert other["digest"] != waits["digest"]
    assert (await world.ask(task["id"], **fixed)).status == 201


async def test_two_have_to_agree_where_policy_says_two(world: World) -> None:
    """Different ones; whoever looks at an old page is sent back to look."""
    task = await staffed(world, TWO)
    waits = await asked(world, task)
    page = await seen(world, waits["id"], ERIN)

    first = await say(world, waits["id"])
    again = await say(world, waits["id"])
    stale = await say(world, waits["id"], ERIN, version=page["version"])
    between = await world.ask(task["id"])
    second = await say(world, waits["id"], ERIN)

    assert (first["state"], again["state"]) == ("pending", "pending")
    assert [each["person"] for each in again["answers"]] == ["dana"]
    assert (stale.status, stale.code) == (409, "approval-stale")
    assert between.status == 202
    assert second["state"] == "approved"
    assert (await world.ask(task["id"])).status == 201


async def test_one_no_is_a_no(world: World) -> None:
    """After somebody's yes, too; the agent is told so, and the same is not asked again at once."""
    task = await staffed(world)
    waits = await asked(world, task)
    await say(world, waits["id"])

    denied = await say(world, waits["id"], ERIN, "no", reason="not today")
    refused = await world.ask(task["id"])
    redeemed = await redeem(world, waits["id"])
    late = await say(world, waits["id"], DANA)

    assert denied["state"] == "denied"
    assert (refused.status, redeemed.status) == (403, 403)
    why = await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")
    assert why["reason"] == "approval-denied"
    assert (late.status, late["state"]) == (200, "denied")  # what she had said is no news


async def test_who_is_told_nothing_finds_nothing(world: World) -> None:
    """Other instances, agents, tenants, people and operators: the same bytes as for nothing."""
    task = await staffed(world)
    await register(world, STOCK_PERSON)
    waits = await asked(world, task)
    await say(world, waits["id"])
    absent = f"a_00_{'a' * 26}"

    for who in (
        AGENT.at("pod-2"),
        HELPER,
        REPORTER,
        STOCK_AGENT,
        STOCK_OPERATOR,
        STOCK_PERSON,
        FRANK,
        ORCHESTRATOR,
    ):
        for ask in (seen_by, redeem, say):
            theirs, nothing = await ask(world, waits["id"], who), await ask(world, absent, who)
            assert theirs.status == 404, who
            assert theirs.raw == nothing.raw
    assert (await redeem(world, waits["id"])).status == 201


async def seen_by(world: World, approval: str, who: Any) -> Any:
    """Look, whatever comes of it."""
    return await world.get(who, f"/v1/approvals/{approval}")


async def test_lists_show_each_what_concerns_her(world: World) -> None:
    """People what they may answer, operators their tenants'; only what is open."""
    task = await staffed(world)
    await register(world, STOCK_PERSON)
    first = await asked(world, task, labels={"n": "1"})
    second = await asked(world, task, labels={"n": "2"})
    await say(world, first["id"], answer="no")

    shown = {}
    for who in (DANA, ERIN, FRANK, OPERATOR, STOCK_PERSON, STOCK_OPERATOR, AGENT, ORCHESTRATOR):
        page = await world.get(who, "/v1/approvals")
        shown[who.name] = [each["id"] for each in page["approvals"]]

    assert shown.pop("dana") == shown.pop("erin") == shown.pop("alice") == [second["id"]]
    assert set(map(tuple, shown.values())) == {()}


async def test_a_long_list_comes_in_pages(world: World) -> None:
    """Each once, oldest first."""
    task = await staffed(world)
    ids = [(await asked(world, task, labels={"n": str(n)}))["id"] for n in range(5)]

    pages, path = [], "/v1/approvals?limit=2"
    while path:
        page = await world.get(DANA, path)
        pages.append([each["id"] for each in page["approvals"]])
        path = page["next"]

    assert [each for page in pages for each in page] == ids
    assert max(map(len, pages)) == 2


async def test_an_operator_looks_and_does_not_answer(world: World) -> None:
    """Whoever answers is a person, and by her own name."""
    task = await staffed(world)
    waits = await asked(world, task)

    refused = await say(world, waits["id"], OPERATOR)

    assert (refused.status, refused.code) == (403, "access-denied")
    assert not (await seen(world, waits["id"], OPERATOR))["may_answer"]


async def test_the_opener_and_whoever_it_is_for_agree_to_nothing(world: World) -> None:
    """A request done on somebody's behalf is hers."""
    await staffed(world)
    task = await world.open(on_behalf_of="dana")
    waits = await asked(world, task)

    assert (await say(world, waits["id"], DANA)).status == 404
    assert (await say(world, waits["id"], ERIN)).status == 200


async def test_an_owner_is_kept_out_where_policy_says_so(world: World) -> None:
    """By what agents.yaml says, or the facts."""
    task = await staffed(world, '@approval_excludes("owner")')
    thing = {"ref": "agent:facts-bot", "status": "active", "owner": "person:dana", "purpose": "x"}
    await change(world, {"op": "put", "thing": thing})
    edge = {"subject": "agent:invoice-bot", "relation": "acts-for", "object": "person:erin"}
    waits = await asked(world, task)
    await change(world, {"op": "relate", "relationship": edge})

    assert (await say(world, waits["id"], ERIN)).status == 404
    assert (await say(world, waits["id"], DANA)).status == 200


async def test_where_nobody_could_agree_nobody_is_asked(world: World) -> None:
    """One of two is not enough: it is refused at once."""
    task = await staffed(world, TWO, DANA)

    refused = await world.ask(task["id"])

    assert refused.status == 403
    why = await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")
    assert why["reason"] == "needs-approval"
    assert "2 of oncall" in why["trace"]["missing"][0]


async def test_an_approver_who_left_in_between_has_agreed_to_nothing(world: World) -> None:
    """Her yes stands no more when it is to be used: it is asked anew."""
    task = await staffed(world)
    waits = await asked(world, task)
    await say(world, waits["id"], DANA)
    await change(world, member(DANA, "unrelate"))

    redeemed = await redeem(world, waits["id"])
    anew = await world.ask(task["id"])

    assert (redeemed.status, redeemed.code) == (409, "superseded")
    assert anew.status == 202
    assert anew["id"] != waits["id"]
    assert (await seen(world, waits["id"], OPERATOR))["because"] == "approver-gone"


async def test_changed_policies_want_a_new_yes(world: World) -> None:
    """One that was said under other ones is refused, with the reason."""
    task = await staffed(world)
    waits, other = await asked(world, task), await asked(world, task, labels={"n": "2"})
    await say(world, waits["id"])
    page = await seen(world, other["id"])
    world.config.write("policies/60-world.cedar", FORBID)
    await world.publish()

    redeemed = await redeem(world, waits["id"])
    answered = await say(world, other["id"], version=page["version"], digest=page["digest"])

    assert (redeemed.status, redeemed.code) == (409, "superseded")
    assert "policy_version" in redeemed["detail"]
    assert (answered.status, answered.code) == (409, "superseded")


FORBID = '@id("odd") forbid (principal, action, resource) when { context.ttlSeconds > 999999 };'


async def test_what_was_agreed_to_dies_with_who_agreed(world: World) -> None:
    """The credential lives only as long as those who agreed still might."""
    task = await staffed(world)
    waits = await asked(world, task)
    await say(world, waits["id"], DANA)
    given = await redeem(world, waits["id"])
    await change(world, {"op": "put", "thing": {"ref": "ticket:T-9", "status": "open"}})
    assert await world.is_active(given["access_token"])

    await leaves(world, DANA)

    await until_is(world, f"/v1/credentials/{given['id']}", "ended")
    shown = await world.get(OPERATOR, f"/v1/credentials/{given['id']}")
    assert shown["ended_by"] == "no-longer-granted"


async def until_is(world: World, path: str, state: str) -> None:
    """Wait until an operator sees that state."""
    async with asyncio.timeout(20):
        while (await world.get(OPERATOR, path))["state"] != state:  # noqa: ASYNC110 - it is in Redis
            await asyncio.sleep(0.05)


async def test_a_team_that_changes_its_members_keeps_it_alive(world: World) -> None:
    """Others come and go; she who agreed is still there."""
    task = await staffed(world)
    waits = await asked(world, task)
    await say(world, waits["id"], DANA)
    given = await redeem(world, waits["id"])

    await change(world, member(ERIN, "unrelate"))
    await change(world, member(FRANK))
    await world.settle()

    assert await world.is_active(given["access_token"])


async def test_it_is_not_renewed_on_the_same_yes(world: World) -> None:
    """Once is once."""
    task = await staffed(world)
    waits = await asked(world, task)
    await say(world, waits["id"])
    given = await redeem(world, waits["id"])

    renewed = await world.post(AGENT, f"/v1/credentials/{given['id']}/renew", {"ttl_seconds": 60})

    assert (renewed.status, renewed.code) == (409, "credential-not-renewable")


async def test_a_hundred_asks_wake_people_a_few_times(world: World) -> None:
    """The same one is one; different ones are few."""
    task = await staffed(world)

    same = [await world.ask(task["id"]) for _ in range(20)]
    other = [await world.ask(task["id"], labels={"n": str(n)}) for n in range(80)]

    assert len({each["id"] for each in same}) == 1
    assert sum(each.status == 202 for each in other) == 9
    assert {each.status for each in other} == {202, 429}
    page = await world.get(DANA, "/v1/approvals")
    assert len(page["approvals"]) == 10


async def test_looking_too_often_is_slowed(world: World) -> None:
    """With a longer pause each time."""
    task = await staffed(world)
    waits = await asked(world, task)

    looks = [await world.get(AGENT, waits["poll"]) for _ in range(3)]

    assert [each.status for each in looks] == [200, 429, 429]
    assert [each.headers["Retry-After"] for each in looks] == ["5", "10", "15"]
    assert looks[1].code == "slow-down"


async def test_a_long_poll_comes_back_with_the_answer(world: World) -> None:
    """As soon as somebody has answered."""
    task = await staffed(world)
    waits = await asked(world, task)

    first = await world.get(AGENT, waits["poll"])
    await say(world, waits["id"])
    tag = first.headers["Etag"]
    look = await world.call(
        AGENT, "GET", f"{waits['poll']}?wait=20", headers={"If-None-Match": tag}
    )

    assert look["state"] == "approved"


async def test_what_is_waited_for_ends_with_its_task(world: World) -> None:
    """Nobody is asked about what has ended."""
    task = await staffed(world)
    waits = await asked(world, task)

    await world.end(task["id"])
    await world.settle()

    await until_is(world, f"/v1/approvals/{waits['id']}", "superseded")
    assert (await world.get(DANA, "/v1/approvals"))["approvals"] == []
    assert (await say(world, waits["id"])).code in ("superseded", "not-found")


async def test_known_and_said_are_kept_apart(world: World) -> None:
    """What is hidden in a text can be seen, and it is never among what the broker knows."""
    task = await staffed(world)
    text = "p\u0430ypal refund"
    waits = await asked(world, task, labels={"because": text})

    page = await seen(world, waits["id"])

    said = {each["name"]: each for each in page["said"]}
    assert said["label because"]["shown"] == "p\\u{0430}ypal refund"
    assert said["label because"]["marks"] == ["look-alike"]
    assert said["label because"]["by"] == "agent"
    assert text not in json.dumps(page["known"], ensure_ascii=False)
    assert page["known"]["agent"] == "invoice-bot"
    assert page["known"]["agent_record"]["owner"]


async def test_everything_is_told_to_the_audit_trail(world: World) -> None:
    """Asked, answered, used; nothing that the agent wrote."""
    task = await staffed(world)
    waits = await asked(world, task, labels={"because": "AGENT-TEXT"})
    await say(world, waits["id"], reason="fine")
    await redeem(world, waits["id"])
    file = world.config.settings().audit.file
    await world.until_logged(file, "approval.used")

    trail = [json.loads(line) for line in file.read_text().splitlines()]
    lines = [line for line in trail if line["type"].startswith("approval.")]
    assert [line["type"] for line in lines] == [
        "approval.requested",
        "approval.answered",
        "approval.used",
    ]
    assert "AGENT-TEXT" not in json.dumps(lines)
    assert lines[0]["who"] == ["dana", "erin"]
    assert (lines[1]["by"], lines[1]["answer"]) == ("person:dana", "yes")
    assert all(line["digest"] == waits["digest"] for line in lines)
    assert "withheld" not in json.dumps(lines)


async def test_a_restart_between_ask_answer_and_redeem_loses_nothing(world: World) -> None:
    """It is all in the ledger."""
    task = await staffed(world)
    waits = await asked(world, task)
    await world.stop()
    await world.start()
    await say(world, waits["id"])
    await world.stop()
    await world.start()

    assert (await redeem(world, waits["id"])).status == 201
