"""Signals from outside: signed, fresh, once, and never more than their source may bring about."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from broker.behaviour.rules import Action
from broker.settings.signals import Signals, SignalSource
from tests.fakes import delegation
from tests.fakes.cast import AGENT, HELPER, OPERATOR, STOCK_AGENT, STOCK_ORCHESTRATOR
from tests.fakes.issuer import Signer
from tests.fakes.people import change
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import Answer, World, open_world
from tests.fakes.world_config import Template

SOC, EDR = "https://soc.example", "https://edr.example"
EVENT = "https://schemas.openid.net/secevent/risc/event-type/credential-compromise"
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def key_set(key: ec.EllipticCurvePrivateKey) -> str:
    """Write a source's public keys."""
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    return json.dumps({"keys": [jwk | {"kid": "s1", "alg": "ES256", "use": "sig"}]})


@pytest.fixture
async def world(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path
) -> AsyncIterator[World]:
    """Two brokers that know two sources: one may suspend in acme, one only note."""
    file = tmp_path / "soc.json"
    file.write_text(key_set(KEY))
    soc = SignalSource(
        name="soc", issuer=SOC, keys_file=file, tenants=("acme",), may=Action.SUSPEND
    )
    edr = SignalSource(name="edr", issuer=EDR, keys_file=file, tenants=("acme", "globex"))
    async with open_world(single, template, signer, tmp_path, brokers=0) as world:
        for _ in range(2):
            await world.start(signals=Signals(sources=(soc, edr)))
        yield world


def signed(world: World, subject: str, **changes: Any) -> str:
    """Sign a signal; a claim changed to ``...`` is left out."""
    key, header = changes.pop("key", KEY), changes.pop("header", {})
    event = changes.pop("event", {"severity": "medium"})
    claims = {
        "iss": SOC,
        "aud": world.config.settings().issuer,
        "iat": world.now(),
        "jti": changes.pop("jti", f"j-{id(event)}-{subject}"),
        "sub_id": {"format": "opaque", "id": subject},
        "events": {EVENT: event},
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not ...}
    headers = {"kid": "s1", "typ": "secevent+jwt", **header}
    return jwt.encode(claims, key, algorithm="ES256", headers=headers)


async def send(world: World, signal: str, *, at: int = 0) -> Answer:
    """Send it."""
    return await world.post(None, "/v1/signals", {"signal": signal}, at=at)


async def test_a_signal_about_a_task_freezes_that_task_alone(world: World) -> None:
    """It is found among the findings, with who said it."""
    task, other = await world.open(), await world.open()
    issued, kept = await world.issue(task["id"]), await world.issue(other["id"])

    taken = await send(world, signed(world, f"task:{task['id']}"))

    assert taken.status == 202
    assert not await world.is_active(issued["access_token"])
    assert await world.is_active(kept["access_token"])
    found = await world.get(OPERATOR, f"/v1/findings/{taken['finding']}")
    assert (found["detector"], found["what"]) == ("signal", f"soc: task:{task['id']}")
    assert found["did"] == [f"froze {task['id']}"]


async def test_a_signal_about_an_agent_stops_all_that_it_does(world: World) -> None:
    """Medium freezes its tasks; high holds it, too, and another agent's task goes on."""
    tasks = [await world.open(), await world.open()]
    child = (await world.delegate(tasks[0]["id"])).body
    await world.issue(child["id"], HELPER)

    medium = await send(world, signed(world, "agent:helper-bot", jti="m"))
    assert medium.status == 202
    assert (await world.ask(child["id"], HELPER)).code == "task-frozen"
    assert (await world.ask(tasks[0]["id"])).status == 201
    high = await send(world, signed(world, "agent:invoice-bot", event={"severity": "high"}))

    assert high.status == 202
    found = await world.get(OPERATOR, f"/v1/findings/{high['finding']}")
    assert found["did"] == ["froze 2 tasks", "held the agent"]
    await world.post(OPERATOR, f"/v1/tasks/{tasks[1]['id']}/thaw", {"reason": "x"})
    assert (await world.ask(tasks[1]["id"])).status in (401, 403)


async def test_a_signal_about_a_person_stops_all_that_is_done_for_her(world: World) -> None:
    """What she lent and what others say is hers, children included; nobody else's."""
    await delegation.prepare(world)
    own = await delegation.lent(world)
    child = (await world.delegate(own["id"], ceiling=delegation.EXPORT)).body
    named = await world.open(on_behalf_of="dana")
    other, erins = await world.open(), await world.open(on_behalf_of="erin")
    held = (await delegation.ask(world, own["id"])).body
    given, kept = await world.issue(named["id"]), await world.issue(erins["id"])

    taken = await send(world, signed(world, "person:dana"))

    assert taken.status == 202
    found = await world.get(OPERATOR, f"/v1/findings/{taken['finding']}")
    assert (found["what"], found["agent"]) == ("soc: person:dana", "")
    assert found["did"] == ["froze 3 tasks"]
    for task in (own, child, named):
        assert (await world.get(OPERATOR, f"/v1/tasks/{task['id']}"))["frozen"], task["name"]
    for task in (other, erins):
        assert not (await world.get(OPERATOR, f"/v1/tasks/{task['id']}"))["frozen"]
    assert not await world.is_active(held["access_token"])
    assert not await world.is_active(given["access_token"])
    assert await world.is_active(kept["access_token"])
    again = await world.post(OPERATOR, f"/v1/tasks/{own['id']}/thaw", {"reason": "it was she"})
    assert again.status == 200
    assert (await delegation.ask(world, own["id"])).status == 201, "she herself is not held"


async def test_a_severe_signal_about_a_person_holds_her_until_an_operator_lets_go(
    world: World,
) -> None:
    """She opens and lends nothing any more, thawed or not; agents go on for others."""
    await delegation.prepare(world)
    own = await delegation.lent(world)

    taken = await send(world, signed(world, "person:dana", event={"severity": "high"}))

    found = await world.get(OPERATOR, f"/v1/findings/{taken['finding']}")
    assert found["did"] == ["froze 1 tasks", "held the person"]
    await world.post(OPERATOR, f"/v1/tasks/{own['id']}/thaw", {"reason": "x"})
    assert (await delegation.ask(world, own["id"])).status in (403, 409)
    assert (await delegation.open_own(world)).status in (401, 403)
    assert (await world.ask((await world.open())["id"])).status == 201

    await change(world, {"op": "lift", "ref": "person:dana"})
    assert (await delegation.open_own(world)).status == 201


async def test_a_signal_counts_once_at_whatever_broker(world: World) -> None:
    """A repeat is refused, and a thawed task stays thawed."""
    task = await world.open()
    signal = signed(world, f"task:{task['id']}")

    answers = await asyncio.gather(*(send(world, signal, at=n % 2) for n in range(6)))
    await world.post(OPERATOR, f"/v1/tasks/{task['id']}/thaw", {"reason": "was meant"})
    again = await send(world, signal)

    assert sorted(answer.status for answer in answers) == [202, *[403] * 5]
    assert (again.status, again.code) == (403, "evidence-used")
    assert (await world.get(OPERATOR, f"/v1/tasks/{task['id']}"))["state"] == "open"


async def test_a_source_brings_about_no_more_than_it_may(world: World) -> None:
    """However severe it calls it."""
    task = await world.open()
    event = {"severity": "high", "tenant": "acme"}

    taken = await send(world, signed(world, f"task:{task['id']}", iss=EDR, event=event))

    assert taken.status == 202
    assert (await world.get(OPERATOR, f"/v1/tasks/{task['id']}"))["state"] == "open"
    found = await world.get(OPERATOR, f"/v1/findings/{taken['finding']}")
    assert (found["action"], found["did"]) == ("note", [])


async def test_no_signal_reaches_another_tenant(world: World) -> None:
    """Neither by naming the tenant, nor by a task of it; absent and foreign look the same."""
    foreign = await world.open(
        STOCK_ORCHESTRATOR,
        tenant="globex",
        agent=STOCK_AGENT.name,
    )

    by_task = await send(world, signed(world, f"task:{foreign['id']}"))
    absent = await send(world, signed(world, f"task:t_00_{'a' * 26}"))
    by_name = await send(world, signed(world, "agent:a", event={"tenant": "globex"}))

    assert (by_task.status, by_task.raw) == (404, absent.raw)
    assert (by_name.status, by_name["field"]) == (400, "tenant")


@pytest.mark.parametrize(
    "changes",
    [
        {"key": OTHER},
        {"iss": "https://nobody.example"},
        {"iss": ...},
        {"aud": "https://other.example"},
        {"aud": ...},
        {"iat": 1_700_000_000},
        {"iat": "now"},
        {"iat": ...},
        {"header": {"typ": "at+jwt"}},
        {"header": {"typ": "JWT"}},
        {"header": {"kid": "s2"}},
        {"header": {"jku": "https://evil.example"}},
    ],
)
async def test_what_nobody_vouches_for_is_refused(world: World, changes: dict[str, Any]) -> None:
    """All of it alike, and nothing comes of it."""
    task = await world.open()

    refused = await send(world, signed(world, f"task:{task['id']}", **changes))
    nonsense = await send(world, "e30.e30.e30")

    assert (refused.status, refused.raw) == (401, nonsense.raw)
    assert (await world.get(OPERATOR, f"/v1/tasks/{task['id']}"))["state"] == "open"
    assert (await world.get(OPERATOR, "/v1/findings"))["findings"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"events": {}},
        {"events": {EVENT: {}, "urn:b": {}}},
        {"events": {EVENT: {"severity": "extreme"}}},
        {"events": ...},
        {"jti": ""},
        {"jti": "x" * 200},
        {"sub_id": {"format": "email", "id": "agent:a"}},
        {"sub_id": {"format": "opaque", "id": "tenant:acme"}},
        {"sub_id": {"format": "opaque", "id": "agent:a\u202eb"}},
        {"sub_id": {"format": "opaque", "id": "task:x"}},
        {"sub_id": ...},
    ],
)
async def test_what_a_source_says_has_to_be_understood(
    world: World, changes: dict[str, Any]
) -> None:
    """Half a signal is none."""
    answer = await send(world, signed(world, "agent:invoice-bot", **changes))

    assert answer.status == 400, answer.raw
    assert (await world.get(OPERATOR, "/v1/findings"))["findings"] == []


async def test_a_broker_token_is_no_signal(world: World) -> None:
    """Nor is a workload token: each is for one thing."""
    task = await world.open()
    issued = await world.issue(task["id"])

    for token in (issued["access_token"], world.token(AGENT)):
        assert (await send(world, token)).status == 401
