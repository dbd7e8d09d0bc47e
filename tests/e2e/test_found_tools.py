"""A tool that an agent finds while it is at work: decided when it asks, by what is registered.

What the agent says of it is its own word. So it can lose by it, and never gains what it would not
be granted without.
"""

from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.test_reevaluation import ended_by
from tests.fakes.cast import AGENT, OPERATOR, ORDERS, STOCK_OPERATOR
from tests.fakes.world import Answer, World

ORIGIN: Final = "https://mcp.example/search"
DIGEST: Final = "sha256:" + "0a" * 32
CLAIM: Final = {"name": "search", "origin": ORIGIN}


async def register(world: World, **said: object) -> Answer:
    """Put the tool, or change it."""
    thing = {"ref": "tool:search", "status": "active", "origin": ORIGIN, **said}
    body: dict[str, Any] = {
        "reason": "a test says so",
        "changes": [{"op": "put", "tenant": "acme", "thing": thing}],
    }
    return await world.post(OPERATOR, "/v1/facts/changes", body)


def forget_tools(folder: Path) -> None:
    """Make the schema, and the policies, those of a time before tools."""
    schema, limits = folder / "schema.cedarschema", folder / "policies" / "90-limits.cedar"
    before, _, after = schema.read_text().partition("  tool?: {")
    schema.write_text(before + after.partition("\n  },")[2])
    limits.write_text(limits.read_text().partition('@id("found-tools-get-nothing")')[0])


async def why(world: World, refused: Answer) -> Any:
    """Look up a refusal, as an operator."""
    return (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")).body


async def test_a_registered_tool_from_its_own_place_gets_what_the_agent_may(world: World) -> None:
    """And what was said of it is on record, for operators."""
    assert (await register(world)).status == 200
    task = await world.open()

    issued = await world.issue(task["id"], tool={**CLAIM, "digest": DIGEST})

    shown = await world.get(OPERATOR, f"/v1/credentials/{issued['id']}/explanation")
    assert shown["request"]["tool"] == {**CLAIM, "digest": DIGEST}
    assert shown["granted_now"]


@pytest.mark.parametrize(
    "claim",
    [
        {"name": "search"},
        {"name": "search", "origin": "https://mcp.example/search/"},
        {"name": "search", "origin": "https://mcp.example.evil.example/search"},
        {"name": "Search", "origin": ORIGIN},
        {"name": "another", "origin": ORIGIN},
        {"name": "search", "origin": "pkg:npm/search@1.0.0"},
    ],
    ids=["no origin", "a slash more", "another host", "other case", "another name", "a package"],
)
async def test_a_tool_from_elsewhere_gets_nothing(world: World, claim: dict[str, str]) -> None:
    """The same without a tool is granted: the refusal is about it, and is explained."""
    await register(world)
    task = await world.open()

    refused = await world.ask(task["id"], tool=claim)
    seen = await why(world, refused)

    assert (refused.status, refused.code) == (403, "access-denied")
    assert seen["trace"]["policies"] == ["found-tools-get-nothing"]
    assert seen["request"]["tool"] == claim
    assert (await world.ask(task["id"])).status == 201


async def test_another_tenants_tool_is_not_registered_here(world: World) -> None:
    """Names of tools are each tenant's own (I16)."""
    body = {
        "reason": "a test says so",
        "changes": [
            {
                "op": "put",
                "tenant": "globex",
                "thing": {"ref": "tool:search", "status": "active", "origin": ORIGIN},
            }
        ],
    }
    assert (await world.post(STOCK_OPERATOR, "/v1/facts/changes", body)).status == 200
    task = await world.open()

    assert (await world.ask(task["id"], tool=CLAIM)).status == 403


async def test_saying_a_tool_gains_nothing(world: World) -> None:
    """What is refused without one is refused with the best of them."""
    await register(world)
    write = [{"capability": "orders-api", "scopes": ["orders:write"]}]
    task = await world.open(ceiling=write)

    without = await world.ask(task["id"], scopes=["orders:write"])
    with_it = await world.ask(task["id"], scopes=["orders:write"], tool=CLAIM)

    assert (without.status, with_it.status) == (403, 403)


@pytest.mark.parametrize(
    "change", [{"status": "retired"}, {"origin": "https://mcp.example/other"}], ids=str
)
async def test_a_tool_that_is_registered_otherwise_ends_what_was_granted_by_it(
    world: World, change: dict[str, str]
) -> None:
    """Retired, or moved: the live credential is decided again, and what has no tool lives on."""
    await register(world)
    task = await world.open()
    by_tool = await world.issue(task["id"], tool=CLAIM)
    without = await world.issue(task["id"])

    assert (await register(world, **change)).status == 200

    assert await ended_by(world, by_tool["id"]) == "no-longer-granted"
    assert await world.is_active(without["access_token"])


async def test_a_renewal_does_not_forget_the_tool(world: World) -> None:
    """It is asked again by the tool that the credential was granted for."""
    await register(world)
    task = await world.open()
    issued = await world.issue(task["id"], tool=CLAIM, ttl_seconds=60)

    renewed = await world.post(AGENT, f"/v1/credentials/{issued['id']}/renew", {"ttl_seconds": 120})
    shown = await world.get(OPERATOR, f"/v1/credentials/{issued['id']}/explanation")

    assert renewed.status == 201
    assert (shown["request"]["action"], shown["request"]["tool"]) == ("RenewCredential", CLAIM)


async def test_another_tool_under_the_same_key_is_another_request(world: World) -> None:
    """An idempotency key stands for what was asked, the tool included (I10)."""
    await register(world)
    task = await world.open()

    first = await world.ask(task["id"], tool=CLAIM, key="k-1")
    again = await world.ask(task["id"], tool=CLAIM, key="k-1")
    other = await world.ask(task["id"], key="k-1")

    assert (first.status, again.status, other.status) == (201, 201, 422)


@pytest.mark.parametrize(
    ("tool", "field"),
    [
        ({"name": "search", "origin": "https://mcp.example@evil.example/"}, "tool.origin"),
        ({"name": "search", "origin": "https://mcp.example./"}, "tool.origin"),
        ({"name": "search", "origin": "https://m\u0441p.example/"}, "tool.origin"),
        ({"name": "search", "origin": "https://mcp.example/" + "a" * 10_000}, "tool.origin"),
        ({"name": "search", "origin": "javascript:alert(1)"}, "tool.origin"),
        ({"name": "se\u0430rch"}, "tool.name"),
        ({"name": "search\u202e"}, "tool.name"),
        ({"name": "<b>search</b>"}, "tool.name"),
        ({"name": ""}, "tool.name"),
        ({"origin": ORIGIN}, "tool.name"),
        ({"name": "search", "digest": "sha256:x"}, "tool.digest"),
        ({"name": "search", "trusted": True}, "tool.trusted"),
        ("search", "tool"),
    ],
)
async def test_what_is_no_tool_is_refused_at_the_door(
    world: World, tool: object, field: str
) -> None:
    """Before anybody looks at it, and without a word of it in the answer."""
    task = await world.open()

    refused = await world.ask(task["id"], tool=tool)

    assert (refused.status, refused.code, refused["field"]) == (400, "invalid-request", field)
    assert "evil" not in refused.raw.decode()


async def test_a_schema_that_knows_no_tools_refuses_who_speaks_of_one(world: World) -> None:
    """Policies could not see it: unsure means no (I5). Without a tool nothing changes."""
    forget_tools(world.config.folder)
    await world.publish()
    task = await world.open()

    assert (await world.ask(task["id"], tool=CLAIM)).status == 403
    assert (await world.ask(task["id"])).status == 201


async def test_a_gateway_asks_about_a_tool_before_it_is_used(world: World) -> None:
    """AuthZEN: the same claim in the context gets the same answer."""
    await register(world)

    def question(tool: object) -> dict[str, object]:
        return {
            "subject": {"type": "agent", "id": "invoice-bot"},
            "action": {"name": "RequestCredential", "properties": {"scopes": ["orders:read"]}},
            "resource": {"type": "capability", "id": "orders-api"},
            "context": {"task": {"tenant": "acme"}, "tool": tool},
        }

    async def answer(tool: object) -> Answer:
        return await world.post(ORDERS, "/access/v1/evaluation", question(tool))

    assert (await answer(CLAIM))["decision"] is True
    assert (await answer({"name": "search"}))["decision"] is False
    assert (await answer({"name": "search", "origin": "https://u@mcp.example/"})).status == 400
