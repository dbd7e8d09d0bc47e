"""I10: the same request twice has the effect of one."""

import asyncio

import pytest

from tests.fakes.cast import (
    AGENT,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    OTHER_ORCHESTRATOR,
    SMALL,
)
from tests.fakes.world import World, issue_body, task_body


async def test_many_requests_under_one_key_are_one(worlds: World) -> None:
    """Thirty-two at once over two brokers: one lease, one token, the same bytes (E16)."""
    task = await worlds.open()

    answers = await asyncio.gather(
        *(worlds.ask(task["id"], key="k-1", at=number % 2) for number in range(32))
    )

    assert {answer.status for answer in answers} == {201}
    assert len({answer["access_token"] for answer in answers}) == 1
    assert len({answer["id"] for answer in answers}) == 1
    assert await worlds.told("lease.issued") == 1
    assert worlds.ledger.count("agent", "invoice-bot") == 1


async def test_repeats_do_not_fight_for_the_last_place(worlds: World) -> None:
    """They are one credential, so they need one place, however small the quota."""
    task = await worlds.open(agent="small-bot")
    held = [await worlds.issue(task["id"], SMALL) for _ in range(2)]

    answers = await asyncio.gather(
        *(worlds.ask(task["id"], SMALL, key="k-1", at=number % 2) for number in range(16))
    )
    beyond = await worlds.ask(task["id"], SMALL)

    assert {answer.status for answer in answers} == {201}
    assert len({answer["id"] for answer in answers} | {each["id"] for each in held}) == 3
    assert beyond.status == 429


async def test_a_key_that_a_quota_refused_may_be_tried_again(world: World) -> None:
    """The refusal said: wait, or give some back."""
    task = await world.open(agent="small-bot")
    held = [await world.issue(task["id"], SMALL) for _ in range(3)]

    refused = await world.ask(task["id"], SMALL, key="k-1")
    await world.call(SMALL, "DELETE", f"/v1/credentials/{held[0]['id']}")
    given = await world.ask(task["id"], SMALL, key="k-1")
    again = await world.ask(task["id"], SMALL, key="k-1")

    assert (refused.status, given.status) == (429, 201)
    assert again.body == given.body
    assert await world.is_active(given["access_token"])


async def test_a_key_stands_for_one_body(world: World) -> None:
    """Another body under it is refused, in every route that takes a key, and changes nothing."""
    task = await world.open(key="open-1")
    issued = await world.issue(task["id"], key="k-1", ttl_seconds=60)
    await world.post(AGENT, f"/v1/credentials/{issued['id']}/renew", {"ttl_seconds": 90}, key="r-1")
    await world.revoke(agent="helper-bot", key="x-1")
    extend = f"/v1/tasks/{task['id']}/extend"
    await world.post(AGENT, extend, {"ttl_seconds": 600}, key="e-1")
    await world.settle()
    before = world.dump()

    answers = [
        await world.post(ORCHESTRATOR, "/v1/tasks", task_body(name="another"), key="open-1"),
        await world.ask(task["id"], key="k-1", ttl_seconds=61),
        await world.ask(task["id"], key="k-1", ttl_seconds=60, labels={"a": "b"}),
        await world.post(
            AGENT, f"/v1/credentials/{issued['id']}/renew", {"ttl_seconds": 91}, key="r-1"
        ),
        await world.post(AGENT, extend, {"ttl_seconds": 599}, key="e-1"),
        await world.revoke(agent="report-bot", key="x-1"),
        await world.revoke(agent="helper-bot", reason="another", key="x-1"),
    ]

    assert {(a.status, a.code, a["field"]) for a in answers} == {
        (422, "idempotency-conflict", "Idempotency-Key")
    }
    assert world.dump() == before


async def test_the_order_of_members_and_scopes_does_not_matter(world: World) -> None:
    """A set is a set: the same request written another way is the same request."""
    task = await world.open(
        ceiling=[{"capability": "orders-api", "scopes": ["orders:read", "orders:write"]}],
        tickets=["OPS-1"],
    )

    first = await world.ask(task["id"], key="k-1", scopes=["orders:write", "orders:read"])
    again = await world.ask(task["id"], key="k-1", scopes=["orders:read", "orders:write"])

    assert first.body == again.body


async def test_a_key_belongs_to_one_principal_instance_and_route(world: World) -> None:
    """Others use the same word for requests of their own."""
    first = await world.open(key="k-1")
    foreign = await world.open(OTHER_ORCHESTRATOR, key="k-1")
    other_copy = await world.open(ORCHESTRATOR.at("ci-2"), key="k-1")
    one = await world.issue(first["id"], key="k-1")
    helper = await world.open(agent="helper-bot", instance="pod-1", key="k-2")
    two = await world.issue(helper["id"], HELPER, key="k-1")

    assert len({first["id"], foreign["id"], other_copy["id"], helper["id"]}) == 4
    assert one["id"] != two["id"]


async def test_a_key_is_the_same_in_every_tree(world: World) -> None:
    """The route is the same wherever the parent lives: another parent is another body."""
    roots = [await world.open() for _ in range(8)]

    first = await world.post(
        AGENT, "/v1/tasks", task_body(parent=roots[0]["id"], agent="helper-bot"), key="k-1"
    )
    others = [
        await world.post(
            AGENT, "/v1/tasks", task_body(parent=root["id"], agent="helper-bot"), key="k-1"
        )
        for root in roots[1:]
    ]
    again = await world.post(
        AGENT, "/v1/tasks", task_body(parent=roots[0]["id"], agent="helper-bot"), key="k-1"
    )

    assert (first.status, again.status) == (201, 200)
    assert first["id"] == again["id"]
    assert {answer.status for answer in others} == {422}


async def test_a_child_and_a_root_do_not_share_a_key(world: World) -> None:
    """Whichever came first."""
    parent = await world.open(key="k-1")
    child = task_body(parent=parent["id"], agent="helper-bot")
    permit = """
@id("orchestrators-delegate")
permit (principal is Orchestrator, action == Action::"DelegateTask", resource is Agent)
when { principal.tenants.contains(context.task.tenant) };
"""
    world.config.write("policies/50-world.cedar", permit)
    await world.publish()

    as_child = await world.post(ORCHESTRATOR, "/v1/tasks", child, key="k-1")
    opened = await world.post(ORCHESTRATOR, "/v1/tasks", child, key="k-2")
    as_root = await world.post(ORCHESTRATOR, "/v1/tasks", task_body(), key="k-2")

    assert (as_child.status, opened.status, as_root.status) == (422, 201, 422)


async def test_many_openings_under_one_key_are_one(worlds: World) -> None:
    """One task; one of the handles works, and it is the last one."""
    answers = await asyncio.gather(
        *(
            worlds.post(ORCHESTRATOR, "/v1/tasks", task_body(instance=...), key="k", at=n % 2)
            for n in range(16)
        )
    )

    assert sorted(answer.status for answer in answers) == [200] * 15 + [201]
    assert len({answer["id"] for answer in answers}) == 1
    claims = [
        await worlds.post(AGENT, f"/v1/tasks/{a['id']}/claim", {"handle": a["claim_handle"]})
        for a in answers
    ]
    assert sorted(claim.status for claim in claims) == [200] + [404] * 15


async def test_many_children_under_one_key_are_one(worlds: World) -> None:
    """As with roots."""
    parent = await worlds.open()
    body = task_body(parent=parent["id"], agent="helper-bot")

    answers = await asyncio.gather(
        *(worlds.post(AGENT, "/v1/tasks", body, key="k", at=n % 2) for n in range(16))
    )

    assert sorted(answer.status for answer in answers) == [200] * 15 + [201]
    assert len({answer["id"] for answer in answers}) == 1


async def test_a_repeat_after_the_end_delivers_nothing(world: World) -> None:
    """Given back, revoked, or under an ended task: the key's credential is gone for good."""
    task, other = await world.open(), await world.open()
    back, revoked, under = (
        await world.issue(task["id"], key="k-1"),
        await world.issue(task["id"], key="k-2"),
        await world.issue(other["id"], key="k-3"),
    )
    await world.call(AGENT, "DELETE", f"/v1/credentials/{back['id']}")
    await world.revoke(credential=revoked["id"])
    await world.end(other["id"])

    answers = [
        await world.ask(task["id"], key="k-1"),
        await world.ask(task["id"], key="k-2"),
        await world.ask(other["id"], key="k-3"),
    ]

    assert {(answer.status, answer.code) for answer in answers} == {(410, "credential-ended")}
    assert await world.told("lease.issued") == 3
    assert under["id"] not in [a.body.get("id") for a in answers]


async def test_a_repeat_shows_what_it_showed_although_it_was_renewed_since(world: World) -> None:
    """The answer belongs to the token, and the token to the key."""
    task = await world.open()
    first = await world.ask(task["id"], key="k-1", ttl_seconds=60)
    await world.pass_time(30)
    renew = f"/v1/credentials/{first['id']}/renew"
    renewed = await world.post(AGENT, renew, {"ttl_seconds": 120}, key="r-1")

    again = await world.ask(task["id"], key="k-1", ttl_seconds=60)
    renewed_again = await world.post(AGENT, renew, {"ttl_seconds": 120}, key="r-1")

    assert again.body == first.body | {"expires_in": again["expires_in"]}
    assert renewed_again.body == renewed.body | {"expires_in": renewed_again["expires_in"]}
    assert await world.told("lease.renewed") == 1


async def test_a_repeat_of_an_expired_token_is_no_token(world: World) -> None:
    """Its credential lives on in a later generation, which another key delivered."""
    task = await world.open()
    first = await world.issue(task["id"], key="k-1", ttl_seconds=60)
    await world.pass_time(30)
    await world.post(AGENT, f"/v1/credentials/{first['id']}/renew", {"ttl_seconds": 120})
    await world.pass_time(31)

    again = await world.ask(task["id"], key="k-1", ttl_seconds=60)

    assert (again.status, again.code) == (410, "credential-ended")


async def test_a_renewal_is_not_delivered_again_after_the_end(world: World) -> None:
    """Not to be trusted to introspection alone: a verifier without the feed would take it."""
    task = await world.open()
    issued = await world.issue(task["id"], ttl_seconds=60)
    await world.pass_time(30)
    renew = f"/v1/credentials/{issued['id']}/renew"
    await world.post(AGENT, renew, {"ttl_seconds": 120}, key="r-1")
    await world.call(AGENT, "DELETE", f"/v1/credentials/{issued['id']}")

    again = await world.post(AGENT, renew, {"ttl_seconds": 120}, key="r-1")

    assert (again.status, again.code) == (410, "credential-ended")


async def test_a_repeated_order_is_one_order(worlds: World) -> None:
    """The same id, the same instant, one record, at whichever broker."""
    orders = {"agent": "invoice-bot", "reason": "leaked"}

    answers = await asyncio.gather(
        *(worlds.post(OPERATOR, "/v1/revocations", orders, key="k-1", at=n % 2) for n in range(8))
    )

    assert {answer.status for answer in answers} == {200}
    assert len({answer.raw for answer in answers}) == 1
    assert await worlds.told("cut.made") == len(worlds.broker.ledger.keys.buckets)
    assert await worlds.told("revocation.ordered") == 1


async def test_a_repeated_order_does_not_cut_what_came_after_it(world: World) -> None:
    """It says "issued before", and that instant is the first order's."""
    await world.revoke(agent="invoice-bot", key="k-1")
    task = await world.open()
    issued = await world.issue(task["id"])

    await world.revoke(agent="invoice-bot", key="k-1")

    assert await world.is_active(issued["access_token"])


async def test_a_client_that_lost_the_answer_gets_it_again(world: World) -> None:
    """It went away before the answer came; the repeat brings the same token, once."""
    task = await world.open()
    path, headers = f"/v1/tasks/{task['id']}/credentials", {"Idempotency-Key": "k-1"}
    headers |= {"Authorization": f"Bearer {world.remembered(AGENT)}"}
    asking = asyncio.create_task(
        world.running[0].session.post(f"http://broker{path}", json=issue_body(), headers=headers)
    )
    await asyncio.sleep(0)
    while world.ledger.told("lease.issued") == 0:  # noqa: ASYNC110 - written by the broker
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

    first = await world.ask(task["id"], key="k-1")
    second = await world.ask(task["id"], key="k-1")

    assert first.status == second.status == 201
    assert first["access_token"] == second["access_token"]
    assert await world.told("lease.issued") == 1


@pytest.mark.parametrize("key", ["", "k" * 129, "schlüssel", "a b", "a/b", "a\tb", "k,k"])
async def test_a_malformed_key_is_refused(world: World, key: str) -> None:
    """In every route that takes one; the header is named."""
    task = await world.open()
    routes = {
        "/v1/tasks": (ORCHESTRATOR, task_body()),
        f"/v1/tasks/{task['id']}/credentials": (AGENT, issue_body()),
        "/v1/revocations": (OPERATOR, {"agent": "helper-bot", "reason": "x"}),
    }
    for path, (who, body) in routes.items():
        answer = await world.call(who, "POST", path, body, headers={"Idempotency-Key": key})
        assert (answer.status, answer["field"]) == (400, "Idempotency-Key")


async def test_a_deadline_moves_once_for_many_extensions_under_one_key(worlds: World) -> None:
    """Over two brokers at once, and again later; the opener's key is another one."""
    task = await worlds.open(ttl_seconds=60)
    extend, body = f"/v1/tasks/{task['id']}/extend", {"ttl_seconds": 600}

    answers = await asyncio.gather(
        *(worlds.post(AGENT, extend, body, key="k-1", at=number % 2) for number in range(16))
    )
    await worlds.pass_time(30)
    later = await worlds.post(AGENT, extend, body, key="k-1", at=1)
    told = await worlds.told("task.extended")
    others = await worlds.post(ORCHESTRATOR, extend, body, key="k-1")

    assert {answer.status for answer in (*answers, later, others)} == {200}
    deadlines = {answer["deadline"] for answer in (*answers, later)}
    assert len(deadlines) == 1
    assert told == 1
    assert others["deadline"] not in deadlines
    assert await worlds.told("task.extended") == 2


async def test_a_selection_takes_a_key_and_picks_anew_all_the_same(world: World) -> None:
    """It ends nothing, and is named by what it holds: the key cannot stand for an older set."""
    task = await world.open()
    await world.issue(task["id"])
    one = await world.post(OPERATOR, "/v1/selections", {"agent": "invoice-bot"}, key="k-1")
    await world.issue(task["id"])

    again = await world.post(OPERATOR, "/v1/selections", {"agent": "invoice-bot"}, key="k-1")
    other = await world.post(OPERATOR, "/v1/selections", {"agent": "helper-bot"}, key="k-1")
    bad = await world.post(OPERATOR, "/v1/selections", {"agent": "invoice-bot"}, key="no key")

    assert [each.status for each in (one, again, other, bad)] == [201, 201, 201, 400]
    assert [each["count"] for each in (one, again, other)] == [1, 2, 0]
