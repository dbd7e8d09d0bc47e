"""Policies and registrations that change while requests run: never a mix, never a late old one."""

import asyncio

import pytest

from broker.model.decision import Deny, Permit
from tests.fakes.cast import (
    AGENT,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    ORDERS,
    REPORTER,
    Who,
)
from tests.fakes.policy import QUERY
from tests.fakes.world import PATIENCE_S, World, task_body

WRITE = [{"capability": "orders-api", "scopes": ["orders:read", "orders:write"]}]

FREEZE = """
@id("freeze")
forbid (principal, action, resource);
"""


def revision_of(answer: dict[str, object]) -> object:
    """Read the revision that a credential was decided by."""
    decision = answer["decision"]
    assert isinstance(decision, dict)
    return decision["facts_revision"]


async def test_a_published_revision_is_in_force_at_every_broker(worlds: World) -> None:
    """By itself (I15): nobody tells them, and nobody restarts them."""
    task = await worlds.open()
    worlds.config.write("policies/50-world.cedar", FREEZE)
    await worlds.publish(wait=False)

    async with asyncio.timeout(PATIENCE_S):
        for at in (0, 1):
            while (await worlds.ask(task["id"], at=at)).status != 403:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_from_publication_on_nothing_is_granted_by_the_former(worlds: World) -> None:
    """Not even at a broker that has not looked yet: the ledger refuses decisions on older facts."""
    task = await worlds.open()
    worlds.config.write("policies/50-world.cedar", FREEZE)

    await worlds.publish(wait=False)
    answers = [await worlds.ask(task["id"], at=at) for at in (0, 1)]

    assert {answer.status for answer in answers} == {403}


async def test_no_request_is_decided_by_a_mix(worlds: World) -> None:
    """Two revisions that each permit one scope, swapped under load: nobody gets both."""
    both = """
@id("both-or-neither")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when {{ principal has risk && principal.risk == "{risk}" }};
"""
    task = await worlds.open(ceiling=WRITE)
    outcomes: list[tuple[int, str]] = []

    async def publish_by_turns() -> None:
        for turn in range(6):
            # The one revision has a registered fact that only the other's policy asks for.
            agent, policy = (("high", "medium"), ("medium", "high"))[turn % 2]
            worlds.config.edit_agent("invoice-bot", risk=agent)
            worlds.config.write("policies/50-world.cedar", both.format(risk=policy))
            await worlds.publish(wait=False)

    publishing = asyncio.create_task(publish_by_turns())
    number = 0
    while not publishing.done():
        number += 1
        answer = await worlds.ask(task["id"], scopes=["orders:write"], at=number % 2)
        outcomes.append((answer.status, answer.raw.decode()))
    await publishing

    assert len(outcomes) > 5
    assert {status for status, _ in outcomes} <= {403, 503}


async def test_a_broken_revision_never_comes_into_force_by_publishing(world: World) -> None:
    """Faulty files are refused where they are published; what is in force stays."""
    world.config.write("policies/50-world.cedar", "permit (principal, action, resource")

    with pytest.raises(Exception, match="policies"):
        await world.publish()

    task = await world.open()
    assert (await world.ask(task["id"])).status == 201


async def test_a_suspended_agent_gets_nothing_more(worlds: World) -> None:
    """Not a credential, not a renewal, not a task; at no broker."""
    task = await worlds.open()
    issued = await worlds.issue(task["id"], ttl_seconds=60)
    unclaimed = await worlds.open(instance=...)
    worlds.config.edit_agent("invoice-bot", status="suspended")
    await worlds.publish(wait=False)

    for at in (0, 1):
        renew = f"/v1/credentials/{issued['id']}/renew"
        answers = [
            await worlds.ask(task["id"], at=at),
            await worlds.post(AGENT, renew, {"ttl_seconds": 120}, at=at),
            await worlds.post(AGENT, f"/v1/tasks/{task['id']}/extend", {"ttl_seconds": 60}, at=at),
            await worlds.delegate(task["id"]),
        ]
        assert {answer.status for answer in answers} == {401}
        opened = await worlds.post(ORCHESTRATOR, "/v1/tasks", task_body(), at=at)
        assert opened.status == 403
    assert unclaimed["id"]
    assert await worlds.told("lease.issued") == 1


async def test_who_was_suspended_while_asking_gets_nothing(worlds: World) -> None:
    """Attested under the former revision, decided under the next: refused, not granted by a mix."""
    for _ in range(4):
        worlds.config.edit_agent("invoice-bot", status="active")
        await worlds.publish()
        task = await worlds.open()
        worlds.config.edit_agent("invoice-bot", status="suspended")
        publishing = asyncio.create_task(worlds.publish(wait=False))
        answers = []
        number = 0
        while not publishing.done():
            number += 1
            answers += await asyncio.gather(
                *(worlds.ask(task["id"], at=(number + n) % 2) for n in range(4))
            )
        revision = await publishing
        late = await asyncio.gather(*(worlds.ask(task["id"], at=n % 2) for n in range(4)))

        assert {answer.status for answer in late} <= {401, 503}
        for answer in answers:
            if answer.status == 201:
                shown = await worlds.get(OPERATOR, f"/v1/credentials/{answer['id']}")
                assert revision_of(shown.body) < revision


async def test_who_moved_to_another_tenant_keeps_nothing_of_the_former(world: World) -> None:
    """Tenants are the registry's: the next request already belongs to the new one only."""
    task = await world.open()
    roamer = Who(AGENT.kind, "invoice-bot", "", "pod-1")
    await world.issue(task["id"], roamer)
    world.config.edit_agent("invoice-bot", tenant="globex", teams=[])
    await world.publish()

    assert (await world.ask(task["id"], roamer)).status == 404
    assert (await world.get(roamer, f"/v1/tasks/{task['id']}")).status == 404


async def test_renewing_asks_policy_again(world: World) -> None:
    """What was permitted an hour ago may be forbidden now; the token itself dies of age."""
    task = await world.open()
    issued = await world.issue(task["id"], ttl_seconds=60)
    renew = f"/v1/credentials/{issued['id']}/renew"
    world.config.write("policies/50-world.cedar", FREEZE)
    await world.publish()

    refused = await world.post(AGENT, renew, {"ttl_seconds": 120})

    assert (refused.status, refused.code) == (403, "access-denied")


async def test_a_credential_is_not_renewed_for_an_audience_that_its_capability_left(
    world: World,
) -> None:
    """Policy would judge the new audience, and the token would open the door of the old one."""
    task = await world.open()
    issued = await world.issue(task["id"], ttl_seconds=60)
    world.config.edit_capability(
        "orders-api", audience="https://orders-2.example", max_ttl_seconds=300
    )
    await world.publish()

    refused = await world.post(AGENT, f"/v1/credentials/{issued['id']}/renew", {"ttl_seconds": 120})

    assert (refused.status, refused.code) == (409, "credential-not-renewable")
    assert (await world.issue(task["id"]))["audience"] == "https://orders-2.example"


async def test_too_little_time_is_a_refusal_that_can_be_looked_up(world: World) -> None:
    """Obligations that leave less than a whole second leave nothing; an operator sees why."""
    blink = """
@id("blink")
@max_ttl_seconds("1")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when { principal.tenant == context.task.tenant };
"""
    task = await world.open()
    world.config.write("policies/50-world.cedar", blink)
    await world.publish()

    refused = await world.ask(task["id"])

    assert (refused.status, refused.code) == (403, "access-denied")
    explained = await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")
    assert explained["reason"] == "no-time-left"


async def test_a_renewal_is_bound_by_the_obligations_of_now(world: World) -> None:
    """A scope that policy no longer leaves ends renewing; a shorter life shortens it."""
    task = await world.open()
    issued = await world.issue(task["id"], ttl_seconds=30)
    renew = f"/v1/credentials/{issued['id']}/renew"
    shorter = """
@id("short-lived")
@max_ttl_seconds("45")
permit (principal is Agent, action == Action::"RenewCredential", resource is Capability)
when { principal.tenant == context.task.tenant };
"""
    world.config.write("policies/50-world.cedar", shorter)
    await world.publish()

    renewed = await world.post(AGENT, renew, {"ttl_seconds": 600})

    assert renewed.status == 201
    assert renewed["expires_in"] <= 45


async def test_every_credential_says_by_which_revision_it_was_decided(world: World) -> None:
    """Policies that determined it, their version, the revision of the facts."""
    task = await world.open()
    first = await world.issue(task["id"])
    world.config.edit_agent("invoice-bot", purpose="does something else now")
    revision = await world.publish()
    second = await world.issue(task["id"])

    shown = [
        (await world.get(AGENT, f"/v1/credentials/{each['id']}")).body for each in (first, second)
    ]

    assert [revision_of(each) for each in shown] == [1, revision]
    assert all(each["decision"]["policies"] == ["agents-read"] for each in shown)
    assert shown[0]["decision"]["policy_version"] == shown[1]["decision"]["policy_version"]


async def test_a_publisher_that_died_halfway_blocks_nothing_for_ever(world: World) -> None:
    """It raised the facts and published nothing: publishing again, anything, mends it."""
    task = await world.open()
    for bucket in world.broker.ledger.keys.buckets:
        world.single.ask("HSET", bucket.meta, "facts", 2)

    stuck = await world.ask(task["id"])
    told = await world.until_refusing("policy")
    revision = await world.publish()
    mended = await world.ask(task["id"])

    assert (stuck.status, mended.status) == (503, 201)
    assert "never published" in told
    assert revision >= 2


async def test_publishing_what_stands_changes_nothing(world: World) -> None:
    """The same content is the same revision."""
    first = await world.publish()
    before = world.dump()

    assert await world.publish() == first == 1
    assert world.dump() == before


async def test_two_publishers_do_not_lose_each_others_revision(worlds: World) -> None:
    """One of them is told to try again; the revisions are dense and each has its bundle."""
    worlds.config.write("policies/50-world.cedar", FREEZE)
    first = asyncio.create_task(worlds.publish(wait=False))
    await asyncio.sleep(0)
    outcomes = await asyncio.gather(
        first, worlds.publish(wait=False), worlds.publish(wait=False), return_exceptions=True
    )

    done = {outcome for outcome in outcomes if isinstance(outcome, int)}
    assert done == {2}
    record = await worlds.broker.ledger.control.read()
    assert record is not None
    assert record.revision == 2
    await worlds.refresh()
    assert (await worlds.ask(f"t_00_{'a' * 26}")).status == 404


async def test_a_resource_server_that_is_gone_learns_nothing_more(world: World) -> None:
    """Its audience is offline from now on, and it may not introspect."""
    task = await world.open()
    issued = await world.issue(task["id"])

    def drop(file: dict[str, list[dict[str, object]]]) -> None:
        file["resource_servers"] = [
            each for each in file["resource_servers"] if each["audience"] != ORDERS.name
        ]

    world.config.edit("resource_servers.yaml", drop)
    for name in ("orders-api", "orders-export"):
        world.config.edit_capability(name, max_ttl_seconds=300)
    await world.publish()

    asked = await world.introspect(issued["access_token"])
    report = await world.end(task["id"])

    assert asked.status == 401
    assert [receipt["state"] for receipt in report["receipts"]] == ["irrevocable"]


async def test_unused_names_are_free_of_charge(world: World) -> None:
    """Helpers and reporters are not touched by what happens to another agent."""
    world.config.edit_agent("invoice-bot", status="retired")
    await world.publish()

    for name, who in (("helper-bot", HELPER), ("report-bot", REPORTER)):
        task = await world.open(agent=name)
        assert (await world.ask(task["id"], who)).status == 201


async def test_policy_reads_the_clock_of_its_broker(world: World) -> None:
    """What it permits by an instant and what the broker dates are of one time."""
    noon = world.now() + 3_600
    world.config.write(
        "policies/50-world.cedar",
        f'@id("late") forbid (principal, action, resource)'
        f" when {{ context.time.epochSeconds >= {noon} }};",
    )
    await world.publish()
    decider = world.broker.replica.published.decider

    assert isinstance(await decider.decide(QUERY), Permit)
    world.running[0].clock.shift_ms = 3_700_000
    late = await decider.decide(QUERY)
    assert isinstance(late, Deny)
    assert late.trace.policies == ("late",)
