"""`/v1/revisions`, `/v1/keys`, `/v1/shadow`: what is published, for operators of all only."""

import pytest

from broker.store.shadow_ledger import Difference
from tests.fakes.cast import (
    AGENT,
    BOTH_OPERATOR,
    OPERATOR,
    ORCHESTRATOR,
    ORDERS,
    ROOT_OPERATOR,
    Who,
)
from tests.fakes.world import OPERATOR_AT_WORK, World

PATHS = ["/v1/revisions", "/v1/revisions/1", "/v1/revisions/99", "/v1/keys", "/v1/shadow"]


async def test_revisions_are_listed_newest_first(world: World) -> None:
    """With who, when and why; no bundle in the list."""
    world.config.edit_agent("invoice-bot", purpose="something newer")
    await world.publish()

    shown = await world.get(ROOT_OPERATOR, "/v1/revisions")

    assert [each["revision"] for each in shown["revisions"]] == [2, 1]
    assert {each["published_by"] for each in shown["revisions"]} == {OPERATOR_AT_WORK}
    assert shown["next"] is None
    assert all("bundle" not in each for each in shown["revisions"])


async def test_one_revision_says_everything(world: World) -> None:
    """Who is registered, what can be asked for, the policies' text."""
    shown = await world.get(ROOT_OPERATOR, "/v1/revisions/1")

    assert {agent["name"] for agent in shown["bundle"]["agents"]} >= {"invoice-bot"}
    assert any("permit" in policy["text"] for policy in shown["bundle"]["policies"])


async def test_the_keys_say_who_serves_what(worlds: World) -> None:
    """Every broker by name, its manifest and what it could sign by; no private half anywhere."""
    await worlds.rotate()
    for each in worlds.running:
        await each.broker.look()

    shown = await worlds.get(ROOT_OPERATOR, "/v1/keys")

    assert [key["state"] for key in shown["keys"]] == ["active", "next"]
    assert [each["manifest"] for each in shown["brokers"]] == [2, 2]
    kids = {key["kid"] for key in shown["keys"]}
    assert all(set(each["can_sign"]) == kids for each in shown["brokers"])
    assert b'"d"' not in shown.raw


async def test_a_candidate_s_report_is_the_command_s(world: World) -> None:
    """Absent before there ever was one; counted and named afterwards, most frequent first."""
    assert (await world.get(ROOT_OPERATOR, "/v1/shadow")).status == 404
    async with world.installation() as found:
        shadow = found.ledger.shadow
        await shadow.start("c-1", "d" * 64, "no bundle", by="operator:alice", reason="OPS-17")
        rare = Difference("now-granted", "report-bot", "orders-api")
        often = Difference("now-refused", "invoice-bot", "orders-api")
        await shadow.note("c-1", {"same": 4, "now-refused": 3}, {rare: 1, often: 3})
        await shadow.stop()

    shown = await world.get(ROOT_OPERATOR, "/v1/shadow")

    assert (shown["is_running"], shown["by"], shown["reason"]) == (
        False,
        "operator:alice",
        "OPS-17",
    )
    assert shown["outcomes"]["same"] == 4
    assert shown["outcomes"]["missed"] == 0
    assert [(each["agent"], each["count"]) for each in shown["differences"]] == [
        ("invoice-bot", 3),
        ("report-bot", 1),
    ]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("who", [AGENT, ORCHESTRATOR, OPERATOR, BOTH_OPERATOR, ORDERS])
async def test_nobody_else_is_shown_anything(world: World, path: str, who: Who) -> None:
    """A revision names every tenant: whoever answers for some is refused, kept or not (I16)."""
    assert (await world.get(who, path)).status == 403
    assert (await world.get(None, path)).status == 401


@pytest.mark.parametrize("number", ["0", "01", "-1", "1.0", "x", "9" * 10])
async def test_what_is_no_number_is_no_revision(world: World, number: str) -> None:
    """The member is named."""
    answer = await world.get(ROOT_OPERATOR, f"/v1/revisions/{number}")

    assert (answer.status, answer["field"]) == (400, "revision")


async def test_what_is_not_kept_is_not_found(world: World) -> None:
    """Never published."""
    assert (await world.get(ROOT_OPERATOR, "/v1/revisions/99")).status == 404
