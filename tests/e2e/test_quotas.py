"""I14: who loops exhausts its own quota, nobody else's; and every place is freed by an end."""

import asyncio

import pytest

from tests.fakes.cast import (
    AGENT,
    HELPER,
    OPERATOR,
    REPORTER,
    SMALL,
    STOCK_AGENT,
    STOCK_ORCHESTRATOR,
    TINY_AGENT,
    WIDE_ORCHESTRATOR,
    Who,
)
from tests.fakes.world import World

REPORT = {"capability": "reports-read", "scopes": ["reports:read"]}


async def small_task(world: World, **changes: object) -> str:
    """Open a task for the agent that may have three credentials."""
    return str((await world.open(agent="small-bot", **changes))["id"])


async def test_one_agent_in_a_loop_stops_itself_only(world: World) -> None:
    """Its quota is full, over all its tasks; its neighbours notice nothing (A1)."""
    tasks = [await small_task(world) for _ in range(2)]
    neighbour = (await world.open())["id"]
    stock = await world.open(STOCK_ORCHESTRATOR, tenant="globex", agent="stock-bot")

    answers = await asyncio.gather(*(world.ask(tasks[n % 2], SMALL) for n in range(30)))

    given = [answer for answer in answers if answer.status == 201]
    refused = [answer for answer in answers if answer.status != 201]
    assert len(given) == 3
    assert {(answer.status, answer.code) for answer in refused} == {(429, "quota-exceeded")}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert (await world.ask(neighbour)).status == 201
    assert (await world.ask(stock["id"], STOCK_AGENT)).status == 201


async def test_what_a_quota_refused_is_not_alive(world: World) -> None:
    """Undone in the ledger, and never delivered; the list shows it dead (A16)."""
    task = await small_task(world)
    await asyncio.gather(*(world.ask(task, SMALL) for _ in range(10)))

    listed = await world.get(OPERATOR, f"/v1/tasks/{task}/credentials?limit=200")

    alive = [each for each in listed["credentials"] if each["alive"]]
    assert len(alive) == 3
    assert {e["ended_by"] for e in listed["credentials"] if not e["alive"]} <= {"undone"}


async def test_two_brokers_never_give_more_than_there_is(worlds: World) -> None:
    """However they race (A19)."""
    task = await small_task(worlds)
    for _ in range(5):
        answers = await asyncio.gather(*(worlds.ask(task, SMALL, at=n % 2) for n in range(12)))
        given = [answer for answer in answers if answer.status == 201]
        assert 1 <= len(given) <= 3
        assert worlds.ledger.count("agent", "small-bot") == len(given)
        for answer in given:
            await worlds.call(SMALL, "DELETE", f"/v1/credentials/{answer['id']}")
        assert worlds.ledger.count("agent", "small-bot") == 0


@pytest.mark.parametrize("how", ["give back", "revoke", "complete", "cut", "parent"])
async def test_every_end_frees_its_places(world: World, how: str) -> None:
    """Of the agent and of the tenant; then there is room again."""
    task = await small_task(world)
    issued = [await world.issue(task, SMALL) for _ in range(3)]
    assert (await world.ask(task, SMALL)).status == 429

    if how == "give back":
        await world.call(SMALL, "DELETE", f"/v1/credentials/{issued[0]['id']}")
    elif how == "revoke":
        await world.revoke(OPERATOR, credential=issued[0]["id"])
    elif how == "complete":
        await world.end(task, "complete", SMALL)
    elif how == "cut":
        await world.revoke(OPERATOR, agent="small-bot")
    else:
        await world.revoke(OPERATOR, task=task)
    await world.settle()

    other = await small_task(world)
    assert (await world.ask(other, SMALL)).status == 201
    expected = 3 if how in ("give back", "revoke") else 1
    assert world.ledger.count("agent", "small-bot") == expected
    assert world.ledger.count("tenant", "acme") == expected


async def test_a_credential_that_expires_frees_its_place(world: World) -> None:
    """Whatever it was asked for: the evidence it was granted on held for two seconds only."""
    task = await small_task(world)
    now = world.now()
    brief = world.token(SMALL, exp=now + 3)
    body = {"capability": "orders-api", "scopes": ["orders:read"], "ttl_seconds": 600}
    for _ in range(3):
        await world.post(brief, f"/v1/tasks/{task}/credentials", body)
    assert (await world.ask(task, SMALL)).status == 429

    async with asyncio.timeout(20):
        while (await world.ask(task, SMALL)).status != 201:  # noqa: ASYNC110 - real time passes
            await asyncio.sleep(0.2)


async def test_a_renewed_credential_is_counted_on(world: World) -> None:
    """It holds one place as long as it lives, not only until its first end."""
    task = await small_task(world)
    issued = [await world.issue(task, SMALL, ttl_seconds=2) for _ in range(3)]
    for each in issued:
        renew = f"/v1/credentials/{each['id']}/renew"
        assert (await world.post(SMALL, renew, {"ttl_seconds": 300})).status == 201
    await asyncio.sleep(3.5)

    assert (await world.ask(task, SMALL)).status == 429
    assert world.ledger.count("agent", "small-bot") == 3


async def test_renewing_needs_no_second_place(world: World) -> None:
    """At a full quota what one has can still be renewed."""
    task = await small_task(world)
    issued = [await world.issue(task, SMALL, ttl_seconds=60) for _ in range(3)]

    renew = f"/v1/credentials/{issued[0]['id']}/renew"

    assert (await world.post(SMALL, renew, {"ttl_seconds": 300})).status == 201


async def test_dead_credentials_are_no_weapon_against_a_tenant(world: World) -> None:
    """Renewing what has ended takes no place in any quota."""
    task = await world.open(WIDE_ORCHESTRATOR, tenant="acme")
    issued = [await world.issue(task["id"]) for _ in range(5)]
    for each in issued:
        await world.call(AGENT, "DELETE", f"/v1/credentials/{each['id']}")

    for each in issued:
        await world.post(AGENT, f"/v1/credentials/{each['id']}/renew", {"ttl_seconds": 900})

    assert world.ledger.count("tenant", "acme") == 0
    assert world.ledger.count("agent", "invoice-bot") == 0


async def test_a_childs_credentials_count_against_the_roots_agent(world: World) -> None:
    """Handing work on is no way around one's own quota; nor does it use up the helper's alone."""
    root = await small_task(world)
    child = (await world.delegate(root, SMALL)).body
    for _ in range(3):
        await world.issue(child["id"], HELPER)

    by_helper = await world.ask(child["id"], HELPER)
    by_root = await world.ask(root, SMALL)
    elsewhere = (await world.open(agent="helper-bot"))["id"]

    assert (by_helper.status, by_root.status) == (429, 429)
    assert (await world.ask(elsewhere, HELPER)).status == 201
    assert world.ledger.count("agent", "helper-bot") == 4
    assert world.ledger.count("agent", "small-bot") == 3


async def test_a_child_of_the_same_agent_takes_one_place(world: World) -> None:
    """Not two, because it is named twice."""
    root = await small_task(world)
    child = (await world.delegate(root, SMALL, agent="small-bot")).body

    given = [(await world.ask(child["id"], SMALL)).status for _ in range(4)]

    assert given == [201, 201, 201, 429]


async def test_a_tenants_quota_is_the_tenants(world: World) -> None:
    """Two agents share three places; other tenants have their own."""
    ceiling = [{"capability": "orders-api", "scopes": ["orders:read"]}]
    world.config.edit_capability("orders-api", tenants=["acme", "globex", "tiny"])
    await world.publish()
    tasks = {
        name: await world.open(
            WIDE_ORCHESTRATOR, tenant="tiny", agent=name, instance="pod-1", ceiling=ceiling
        )
        for name in ("tiny-bot", "tiny-helper")
    }
    helper = Who(TINY_AGENT.kind, "tiny-helper", "tiny", "pod-1")

    given = [
        (await world.ask(tasks["tiny-bot"]["id"], TINY_AGENT)).status,
        (await world.ask(tasks["tiny-helper"]["id"], helper)).status,
        (await world.ask(tasks["tiny-bot"]["id"], TINY_AGENT)).status,
        (await world.ask(tasks["tiny-helper"]["id"], helper)).status,
    ]
    acme = await world.open()

    assert given == [201, 201, 201, 429]
    assert (await world.ask(acme["id"])).status == 201
    assert world.ledger.count("agent", "tiny-helper") == 1


async def test_a_task_holds_no_more_than_its_own_bound(world: World) -> None:
    """Whatever its agent's quota is."""
    await world.stop()
    await world.start(tasks=world.task_limits(max_live_credentials=2))
    task, other = await world.open(), await world.open()

    given = [(await world.ask(task["id"])).status for _ in range(3)]

    assert given == [201, 201, 429]
    assert (await world.ask(other["id"])).status == 201
    assert world.ledger.count("agent", "invoice-bot") == 3


async def test_a_smaller_quota_takes_nothing_away(world: World) -> None:
    """What is alive stays, may be renewed and given back; nothing new until there is room."""
    task = await world.open()
    issued = [await world.issue(task["id"], ttl_seconds=60) for _ in range(3)]
    world.config.edit_agent("invoice-bot", quota=2)
    await world.publish()

    refused = await world.ask(task["id"])
    renew = f"/v1/credentials/{issued[0]['id']}/renew"
    renewed = await world.post(AGENT, renew, {"ttl_seconds": 300})
    for each in issued[1:]:
        await world.call(AGENT, "DELETE", f"/v1/credentials/{each['id']}")
    given = await world.ask(task["id"])

    assert (refused.status, renewed.status, given.status) == (429, 201, 201)


async def test_a_refusal_by_policy_takes_no_place(world: World) -> None:
    """Nor does one by the ledger."""
    task = await world.open(agent="report-bot", ceiling=[REPORT])
    ended = await world.open(agent="report-bot", ceiling=[REPORT])
    await world.end(ended["id"], "cancel", OPERATOR)

    await world.ask(task["id"], REPORTER, capability="reports-read", scopes=["x:y"])
    await world.ask(ended["id"], REPORTER, **REPORT)

    assert world.ledger.count("agent", "report-bot") == 0
    assert world.ledger.count("tenant", "acme") == 0
