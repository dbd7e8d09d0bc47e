"""Decisions by policy, on the whole application: every failure refuses, every permit is bound."""

import asyncio
import json

import pytest

from tests.fakes.cast import AGENT, OPERATOR, ORDERS, ROOT_OPERATOR, Who
from tests.fakes.world import World, task_body

WRITE = [{"capability": "orders-api", "scopes": ["orders:read", "orders:write"]}]

SKIPPED_FORBIDS = {
    "overflow": "context.ttlSeconds * 9223372036854775807 > 5",
    "another overflow": "context.task.depth - 9223372036854775807 - 100 < 0",
}


@pytest.mark.parametrize("condition", SKIPPED_FORBIDS.values(), ids=SKIPPED_FORBIDS.keys())
async def test_a_forbid_that_cannot_be_evaluated_refuses(world: World, condition: str) -> None:
    """Cedar would skip it and allow; an operator sees which one it was (M20, C15)."""
    task = await world.open()
    forbid = f"""
@id("errs")
forbid (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when {{ {condition} }};
"""
    world.config.write("policies/50-world.cedar", forbid)
    await world.publish()

    refused = await world.ask(task["id"])

    assert refused.status == 403
    seen = (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")).body
    assert seen["reason"] == "evaluation-error"
    assert "errs" in str(seen["trace"]["errors"])
    assert await world.told("lease.issued") == 0


async def test_a_permit_that_cannot_be_evaluated_permits_nothing(world: World) -> None:
    """Even next to one that can: nobody knows what it would have been bound to."""
    task = await world.open()
    permit = """
@id("errs")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when {
  principal.tenant == context.task.tenant &&
  context.ttlSeconds * 9223372036854775807 > 5
};
"""
    world.config.write("policies/50-world.cedar", permit)
    await world.publish()

    assert (await world.ask(task["id"])).status == 403


async def test_an_obligation_narrows_the_scopes(world: World) -> None:
    """What is granted is what the permit leaves; of nothing left nothing is granted."""
    narrow = """
@id("read-only-for-now")
@scopes("orders:read")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when {
  principal.tenant == context.task.tenant && context.scopes.contains("orders:write")
};
"""
    world.config.write("policies/50-world.cedar", narrow)
    await world.publish()
    task = await world.open(ceiling=WRITE)

    both = await world.ask(task["id"], scopes=["orders:read", "orders:write"])
    write = await world.ask(task["id"], scopes=["orders:write"])

    assert (both.status, both["scope"]) == (201, "orders:read")
    assert (await world.introspect(both["access_token"]))["scope"] == "orders:read"
    assert (write.status, write.code) == (403, "access-denied")


async def test_the_narrowest_of_all_obligations_binds(world: World) -> None:
    """Two permits apply: the shorter life, the common scopes."""
    permits = """
@id("first")
@max_ttl_seconds("90")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when { principal.tenant == context.task.tenant };

@id("second")
@max_ttl_seconds("40")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when { principal.tenant == context.task.tenant };
"""
    world.config.write("policies/50-world.cedar", permits)
    await world.publish()
    task = await world.open()

    issued = await world.issue(task["id"], ttl_seconds=600)

    assert issued["expires_in"] <= 40


async def test_what_needs_an_approval_is_not_given_without(world: World) -> None:
    """It is refused, and an operator sees that somebody had to agree."""
    permit = """
@id("ask-first")
@approval("finance")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when { principal.tenant == context.task.tenant };
"""
    world.config.write("policies/50-world.cedar", permit)
    await world.publish()
    task = await world.open()

    refused = await world.ask(task["id"])

    assert refused.status == 403
    seen = (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")).body
    assert seen["reason"] == "needs-approval"


@pytest.mark.parametrize("who", [OPERATOR, ROOT_OPERATOR, ORDERS], ids=lambda who: who.name)
async def test_nobody_gains_by_its_kind(world: World, who: Who) -> None:
    """Operators take away and resource servers verify: gaining is for policy to permit."""
    task = await world.open()

    opened = await world.post(who, "/v1/tasks", task_body())
    issued = await world.ask(task["id"], who)

    assert (opened.status, issued.status) == (403, 404)


async def test_a_lease_keeps_why_it_was_granted(world: World) -> None:
    """Policy version, facts revision, determining policies, and the facts that were read."""
    task = await world.open()
    issued = await world.issue(task["id"])

    record = next(value for key, value in world.dump().items() if key.endswith(issued["id"]))

    assert isinstance(record, dict)
    trace = json.loads(record["spec"])["trace"]
    assert trace["policies"] == ["agents-read"]
    assert trace["facts_revision"] == 1
    assert len(trace["policy_version"]) == 64
    assert 'Agent::"invoice-bot"' in trace["facts"]
    assert 'Capability::"orders-api"' in trace["facts"]


async def test_a_thousand_requests_parse_nothing(world: World) -> None:
    """Policies, schema and entities are handles: parsed when the revision came into force."""
    world.config.edit_agent("invoice-bot", quota=10_000)
    await world.publish()
    engine = world.broker.replica.published.engine
    before = engine.parses
    tasks = [await world.open(tickets=[f"OPS-{n}"]) for n in range(10)]

    for _ in range(10):
        answers = await asyncio.gather(
            *(
                world.ask(tasks[n % 10]["id"], labels={"n": str(n)}, ttl_seconds=60 + n)
                for n in range(99)
            )
        )
        assert {answer.status for answer in answers} == {201}
        for task in tasks:
            await world.end(task["id"], "cancel", OPERATOR)
        tasks = [await world.open(tickets=[f"OPS-{n}"]) for n in range(10)]

    assert world.broker.replica.published.engine is engine
    assert engine.parses == before
    assert (await world.ask(tasks[0]["id"], AGENT)).status == 201


async def test_an_operator_reads_what_would_turn_a_refusal(world: World) -> None:
    """The engine was asked: without that scope the same request is granted."""
    task = await world.open(ceiling=WRITE)
    refused = await world.ask(task["id"], scopes=["orders:read", "orders:write"])

    seen = (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")).body

    turned = seen["counterfactuals"]
    assert (turned["to"], turned["most_steps"]) == ("permit", 3)
    assert ["ask without the scope orders:write"] in turned["sets"]
    assert (await world.ask(task["id"], scopes=["orders:read"])).status == 201
