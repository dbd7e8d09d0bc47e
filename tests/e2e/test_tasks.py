"""Tasks from opening to end, through the API."""

import asyncio

import pytest

from broker.settings.limits import TaskLimits
from tests.fakes.cast import (
    AGENT,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    OTHER_ORCHESTRATOR,
    ROOT_OPERATOR,
    STOCK_AGENT,
    STOCK_OPERATOR,
    STOCK_ORCHESTRATOR,
    WIDE_ORCHESTRATOR,
    Who,
)
from tests.fakes.world import World, seconds_between, task_body

STOCK_TASK = {"tenant": "globex", "agent": "stock-bot"}


async def test_an_opened_task_shows_what_was_asked_for(world: World) -> None:
    """Every member, to its opener, its agent and an operator alike."""
    asked = {
        "on_behalf_of": "alice",
        "tickets": ["OPS-1"],
        "resources": ["dataset:orders"],
        "idle_timeout_seconds": 30,
    }

    task = await world.open(**asked)

    shown = [await world.get(who, f"/v1/tasks/{task['id']}") for who in (ORCHESTRATOR, AGENT)]
    assert all(answer.body == task for answer in shown)
    assert (await world.get(OPERATOR, f"/v1/tasks/{task['id']}")).body == task
    for name, value in asked.items():
        assert task[name] == value
    assert (task["opener"], task["parent"], task["path"]) == (
        "orchestrator:ci-orchestrator",
        "",
        [task["id"]],
    )
    assert (task["state"], task["alive"], task["closed_at"]) == ("open", True, None)


async def test_an_orchestrator_opens_nothing_beyond_its_tenant(world: World) -> None:
    """Neither there, nor for that tenant's agents here, nor with its capabilities."""
    capability = {"capability": "reports-read", "scopes": ["reports:read"]}

    foreign = await world.post(ORCHESTRATOR, "/v1/tasks", task_body(**STOCK_TASK))
    borrowed = await world.post(ORCHESTRATOR, "/v1/tasks", task_body(agent="stock-bot"))
    stocked = await world.post(
        STOCK_ORCHESTRATOR, "/v1/tasks", task_body(**STOCK_TASK, ceiling=[capability])
    )
    invented = await world.post(
        STOCK_ORCHESTRATOR,
        "/v1/tasks",
        task_body(**STOCK_TASK, ceiling=[{**capability, "capability": "no-such"}]),
    )

    assert (foreign.status, borrowed.status) == (403, 403)
    assert (stocked.status, stocked["field"]) == (400, "ceiling[0].capability")
    assert stocked.raw == invented.raw


async def test_a_stranger_learns_nothing_of_a_tenant_from_its_refusals(world: World) -> None:
    """Not whether the tenant exists, nor which capabilities and scopes it has (I16)."""
    known = {"capability": "orders-api", "scopes": ["orders:read"]}
    ceilings = [known, {**known, "scopes": ["no:such"]}, {**known, "capability": "no-such"}]
    bodies = [task_body(**STOCK_TASK, ceiling=[ceiling]) for ceiling in ceilings]

    answers = [
        await world.post(ORCHESTRATOR, "/v1/tasks", body | {"tenant": tenant})
        for body in bodies
        for tenant in ("globex", "no-such-tenant")
    ]

    told = [{**answer.body, "decision": "d"} for answer in answers]
    assert {answer.status for answer in answers} == {403}
    assert all(each == told[0] for each in told)
    assert all(answer["decision"].startswith("d_") for answer in answers)


async def test_a_scope_that_a_capability_has_not_is_named(world: World) -> None:
    """Whoever wrote a long list of scopes is told which of them it is, and what there is."""
    ceiling = [{"capability": "orders-api", "scopes": ["orders:read", "orders:delete"]}]

    answer = await world.post(ORCHESTRATOR, "/v1/tasks", task_body(ceiling=ceiling))

    assert (answer.status, answer["field"]) == (400, "ceiling[0].scopes")
    assert answer["detail"] == (
        "orders-api has no orders:delete: send some of orders:read, orders:write"
    )


async def test_an_agent_opens_no_root_task(world: World) -> None:
    """The shipped policies let agents delegate, not begin."""
    answer = await world.post(AGENT, "/v1/tasks", task_body())

    assert (answer.status, answer.code) == (403, "access-denied")


@pytest.mark.parametrize("agent", ["nobody", "stock-bot"])
async def test_a_task_is_only_for_registered_agents_of_its_tenant(world: World, agent: str) -> None:
    """An unknown name and another tenant's are refused alike."""
    answer = await world.post(ORCHESTRATOR, "/v1/tasks", task_body(agent=agent))

    assert (answer.status, answer.code) == (403, "access-denied")


async def test_the_default_idle_timeout_is_five_minutes(world: World) -> None:
    """As the API says."""
    assert (await world.open())["idle_timeout_seconds"] == 300


async def test_a_claim_handle_is_delivered_once_and_used_once(world: World) -> None:
    """The first instance that comes with it owns the task; nobody else gets anything by it."""
    task = await world.open(instance=...)
    claim, handle = f"/v1/tasks/{task['id']}/claim", {"handle": task["claim_handle"]}
    shown = await world.get(ORCHESTRATOR, f"/v1/tasks/{task['id']}")

    first = await world.post(AGENT.at("pod-7"), claim, handle)
    again = await world.post(AGENT.at("pod-7"), claim, handle)
    second = await world.post(AGENT.at("pod-8"), claim, handle)

    assert "claim_handle" not in shown.body
    assert (first.status, first["instance"]) == (200, "pod-7")
    assert "claim_handle" not in first.body
    assert again.body == first.body
    assert second.status == 404
    assert (await world.ask(task["id"], AGENT.at("pod-8"))).status == 404
    await world.issue(task["id"], AGENT.at("pod-7"))


async def test_an_unclaimed_task_is_nobodys(world: World) -> None:
    """Neither named instances nor the agent's others can use it."""
    task = await world.open(instance=...)

    for instance in ("pod-1", "i-1"):
        assert (await world.ask(task["id"], AGENT.at(instance))).status == 404
        assert (await world.get(AGENT.at(instance), f"/v1/tasks/{task['id']}")).status == 404


async def test_only_the_named_agent_claims_and_only_with_the_handle(world: World) -> None:
    """Everybody else is told that there is no such task."""
    task = await world.open(instance=...)
    claim = f"/v1/tasks/{task['id']}/claim"
    right = {"handle": task["claim_handle"]}

    answers = [await world.post(who, claim, right) for who in (HELPER, STOCK_AGENT, ORCHESTRATOR)]
    answers.append(await world.post(AGENT, claim, {"handle": "a" * 26}))
    answers.append(await world.post(AGENT, claim, {"handle": task["claim_handle"] + " "}))
    answers.append(await world.post(AGENT, claim, {"handle": task["claim_handle"].upper()}))
    answers.append(await world.post(AGENT, f"/v1/tasks/t_00_{'a' * 26}/claim", right))

    assert {answer.status for answer in answers} == {404}
    assert len({answer.raw for answer in answers}) == 1


async def test_a_closed_task_tells_strangers_nothing_when_they_claim(world: World) -> None:
    """Without the handle an ended task is as absent as any other (I6)."""
    named, handled = await world.open(), await world.open(instance=...)
    for task in (named, handled):
        await world.end(task["id"], "cancel", ORCHESTRATOR)

    guesses = [
        await world.post(AGENT.at("pod-9"), f"/v1/tasks/{task}/claim", {"handle": "a" * 26})
        for task in (named["id"], handled["id"], f"t_00_{'a' * 26}")
    ]
    late = await world.post(
        AGENT, f"/v1/tasks/{handled['id']}/claim", {"handle": handled["claim_handle"]}
    )

    assert {guess.status for guess in guesses} == {404}
    assert (late.status, late.code) == (409, "task-closed")


async def test_a_repeated_opening_replaces_the_handle(world: World) -> None:
    """The lost answer's handle is dead; a claimed task gets no handle any more."""
    first = await world.post(ORCHESTRATOR, "/v1/tasks", task_body(instance=...), key="open-1")
    again = await world.post(ORCHESTRATOR, "/v1/tasks", task_body(instance=...), key="open-1")
    claim = f"/v1/tasks/{first['id']}/claim"

    old = await world.post(AGENT, claim, {"handle": first["claim_handle"]})
    new = await world.post(AGENT, claim, {"handle": again["claim_handle"]})
    third = await world.post(ORCHESTRATOR, "/v1/tasks", task_body(instance=...), key="open-1")

    assert (first.status, again.status, third.status) == (201, 200, 200)
    assert first["id"] == again["id"] == third["id"]
    assert (old.status, new.status) == (404, 200)
    assert "claim_handle" not in third.body


async def test_lists_show_each_caller_its_own(world: World) -> None:
    """The opener its own, the agent its own, operators their tenants'."""
    mine = await world.open()
    other = await world.open(OTHER_ORCHESTRATOR, agent="helper-bot")
    stock = await world.open(STOCK_ORCHESTRATOR, **STOCK_TASK)

    async def listed(who: Who, query: str = "") -> set[str]:
        pages = await world.pages(who, f"/v1/tasks{query}")
        return {task["id"] for page in pages for task in page["tasks"]}

    assert await listed(ORCHESTRATOR) == {mine["id"]}
    assert await listed(OTHER_ORCHESTRATOR) == {other["id"]}
    assert await listed(AGENT) == {mine["id"]}
    assert await listed(AGENT.at("pod-2")) == set()
    assert await listed(HELPER) == {other["id"]}
    assert await listed(OPERATOR) == {mine["id"], other["id"]}
    assert await listed(STOCK_OPERATOR) == {stock["id"]}
    assert await listed(OPERATOR, "?tenant=globex") == await listed(OPERATOR, "?tenant=no-such")
    assert await listed(ROOT_OPERATOR, "?tenant=globex") == {stock["id"]}
    assert await listed(ROOT_OPERATOR, "?agent=invoice-bot") == {mine["id"]}


async def test_lists_are_filtered_and_paged_to_their_end(world: World) -> None:
    """Each task once, whatever the page's size, and no page is longer than asked."""
    opened = [await world.open() for _ in range(7)]
    for task in opened[:3]:
        await world.end(task["id"])

    pages = await world.pages(OPERATOR, "/v1/tasks?limit=2&state=open")
    everything = await world.pages(OPERATOR, "/v1/tasks?limit=1&tenant=acme")

    ids = [task["id"] for page in pages for task in page["tasks"]]
    assert sorted(ids) == sorted(task["id"] for task in opened[3:])
    assert all(len(page["tasks"]) <= 2 for page in pages)
    listed = [task["id"] for page in everything for task in page["tasks"]]
    assert sorted(listed) == sorted(task["id"] for task in opened)


async def test_an_orchestrator_of_many_tenants_lists_its_tasks_in_all(world: World) -> None:
    """Without a filter: its own, wherever they are."""
    acme = await world.open(WIDE_ORCHESTRATOR)
    globex = await world.open(WIDE_ORCHESTRATOR, **STOCK_TASK)

    pages = await world.pages(WIDE_ORCHESTRATOR, "/v1/tasks")

    assert {t["id"] for p in pages for t in p["tasks"]} == {acme["id"], globex["id"]}


async def test_heartbeats_count_for_agent_and_opener_apart(world: World) -> None:
    """Each moves its own instant."""
    task = await world.open(idle_timeout_seconds=60, opener_timeout_seconds=60)
    beat = f"/v1/tasks/{task['id']}/heartbeat"
    await world.pass_time(40)

    agent = await world.post(AGENT, beat)
    await world.pass_time(10)
    opener = await world.post(ORCHESTRATOR, beat, {})

    assert agent.status == opener.status == 200
    assert agent["agent_seen_at"] > task["agent_seen_at"]
    assert agent["opener_seen_at"] == task["opener_seen_at"]
    assert opener["opener_seen_at"] > agent["agent_seen_at"] == opener["agent_seen_at"]


async def test_silence_ends_a_task(world: World) -> None:
    """Of the agent by the idle timeout, of the opener by its own; the reaper says which."""
    idle = await world.open(idle_timeout_seconds=30)
    orphan = await world.open(opener_timeout_seconds=30)
    kept = await world.open(idle_timeout_seconds=30)
    await world.pass_time(20)
    await world.post(AGENT, f"/v1/tasks/{kept['id']}/heartbeat")
    await world.pass_time(11)

    assert (await world.ended(idle["id"]))["ended_by"] == "idle"
    assert (await world.ended(orphan["id"]))["ended_by"] == "opener-silent"
    assert (await world.get(AGENT, f"/v1/tasks/{kept['id']}"))["alive"]


async def test_refused_requests_are_no_sign_of_life(world: World) -> None:
    """Only permitted calls count: a looping agent without rights falls silent all the same."""
    task = await world.open(idle_timeout_seconds=30)
    await world.pass_time(20)

    refused = await world.ask(task["id"], scopes=["orders:write"])
    await world.pass_time(11)

    assert refused.status == 403
    assert (await world.ended(task["id"]))["ended_by"] == "idle"


async def test_a_deadline_moves_as_policy_allows(world: World) -> None:
    """The agent by ten minutes at most, the opener by an hour; nobody past the longest life."""
    task = await world.open(ttl_seconds=60)
    extend = f"/v1/tasks/{task['id']}/extend"

    little = await world.post(AGENT, extend, {"ttl_seconds": 600})
    more = await world.post(AGENT, extend, {"ttl_seconds": 601})
    much = await world.post(ORCHESTRATOR, extend, {"ttl_seconds": 3600})
    too_much = await world.post(ORCHESTRATOR, extend, {"ttl_seconds": 3601})

    assert (little.status, more.status, much.status, too_much.status) == (200, 403, 200, 403)
    assert task["deadline"] < little["deadline"] < much["deadline"]
    assert (await world.get(AGENT, f"/v1/tasks/{task['id']}"))["deadline"] == much["deadline"]


async def test_a_deadline_never_passes_the_longest_life_of_a_task(world: World) -> None:
    """However often it is moved."""
    await world.stop()
    await world.start(tasks=TaskLimits(max_ttl_seconds=700))
    task = await world.open(ttl_seconds=600)
    extend = f"/v1/tasks/{task['id']}/extend"
    await world.pass_time(200)

    moved = await world.post(ORCHESTRATOR, extend, {"ttl_seconds": 699})

    assert moved.status == 200
    assert seconds_between(task["opened_at"], moved["deadline"]) == 700


async def test_tasks_opened_meanwhile_repeat_nothing_in_a_list(world: World) -> None:
    """A cursor says how old the last task was, not how many came before it."""
    opened = {(await world.open())["id"] for _ in range(6)}
    answer = await world.get(OPERATOR, "/v1/tasks?limit=2&tenant=acme")
    ids = [task["id"] for task in answer["tasks"]]
    while answer["next"]:
        await world.open()
        answer = await world.get(OPERATOR, answer["next"])
        ids += [task["id"] for task in answer["tasks"]]

    assert len(ids) == len(set(ids))
    assert opened <= set(ids)


async def test_many_instances_race_for_one_handle(worlds: World) -> None:
    """Sixty-four over two brokers: one owner (A14)."""
    task = await worlds.open(instance=...)
    claim, handle = f"/v1/tasks/{task['id']}/claim", {"handle": task["claim_handle"]}

    answers = await asyncio.gather(
        *(worlds.post(AGENT.at(f"pod-{n}"), claim, handle, at=n % 2) for n in range(64))
    )

    assert sorted(answer.status for answer in answers) == [200] + [404] * 63
    assert await worlds.told("task.claimed") == 1
