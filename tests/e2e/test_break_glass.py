"""An emergency opens for two people, tells before, ends, and waits for somebody else."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.cast import AGENT, DANA, ERIN, FRANK, OPERATOR, STOCK_PERSON
from tests.fakes.emergency import GLASS, Emergency, emergency, put_on_call, take_off_call
from tests.fakes.people import change, leaves, register
from tests.fakes.until import until
from tests.fakes.world import PATIENCE_S, World


@pytest.fixture
async def here(world: World, tmp_path: Path) -> AsyncIterator[Emergency]:
    """People on call, and a task of an agent that policy gives nothing."""
    async with emergency(world, tmp_path) as here:
        yield here


async def test_the_whole_way(here: Emergency) -> None:
    """Policy says no, two people say yes, somebody is told, the agent works, a third one looks."""
    refused = await here.world.ask(here.task, capability="orders-export", scopes=["orders:export"])
    assert refused.status == 403

    asked = await here.asked()
    assert (asked["state"], asked["asked_of"], here.alarms) == ("requested", ["1 of oncall"], [])
    assert (await here.fetch(asked)).code == "break-glass-state"

    opened = (await here.confirm(asked)).body
    assert (opened["state"], opened["alarm"]) == ("open", ["oncall"])
    assert opened["voices"] == ["person:erin"]
    (alarm,) = here.alarms
    assert (alarm["incident"], alarm["opener"], alarm["digest"]) == (
        *("INC-1", "dana"),
        asked["digest"],
    )

    held = await here.fetch(opened)
    assert held.status == 201, held.raw
    assert held["break_glass"] == opened["id"]
    assert held["expires_at"] <= opened["ends_at"]
    assert await here.world.is_active(held["access_token"])
    again = await here.fetch(opened)
    assert again["access_token"] == held["access_token"], "the same one, and no second"

    renewed = await here.world.post(AGENT, f"/v1/credentials/{held['id']}/renew", {})
    assert renewed.code == "credential-not-renewable"


async def test_people_say_yes_to_what_it_is_for_as_well(here: Emergency) -> None:
    """Delivered with it; with another reach it is another thing, and asked for anew."""
    line = {"host": "orders.test", "methods": ["GET"], "paths": ["/export"]}
    here.world.config.edit_capability("orders-export", reach=[line])
    await here.world.publish()
    opened = await here.opened()

    held = await here.fetch(opened)
    here.world.config.edit_capability("orders-export", reach=[{**line, "paths": ["/**"]}])
    await here.world.publish()

    assert held["reach"] == [line]
    assert (await here.fetch(opened)).code == "break-glass-state"


async def test_somebody_else_answers_for_it_when_it_is_over(here: Emergency) -> None:
    """Nobody of those who brought it about; and everything was told."""
    opened = await here.opened()
    held = (await here.fetch(opened)).body
    assert (await here.review(opened)).code == "break-glass-state", "it is still open"
    assert (await here.end(opened)).status == 200
    assert not await here.world.is_active(held["access_token"])
    assert (await here.fetch(opened)).code == "break-glass-state"

    owed = await here.world.get(OPERATOR, f"{GLASS}?only=unreviewed")
    assert [each["id"] for each in owed["break_glass"]] == [opened["id"]]
    assert (await here.review(opened, DANA)).status == 403
    assert (await here.review(opened, ERIN)).status == 403
    answered = await here.review(opened)
    assert answered["review"]["reviewed_by"] == "person:frank"
    assert (await here.world.get(OPERATOR, f"{GLASS}?only=unreviewed"))["break_glass"] == []
    await until(lambda: "breakglass.reviewed" in here.oncall.types)
    told = [each for each in here.oncall.types if each != "breakglass.alarm"]
    assert told == [
        f"breakglass.{word}"
        for word in ("requested", "confirmed", "opened", "used", "ended", "reviewed")
    ]


async def test_nobody_agrees_to_what_is_her_own_or_without_being_on_call(here: Emergency) -> None:
    """The same person twice, somebody who is not on call, an operator, another tenant's."""
    asked = await here.asked()
    await register(here.world, STOCK_PERSON)

    assert (await here.confirm(asked, DANA)).status == 403
    assert (await here.confirm(asked, FRANK)).status == 403
    assert (await here.confirm(asked, OPERATOR)).status == 403
    assert (await here.confirm(asked, STOCK_PERSON)).status == 404
    assert (await here.confirm(asked, AGENT)).status == 403
    assert (await here.show(asked))["state"] == "requested"
    assert here.alarms == []


async def test_who_lost_the_role_in_between_agrees_to_nothing(here: Emergency) -> None:
    """Nor does what a person who has left once asked for open."""
    asked, other = await here.asked(), await here.asked(incident="INC-2")
    await take_off_call(here.world, ERIN)
    assert (await here.confirm(asked)).status == 403

    await put_on_call(here.world, FRANK)
    await leaves(here.world, DANA)
    assert (await here.confirm(other, FRANK)).status == 403
    assert here.alarms == []


async def test_a_request_is_agreed_to_byte_for_byte(here: Emergency) -> None:
    """Another digest, other policies or another capability than were asked about are refused."""
    asked = await here.asked()
    wrong = ("0" if asked["digest"][0] != "0" else "1") + asked["digest"][1:]
    assert (await here.confirm(asked, digest=wrong)).code == "break-glass-state"

    here.world.config.edit_capability("orders-export", data_class="restricted")
    await here.world.publish()
    assert (await here.confirm(asked)).code == "break-glass-state"
    assert here.alarms == []


async def test_a_repeat_under_a_key_is_the_same_request_and_another_body_is_none(
    here: Emergency,
) -> None:
    """One emergency, however often it is asked for."""
    first, again = await here.ask(key="once"), await here.ask(key="once")
    other = await here.ask(key="once", reason="another one")

    assert (first["id"], again["id"]) == (first["id"], first["id"])
    assert other.status == 422


async def test_what_was_answered_twice_opened_once(here: Emergency) -> None:
    """A stale page agrees to what is open already: nothing happens a second time."""
    asked = await here.asked()
    first, again = await here.confirm(asked), await here.confirm(asked)

    assert (first["state"], again.code) == ("open", "break-glass-state")
    assert len({each.id for each in here.oncall.messages if each.type == "breakglass.alarm"}) == 1


async def test_what_is_not_declared_for_emergencies_is_not_had(here: Emergency) -> None:
    """Another capability, another scope, a longer life, a wider ceiling."""
    for wrong in (
        {"capability": "orders-api", "scopes": ["orders:read"]},
        {"scopes": ["orders:write"]},
        {"ttl_seconds": 601},
        {"ttl_seconds": 3601},
        {"capability": "no-such"},
    ):
        assert (await here.ask(**wrong)).status == 400, wrong
    narrow = await here.world.open()
    assert (await here.ask(task=narrow["id"])).status == 400
    assert (await here.ask(incident="a b")).status == 400
    assert (await here.ask(reason="x\u202ey")).status == 400


async def test_who_is_not_on_call_asks_for_nothing(here: Emergency) -> None:
    """Policy decides who may; agents, operators and orchestrators never."""
    assert (await here.ask(FRANK)).status == 403
    assert (await here.ask(AGENT)).status == 403
    assert (await here.ask(OPERATOR)).status == 403


async def test_the_brokers_own_no_is_not_overridden(here: Emergency) -> None:
    """An agent that is held gets nothing, before and after it was opened."""
    opened = await here.opened()
    held = (await here.fetch(opened)).body
    await change(here.world, {"op": "hold", "ref": f"agent:{AGENT.name}"})
    async with asyncio.timeout(PATIENCE_S):
        while await here.world.is_told_alive(held["access_token"]):  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.05)

    assert (await here.ask()).status == 403
    assert (await here.fetch(opened)).status in (401, 403)


async def test_policy_does_not_end_what_it_had_refused_anyway(here: Emergency) -> None:
    """Deciding again leaves an emergency's credential to its own end."""
    held = (await here.fetch(await here.opened())).body
    here.world.config.edit_agent("invoice-bot", risk="high")
    await here.world.publish()
    await here.world.settle()

    assert await here.world.is_told_alive(held["access_token"])


async def test_the_tasks_end_ends_it_too(here: Emergency) -> None:
    """As any other credential."""
    opened = await here.opened()
    held = (await here.fetch(opened)).body
    await here.world.end(here.task)

    assert not await here.world.is_active(held["access_token"])
    assert (await here.fetch(opened)).status == 410
    assert (await here.ask()).status == 409


async def test_only_the_tasks_own_instance_fetches(here: Emergency) -> None:
    """Another instance, another agent, and people see nothing to fetch."""
    opened = await here.opened()

    for who in (replace(AGENT, instance="pod-2"), replace(AGENT, name="helper-bot"), DANA):
        assert (await here.fetch(opened, who)).status == 404


async def test_it_is_told_everywhere_while_it_is_open(here: Emergency) -> None:
    """In readiness, and with every credential that it gave."""
    opened = await here.opened()
    held = (await here.fetch(opened)).body
    status, said = await here.world.until_told("break-glass")

    assert status == 200
    assert opened["id"] in said
    listed = await here.world.get(AGENT, f"/v1/tasks/{here.task}/credentials")
    assert [each["break_glass"] for each in listed["credentials"]] == [opened["id"]]
    assert (await here.world.get(AGENT, f"/v1/credentials/{held['id']}"))["break_glass"]
    picked = await here.world.post(OPERATOR, "/v1/selections", {"task": here.task})
    page = await here.world.get(OPERATOR, f"/v1/selections/{picked['digest']}/credentials")
    assert [each["break_glass"] for each in page["credentials"]] == [opened["id"]]
