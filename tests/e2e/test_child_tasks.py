"""I7: a child is never wider, longer or deeper than its parent, and knows nothing above it."""

import pytest

from tests.fakes.cast import AGENT, HELPER, ORCHESTRATOR, OTHER_ORCHESTRATOR, REPORTER, STOCK_AGENT
from tests.fakes.world import World, seconds_between

READ = [{"capability": "orders-api", "scopes": ["orders:read"]}]
WRITE = [{"capability": "orders-api", "scopes": ["orders:read", "orders:write"]}]
REPORT = [{"capability": "reports-read", "scopes": ["reports:read"]}]


async def test_a_child_knows_its_place(world: World) -> None:
    """Its path, its parent, and that the delegating agent opened it."""
    parent = await world.open(on_behalf_of="alice")

    child = await world.delegate(parent["id"])

    assert child.status == 201
    assert child["path"] == [parent["id"], child["id"]]
    assert (child["parent"], child["opener"]) == (parent["id"], "agent:invoice-bot")
    assert child["on_behalf_of"] == "alice"


async def test_a_childs_token_names_the_chain_of_agents(world: World) -> None:
    """Outermost the current one, inside who handed it the work; the whole path is in it."""
    parent = await world.open(on_behalf_of="alice")
    child = (await world.delegate(parent["id"])).body

    token = await world.issue(child["id"], HELPER)

    seen = (await world.introspect(token["access_token"])).body
    assert seen["act"] == {"sub": "agent:helper-bot", "act": {"sub": "agent:invoice-bot"}}
    assert seen["sub"] == "user:alice"


@pytest.mark.parametrize(
    "ceiling", [WRITE, READ + REPORT, REPORT], ids=["scope", "capability", "another"]
)
async def test_a_wider_ceiling_is_refused(world: World, ceiling: object) -> None:
    """Whoever asks, the opener included."""
    parent = await world.open(ceiling=READ)

    for who in (AGENT, ORCHESTRATOR):
        answer = await world.delegate(parent["id"], who, ceiling=ceiling)
        assert (answer.status, answer.code) == (403, "access-denied")


@pytest.mark.parametrize(
    "more", [{"tickets": ["OPS-2"]}, {"resources": ["dataset:other"]}], ids=["ticket", "resource"]
)
async def test_a_child_concerns_nothing_that_its_parent_does_not(
    world: World, more: dict[str, object]
) -> None:
    """Policies read tickets and resources: an agent that invents one would widen its rights."""
    parent = await world.open(tickets=["OPS-1"], resources=["dataset:orders"])
    part = {"tickets": ["OPS-1"], "resources": ["dataset:orders"]}

    wider = await world.delegate(parent["id"], **more)
    as_wide = await world.delegate(parent["id"], **part)
    narrower = await world.delegate(parent["id"])

    assert (wider.status, wider.code) == (403, "access-denied")
    assert (as_wide.status, narrower.status) == (201, 201)


async def test_an_agent_gains_no_right_by_delegating_to_itself(world: World) -> None:
    """Writing needs a ticket, and a ticket is the opener's to state, not the agent's."""
    root = await world.open(ceiling=WRITE)
    itself = {"agent": "invoice-bot", "instance": "pod-1", "ceiling": WRITE}

    child = await world.delegate(root["id"], **itself, tickets=["MADE-UP-1"])
    honest = await world.delegate(root["id"], **itself)
    written = await world.ask(honest["id"], scopes=["orders:write"])

    assert child.status == 403
    assert written.status == 403


async def test_nobody_changes_on_whose_behalf_work_is_done(world: World) -> None:
    """A child is on its parent's behalf; naming another is refused, naming the same is not."""
    parent = await world.open(on_behalf_of="alice")

    other = await world.delegate(parent["id"], on_behalf_of="mallory")
    same = await world.delegate(parent["id"], on_behalf_of="alice")

    assert (other.status, other["field"]) == (400, "on_behalf_of")
    assert same.status == 201


async def test_a_child_ends_no_later_than_its_parent(world: World) -> None:
    """Asked for more it gets the rest; its tokens end with it; extending it changes nothing."""
    parent = await world.open(ttl_seconds=60)

    child = (await world.delegate(parent["id"], ttl_seconds=600)).body
    token = await world.issue(child["id"], HELPER)
    await world.post(HELPER, f"/v1/tasks/{child['id']}/extend", {"ttl_seconds": 600})
    after = await world.get(HELPER, f"/v1/tasks/{child['id']}")

    assert child["deadline"] <= parent["deadline"]
    assert after["deadline"] <= parent["deadline"]
    assert token["max_expires_at"] <= parent["deadline"]


async def test_a_tree_has_a_bottom(world: World) -> None:
    """The shipped policies let nobody delegate below the fourth level."""
    line = [(await world.open())["id"]]
    while (answer := await world.delegate(line[-1], agent="invoice-bot")).status == 201:
        line.append(answer["id"])

    assert (len(line), answer.status) == (5, 403)


async def test_the_broker_bounds_the_depth_whatever_policy_says(world: World) -> None:
    """The check of one lease reads every ancestor, so their number is bounded."""
    await world.stop()
    await world.start(tasks=world.task_limits(max_depth=3))
    line = [(await world.open())["id"]]
    while (answer := await world.delegate(line[-1], agent="invoice-bot")).status == 201:
        line.append(answer["id"])

    assert (len(line), answer.status, answer["field"]) == (3, 400, "parent")


async def test_strangers_delegate_nothing(world: World) -> None:
    """Only the owning instance and the opener hand a task on; to others it does not exist."""
    parent = await world.open()

    strangers = (AGENT.at("pod-2"), HELPER, OTHER_ORCHESTRATOR, STOCK_AGENT)
    answers = [await world.delegate(parent["id"], who) for who in strangers]
    absent = await world.delegate(f"t_00_{'a' * 26}")

    assert {answer.status for answer in answers} == {404}
    assert {answer.raw for answer in answers} == {absent.raw}


async def test_a_child_stays_in_its_parents_tenant(world: World) -> None:
    """Neither its tenant nor its agent is another's."""
    parent = await world.open()

    tenant = await world.delegate(parent["id"], tenant="globex", agent="stock-bot")
    agent = await world.delegate(parent["id"], agent="stock-bot")

    assert (tenant.status, tenant["field"]) == (400, "tenant")
    assert agent.status == 403


async def test_a_childs_agent_sees_nothing_above_it(world: World) -> None:
    """Not the parent, not its report, not its credentials, not its siblings."""
    parent = await world.open()
    child = (await world.delegate(parent["id"])).body
    sibling = (await world.delegate(parent["id"], agent="report-bot")).body
    above = await world.issue(parent["id"])

    paths = [
        f"/v1/tasks/{parent['id']}",
        f"/v1/tasks/{parent['id']}/report",
        f"/v1/tasks/{parent['id']}/credentials",
        f"/v1/credentials/{above['id']}",
        f"/v1/tasks/{sibling['id']}",
    ]

    assert {(await world.get(HELPER, path)).status for path in paths} == {404}
    assert (await world.get(HELPER, f"/v1/tasks/{child['id']}")).status == 200


async def test_a_delegating_agent_sees_what_it_handed_on(world: World) -> None:
    """It opened the child: it may look, and end it, but not use it."""
    parent = await world.open()
    child = (await world.delegate(parent["id"])).body
    below = await world.issue(child["id"], HELPER)

    assert (await world.get(AGENT, f"/v1/tasks/{child['id']}")).status == 200
    assert (await world.get(AGENT, f"/v1/credentials/{below['id']}")).status == 200
    assert (await world.ask(child["id"], AGENT)).status == 404
    assert (await world.call(AGENT, "DELETE", f"/v1/credentials/{below['id']}")).status == 404
    await world.end(child["id"], "cancel", AGENT)
    assert not await world.is_active(below["access_token"])


async def test_a_parent_delegates_again_when_its_children_have_ended(world: World) -> None:
    """The bound is on children that are open, not on those that ever were."""
    await world.stop()
    await world.start(tasks=world.task_limits(max_children=2))
    parent = await world.open()

    for _ in range(4):
        child = (await world.delegate(parent["id"])).body
        await world.end(child["id"], "complete", HELPER)
    kept = [(await world.delegate(parent["id"])).body for _ in range(2)]
    refused = await world.delegate(parent["id"])
    await world.end(kept[0]["id"], "fail", AGENT)

    assert (refused.status, refused.code) == (429, "quota-exceeded")
    assert (await world.delegate(parent["id"])).status == 201


async def test_a_child_that_died_of_age_frees_its_place(world: World) -> None:
    """Its deadline counts, whether the reaper has looked or not."""
    await world.stop()
    await world.start(tasks=world.task_limits(max_children=1))
    parent = await world.open()
    await world.delegate(parent["id"], ttl_seconds=10)

    refused = await world.delegate(parent["id"])
    await world.pass_time(11)

    assert refused.status == 429
    assert (await world.delegate(parent["id"])).status == 201


async def test_activity_below_keeps_the_ancestors_alive(world: World) -> None:
    """A parent that waits for its child is not silent."""
    parent = await world.open(idle_timeout_seconds=30)
    child = (await world.delegate(parent["id"], idle_timeout_seconds=30)).body
    for _ in range(2):
        await world.pass_time(20)
        await world.post(HELPER, f"/v1/tasks/{child['id']}/heartbeat")

    seen = await world.get(AGENT, f"/v1/tasks/{parent['id']}")

    assert seen["alive"]
    assert seconds_between(parent["agent_seen_at"], seen["agent_seen_at"]) >= 40


async def test_the_reporter_gets_the_restricted_part_only(world: World) -> None:
    """Delegation moves work to another agent, with that agent's rights and within the ceiling."""
    parent = await world.open(ceiling=READ + REPORT)
    child = (await world.delegate(parent["id"], agent="report-bot", ceiling=REPORT)).body

    ask = {"capability": "reports-read", "scopes": ["reports:read"]}
    given = await world.ask(child["id"], REPORTER, **ask)
    beyond = await world.ask(child["id"], REPORTER)

    assert (given.status, beyond.status) == (201, 403)
