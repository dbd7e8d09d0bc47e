"""Others ask what a person may lend, and one broker decides for another what is lent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.test_authzen import says
from tests.e2e.test_broker_as_engine import reachable, second
from tests.e2e.test_reevaluation import ended_by
from tests.fakes.cast import AGENT, DANA, ERIN, OPERATOR, ORDERS, STOCK_OPERATOR
from tests.fakes.delegation import EXPORT, UNENTITLED, ask, prepare
from tests.fakes.emergency import GLASS, put_on_call
from tests.fakes.people import change, leaves, register
from tests.fakes.world import World, task_body
from tests.fakes.world_config import ISSUERS

Json = Mapping[str, Any]
HERS: Final[Json] = {"task": {"tenant": "acme", "agent": "invoice-bot", "on_behalf_of": "dana"}}
LENDS: Final[Json] = {
    "subject": {"type": "person", "id": "dana"},
    "action": {"name": "LendRight", "properties": {"scopes": ["orders:export"]}},
    "resource": {"type": "capability", "id": "orders-export"},
    "context": HERS,
}
OPENS: Final[Json] = {
    **LENDS,
    "action": {"name": "OpenTask"},
    "resource": {"type": "agent", "id": "invoice-bot"},
}


async def test_operators_ask_what_a_person_may(world: World) -> None:
    """Open a task, lend what she is entitled to; and no more once she may not."""
    await prepare(world)

    assert await says(world, OPERATOR, LENDS) == (True, "")
    assert await says(world, OPERATOR, OPENS) == (True, "")
    await change(world, UNENTITLED)
    assert await says(world, OPERATOR, LENDS) == (False, "no-permit")
    await leaves(world, DANA)
    for question in (LENDS, OPENS):
        assert (await says(world, OPERATOR, question))[0] is False


async def test_who_is_a_person_is_told_to_operators_of_her_tenant_only(world: World) -> None:
    """I16: to a resource server and to others she is as absent as nobody."""
    await prepare(world)
    nobody = {**LENDS, "subject": {"type": "person", "id": "nobody"}}

    for question in (LENDS, nobody, OPENS):
        assert await says(world, ORDERS, question) == (False, "not-found")
        assert await says(world, STOCK_OPERATOR, question) == (False, "not-found")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"context": {"task": {"tenant": "acme", "agent": "invoice-bot"}}}, "not-its-task"),
        (
            {"context": {"task": {**HERS["task"], "on_behalf_of": "erin"}}},
            "not-its-task",
        ),
        ({"action": {**LENDS["action"], "name": "RequestCredential"}}, "not-its-task"),
        ({"action": {**LENDS["action"], "name": "BreakGlass"}}, "not-its-task"),
        ({"subject": {"type": "person", "id": "erin"}}, "unregistered"),
        ({"subject": {"type": "agent", "id": "invoice-bot"}}, "not-its-task"),
    ],
    ids=["of nobody", "of another", "for herself", "in an emergency", "by nobody", "by an agent"],
)
async def test_what_could_not_come_up_is_denied(world: World, said: Json, reason: str) -> None:
    """A person lends on her own behalf, and nobody else does."""
    await prepare(world)

    assert await says(world, OPERATOR, {**LENDS, **said}) == (False, reason)


async def test_another_evidence_of_her_name_is_not_hers(world: World) -> None:
    """Where the facts say by which identities she is known."""
    known = [{"issuer": ISSUERS[0], "subject": "dana"}]
    await prepare(world)
    await register(world, DANA, identities=known)

    def by(issuer: str) -> Json:
        properties = {"issuer": issuer, "subject": "dana"}
        return {**LENDS, "subject": {**LENDS["subject"], "properties": properties}}

    assert await says(world, OPERATOR, by(ISSUERS[0])) == (True, "")
    assert await says(world, OPERATOR, by(ISSUERS[1])) == (False, "identity-not-allowed")


async def lent_at(world: World, at: int) -> str:
    """Have dana open a task, and the agent claim it, at a broker."""
    body = task_body(instance=..., ceiling=EXPORT)
    opened = await world.post(DANA, "/v1/tasks", body, at=at)
    assert opened.status == 201, opened.raw
    handle = {"handle": opened["claim_handle"]}
    claimed = await world.post(AGENT, f"/v1/tasks/{opened['id']}/claim", handle, at=at)
    assert claimed.status == 200, claimed.raw
    return str(opened["id"])


async def test_a_broker_asks_another_for_both_of_what_is_lent(world: World, tmp_path: Path) -> None:
    """The agent's half permits and hers does not: refused, as it is where Cedar decides."""
    await prepare(world)
    async with reachable(world) as url:
        await second(world, url, tmp_path)
        task = await lent_at(world, 1)
        issued = await world.issue(task, at=1, **EXPORT[0])
        shown = (await world.get(OPERATOR, f"/v1/credentials/{issued['id']}", at=1)).body
        await change(world, UNENTITLED)
        reason = await ended_by(world, issued["id"])
        refused = await world.ask(task, at=1, **EXPORT[0])
        seen = (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}", at=1)).body

    assert shown["decision"]["policies"] == [
        "agents-export",
        "people-lend-what-they-are-entitled-to",
    ]
    assert shown["decision"]["policy_version"].startswith("authzen:")
    assert reason == "no-longer-granted"
    assert (refused.status, seen["reason"]) == (403, "right-not-lent")
    assert (await ask(world, task)).status == 403


async def test_where_the_agent_may_not_her_right_does_not_help(
    world: World, tmp_path: Path
) -> None:
    """The other half."""
    await prepare(world)
    world.config.write("policies/50-world.cedar", "")
    await world.publish()
    async with reachable(world) as url:
        await second(world, url, tmp_path)
        task = await lent_at(world, 1)
        refused = await world.ask(task, at=1, **EXPORT[0])
        seen = (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}", at=1)).body

    assert (refused.status, seen["reason"]) == (403, "no-permit")


async def test_emergencies_are_not_to_be_had_from_another_broker(
    world: World, tmp_path: Path
) -> None:
    """It says no to what waits for people, and so nobody is asked for a yes."""
    await register(world, DANA, ERIN)
    await put_on_call(world, DANA, ERIN)
    async with reachable(world) as url:
        await second(world, url, tmp_path)
        task = await world.open(at=1, ceiling=EXPORT)
        body = {"task": task["id"], **EXPORT[0], "reason": "stuck", "incident": "INC-1"}
        refused = await world.post(DANA, GLASS, body, at=1)

    assert refused.status == 403
