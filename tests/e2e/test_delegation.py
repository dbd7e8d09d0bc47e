"""A person has an agent work for her: with what both may have, and no longer than both may."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from broker.client.token import read_claims
from broker.model.principal import Kind
from tests.e2e.test_reevaluation import ended_by
from tests.fakes.cast import (
    AGENT,
    DANA,
    ERIN,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    STOCK_PERSON,
    Who,
)
from tests.fakes.delegation import EXPORT, RIGHT, UNENTITLED, ask, claim, lent, open_own, prepare
from tests.fakes.people import change, leaves, register
from tests.fakes.world import World, task_body
from tests.fakes.world_config import ISSUERS

TASKS: Final = "/v1/tasks"


def claims(token: str) -> Any:
    """Read a token as a resource server's verifier does, without its signature."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


async def test_the_token_names_the_person_and_the_agent(world: World) -> None:
    """She is the subject, the agent acts; verifiers and introspection tell both."""
    await prepare(world)
    task = await lent(world)

    issued = await ask(world, task["id"])

    said = claims(issued["access_token"])
    token = read_claims(said)
    told = await world.introspect(issued["access_token"])
    assert (said["sub"], said["act"]) == ("person:dana", {"sub": "agent:invoice-bot"})
    assert (token.delegated_by, token.on_behalf_of) == ("person:dana", "dana")
    assert (told["sub"], told["act"]) == (said["sub"], said["act"])
    assert (task["delegated_by"], task["on_behalf_of"]) == ("person:dana", "dana")


async def test_whom_an_orchestrator_names_has_delegated_nothing(world: World) -> None:
    """The difference is seen in task, token and introspection; her right is not asked for."""
    await prepare(world)
    body = task_body(ceiling=EXPORT, on_behalf_of="dana")
    task = await world.post(ORCHESTRATOR, TASKS, body)

    issued = await ask(world, task["id"])

    assert (task["delegated_by"], task["on_behalf_of"]) == ("", "dana")
    token = read_claims(claims(issued["access_token"]))
    assert (token.subject, token.delegated_by) == ("user:dana", "")
    await change(world, UNENTITLED)
    assert (await ask(world, task["id"])).status == 201


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"on_behalf_of": "erin"}, "on_behalf_of"),
        ({"instance": "pod-1"}, "instance"),
        ({"parent": f"t_00_{'a' * 26}"}, "parent"),
    ],
)
async def test_a_person_opens_for_herself_only(
    world: World, said: dict[str, object], field: str
) -> None:
    """Nobody else's work, no part of another task, and for whoever shows the handle."""
    await prepare(world)
    await register(world, ERIN)

    refused = await open_own(world, **said)

    assert (refused.status, refused["field"]) == (400, field)


async def test_a_person_opens_nothing_in_another_tenant(world: World) -> None:
    """Where she is nobody; and where she is somebody but her evidence is held to another (I16)."""
    await prepare(world)
    elsewhere = {"tenant": "globex", "agent": "stock-bot", "ceiling": EXPORT}

    assert (await open_own(world, **elsewhere)).status == 403
    await register(world, replace(DANA, tenant="globex"), STOCK_PERSON)
    assert (await open_own(world, **elsewhere)).status == 403
    assert (await open_own(world, STOCK_PERSON)).status == 403


async def test_only_the_right_agent_claims_and_only_once(world: World) -> None:
    """With the handle that the person passed on: no guess, no second, no other agent."""
    await prepare(world)
    task = (await open_own(world)).body

    assert (await claim(world, task, handle="a" * 52)).status == 404
    assert (await claim(world, task, HELPER)).status == 404
    assert (await claim(world, task, DANA)).status == 404
    assert (await ask(world, task["id"])).status == 404
    assert (await claim(world, task)).status == 200
    assert (await claim(world, task, AGENT.at("pod-2"))).status == 404
    assert (await ask(world, task["id"], AGENT.at("pod-2"))).status == 404
    assert (await ask(world, task["id"], DANA)).status == 404
    assert (await ask(world, task["id"])).status == 201


async def test_a_person_held_between_opening_and_claiming_lends_nothing(world: World) -> None:
    """The handle still binds the agent; nothing is given until she stands again."""
    await prepare(world)
    task = (await open_own(world)).body
    await change(world, {"op": "hold", "ref": "person:dana"})

    assert (await claim(world, task)).status == 200
    refused = await ask(world, task["id"])
    assert refused.status == 403
    why = await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")
    assert why["reason"] == "person-gone"

    await change(world, {"op": "lift", "ref": "person:dana"})
    assert (await ask(world, task["id"])).status == 201


async def test_without_her_own_right_the_agent_gets_nothing(world: World) -> None:
    """And the explanation tells both answers."""
    await prepare(world)
    await change(world, UNENTITLED)
    task = await lent(world)

    refused = await ask(world, task["id"])

    assert refused.status == 403
    why = await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")
    assert why["reason"] == "right-not-lent"
    assert why["explanation"]["determining"] == ["agents-export"]
    assert why["explanation"]["lending"]["reason"] == "no-permit"


REASONS: Final[dict[str, tuple[dict[str, object], str]]] = {
    "her right is taken": (UNENTITLED, "right-not-lent"),
    "she is held": ({"op": "hold", "ref": "person:dana"}, "person-gone"),
    "what she has a right to is held": ({"op": "hold", "ref": "dataset:orders"}, "right-not-lent"),
    "she leaves": (
        {"op": "put", "thing": {"ref": "person:dana", "status": "gone"}},
        "person-gone",
    ),
    "she is another by her issuer": (
        {
            "op": "put",
            "thing": {
                "ref": "person:dana",
                "status": "active",
                "identities": [{"issuer": ISSUERS[0], "subject": "another"}],
            },
        },
        "person-gone",
    ),
    "the agent is held": ({"op": "hold", "ref": "agent:invoice-bot"}, "agent-held"),
}


@pytest.mark.parametrize("name", REASONS)
async def test_what_is_lent_ends_with_either_right(world: World, name: str) -> None:
    """Also what the agent has handed on: it is hers as well (I15); the report says why."""
    await prepare(world)
    task = await lent(world)
    issued = await ask(world, task["id"])
    child = await world.delegate(task["id"], ceiling=EXPORT)
    handed = await ask(world, child["id"], HELPER)
    assert claims(handed["access_token"])["sub"] == "person:dana"
    assert child["delegated_by"] == "person:dana"
    changed, reason = REASONS[name]

    await change(world, changed)

    for each in (issued, handed):
        assert await ended_by(world, each["id"]) == "no-longer-granted"
        assert not await world.is_active(each["access_token"])
    receipts = await world.receipts(OPERATOR, f"{TASKS}/{task['id']}/report")
    assert {each["why"]["reason"] for each in receipts} == {reason}


async def test_a_lapsed_right_ends_it_by_time_alone(world: World) -> None:
    """Nobody changes anything then."""
    await prepare(world)
    right = {**RIGHT, "expires_at": _in(world, 3)}
    await change(world, UNENTITLED)
    await change(world, {"op": "relate", "relationship": right})
    task = await lent(world)
    issued = await ask(world, task["id"])
    assert issued.status == 201

    assert await ended_by(world, issued["id"]) == "no-longer-granted"


def _in(world: World, seconds: int) -> str:
    return datetime.fromtimestamp(world.now() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_handing_on_in_the_name_of_somebody_gone_is_refused(world: World) -> None:
    """Though the agent itself is in order."""
    await prepare(world)
    task = await lent(world)
    await leaves(world, DANA)

    assert (await world.delegate(task["id"], ceiling=EXPORT)).status == 403
    extended = await world.post(AGENT, f"{TASKS}/{task['id']}/extend", {"ttl_seconds": 300})
    assert extended.status == 403


async def test_she_sees_and_ends_what_is_done_in_her_name(world: World) -> None:
    """The whole tree, and nobody else's; no other person, nor the same name by another issuer."""
    await prepare(world)
    await register(world, ERIN)
    task = await lent(world)
    child = await world.delegate(task["id"], ceiling=EXPORT)
    issued = await ask(world, child["id"], HELPER)
    named = await world.post(ORCHESTRATOR, TASKS, task_body(on_behalf_of="dana"))
    other = replace(DANA, issuer=ISSUERS[1])

    listed = {each["id"] for page in await world.pages(DANA, TASKS) for each in page["tasks"]}

    assert listed == {task["id"], child["id"]}
    assert (await world.get(DANA, f"{TASKS}/{named['id']}")).status == 404
    for stranger in (ERIN, other, Who(Kind.PERSON, "dana", "globex")):
        assert (await world.get(stranger, f"{TASKS}/{task['id']}")).status in (401, 404)
    assert (await world.get(DANA, f"/v1/credentials/{issued['id']}")).status == 200
    assert (await world.post(DANA, f"{TASKS}/{task['id']}/cancel", {})).status == 200
    assert not await world.is_active(issued["access_token"])


async def test_a_renewal_asks_both_again(world: World) -> None:
    """What she may not have any more is not renewed either."""
    await prepare(world)
    task = await lent(world)
    issued = await ask(world, task["id"], ttl_seconds=30)
    path = f"/v1/credentials/{issued['id']}/renew"

    renewed = await world.post(AGENT, path, {})

    assert renewed.status == 201
    assert claims(renewed["access_token"])["sub"] == "person:dana"


async def test_the_agent_never_needs_her_token(world: World) -> None:
    """It is nobody by it, and the broker tells it to nobody."""
    await prepare(world)
    token = world.remembered(DANA)
    task = await lent(world)
    await ask(world, task["id"])

    dump = str(world.dump())

    assert token not in dump
    assert token.rpartition(".")[2] not in dump


async def test_the_trail_says_who_lent(world: World) -> None:
    """Who opened it herself, as she was vouched for."""
    await prepare(world)
    task = await lent(world)
    file = world.config.settings().audit.file
    await world.until_logged(file, "task.opened")

    lines = [json.loads(line) for line in file.read_text().splitlines()]
    [opened] = [line for line in lines if line.get("task") == task["id"] and "lender" in line]
    assert opened["lender"]["by"]["name"] == "dana"
    assert opened["opener"] == "person:dana"
