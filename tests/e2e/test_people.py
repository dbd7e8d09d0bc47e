"""People call with tokens of their own, and are anybody only where the facts know them."""

from dataclasses import replace
from typing import Final

import pytest

from tests.fakes.cast import AGENT, DANA, ERIN, OPERATOR, ORCHESTRATOR, STOCK_AGENT, STOCK_PERSON
from tests.fakes.people import change, leaves, put_of, register
from tests.fakes.world import World, issue_body, task_body

TASKS: Final = "/v1/tasks"


async def test_a_person_is_somebody_while_the_facts_say_so(world: World) -> None:
    """From the very change on that makes her so, to the one that ends it."""
    assert (await world.get(DANA, TASKS)).status == 401

    await register(world, DANA)
    assert (await world.get(DANA, TASKS))["tasks"] == []

    await change(world, {"op": "hold", "ref": "person:dana"})
    assert (await world.get(DANA, TASKS)).status == 401
    await change(world, {"op": "lift", "ref": "person:dana"})
    assert (await world.get(DANA, TASKS)).status == 200

    await leaves(world, DANA)
    assert (await world.get(DANA, TASKS)).status == 401


async def test_a_person_of_another_tenant_is_nobody_here(world: World) -> None:
    """Evidence that names a tenant holds her to it, whoever is called so elsewhere."""
    await register(world, STOCK_PERSON)

    assert (await world.get(STOCK_PERSON, TASKS)).status == 200
    assert (await world.get(replace(STOCK_PERSON, tenant="acme"), TASKS)).status == 401
    assert (await world.get(replace(STOCK_PERSON, tenant=""), TASKS)).status == 200


async def test_identities_say_whose_word_is_taken(world: World) -> None:
    """Another issuer that vouches for the same name is not believed."""
    stated = [{"issuer": DANA.issuer, "subject": "dana"}]
    await change(world, put_of(DANA, identities=stated))

    assert (await world.get(DANA, TASKS)).status == 200
    other = replace(DANA, issuer="http://127.0.0.1:8702")
    assert (await world.get(other, TASKS)).status == 401


@pytest.mark.parametrize("name", ["agent", "operator", "orchestrator"])
async def test_no_word_of_a_token_makes_a_person_anything_else(world: World, name: str) -> None:
    """The registry knows nobody of that name and kind."""
    await register(world, DANA)

    assert (await world.get(world.token(DANA, kind=name), TASKS)).status == 401


async def test_a_person_sees_and_ends_nothing_that_is_not_hers(world: World) -> None:
    """Not even in her own tenant: she is no operator (I6)."""
    await register(world, DANA, ERIN)
    task = await world.open()
    held = await world.issue(task["id"])

    assert (await world.get(DANA, f"{TASKS}/{task['id']}")).status == 404
    assert (await world.post(DANA, f"{TASKS}/{task['id']}/cancel", {})).status == 404
    assert (await world.get(DANA, f"/v1/credentials/{held['id']}")).status == 404
    asked = await world.post(DANA, f"{TASKS}/{task['id']}/credentials", issue_body())
    assert asked.status == 404
    order = {"agent": AGENT.name, "reason": "x"}
    assert (await world.post(DANA, "/v1/revocations", order)).status == 403
    assert (await world.get(ORCHESTRATOR, f"{TASKS}/{task['id']}"))["state"] == "open"


async def test_operators_ask_what_a_person_would_be_answered(world: World) -> None:
    """Of their tenant; one whom nobody knows is absent."""
    await register(world, DANA, STOCK_PERSON)
    asked = {"action": "OpenTask", "tenant": "acme", "agent": AGENT.name, "caller_kind": "person"}

    known = await world.post(OPERATOR, "/v1/explain", {**asked, "caller": "dana"})
    absent = await world.post(OPERATOR, "/v1/explain", {**asked, "caller": "nobody"})
    foreign = await world.post(OPERATOR, "/v1/explain", {**asked, "caller": STOCK_PERSON.name})

    assert known.status == 200
    assert known["explanation"]["outcome"] == "permit"
    assert (absent.status, absent.raw) == (404, foreign.raw)


async def test_a_person_opens_nothing_that_no_policy_permits(world: World) -> None:
    """Being somebody is no right."""
    await register(world, DANA)

    refused = await world.post(DANA, TASKS, task_body(instance=..., agent=STOCK_AGENT.name))

    assert refused.status == 403
