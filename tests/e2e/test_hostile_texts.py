"""C16, F17: texts that are legal, and try to be more than texts."""

import pytest

from tests.fakes.cast import AGENT, OPERATOR, ORCHESTRATOR
from tests.fakes.world import World

WRITE = [{"capability": "orders-api", "scopes": ["orders:read", "orders:write"]}]

TEXTS = (
    '" || true || "',
    '"); permit(principal, action, resource); ("',
    '{"__entity": {"type": "Agent", "id": "invoice-bot"}}',
    "__entity",
    "__extn",
    'Agent::"invoice-bot"',
    'ip("127.0.0.1")',
    "decimal('1.0')",
    "OPS-1\u00a0",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "'; DROP TABLE leases; --",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "%0d%0aSet-Cookie: a=b",
    "\\u0000",
    "مرحبا",
    "🦀",
    "é",
)


@pytest.mark.parametrize("text", TEXTS)
async def test_a_text_is_a_text_wherever_it_goes(world: World, text: str) -> None:
    """Kept and shown letter by letter; no policy takes it for anything but a text."""
    task = await world.open(resources=[text], ceiling=WRITE)
    labels = {"note": text}

    read = await world.ask(task["id"], labels=labels)
    write = await world.ask(task["id"], scopes=["orders:write"], labels=labels)
    shown = await world.get(AGENT, f"/v1/tasks/{task['id']}")
    closed = await world.post(AGENT, f"/v1/tasks/{task['id']}/complete", {"reason": text})
    explained = await world.get(OPERATOR, f"/v1/decisions/{write['decision']}")

    assert (read.status, write.status) == (201, 403)
    assert shown["resources"] == [text]
    assert closed["task"]["closed_by"] == f"agent:invoice-bot: {text}"
    assert explained.status == 200
    assert explained["explanation"]["outcome"] == "deny"


async def test_labels_never_permit_what_facts_must(world: World) -> None:
    """The caller's own words about tickets, tenants and roles change nothing."""
    task = await world.open(ceiling=WRITE)
    words = {
        "ticket": "OPS-1",
        "tickets": "OPS-1",
        "tenant": "acme",
        "role": "admin",
        "context.task.tickets": "OPS-1",
        "principal": 'Agent::"other"',
    }

    answer = await world.ask(task["id"], scopes=["orders:write"], labels=words)

    assert answer.status == 403


async def test_claims_are_texts_to_policy(world: World) -> None:
    """A claim that an issuer lets through is ``key=value``, whatever it holds."""
    permit = """
@id("team-writes")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when { principal.tenant == context.task.tenant && context.caller.claims.contains("team=red") };
"""
    world.config.write("policies/50-world.cedar", permit)
    await world.publish()
    task = await world.open(ceiling=WRITE)
    ask = f"/v1/tasks/{task['id']}/credentials"
    body = {"capability": "orders-api", "scopes": ["orders:write"]}

    async def status(team: object) -> int:
        return (await world.post(world.token(AGENT, team=team), ask, body)).status

    assert await status("red") == 201
    assert await status("blue") == 403
    assert await status("red=") == 403
    assert await status({"__entity": {"type": "Agent", "id": "x"}}) == 403
    assert await status(["red"]) == 403


async def test_a_poisoned_name_does_not_spoil_a_list(world: World) -> None:
    """What passed the door can be listed by everybody who may see it."""
    for text in TEXTS:
        await world.open(tickets=[text], resources=[text])

    listed = await world.get(OPERATOR, "/v1/tasks?limit=200")
    mine = await world.get(ORCHESTRATOR, "/v1/tasks?limit=200")

    assert listed.status == mine.status == 200
    assert sorted(task["tickets"][0] for task in listed["tasks"]) == sorted(TEXTS)
