"""Agents, as the API shows them."""

import pytest
from aiohttp import ClientSession

from broker.model.requests import AgentFilter
from tests.fakes.services import Stage
from tests.http.shown import OPERATOR, TASK_JSON, call

AGENT_JSON = {
    "name": "invoice-bot",
    "tenant": "acme",
    "owner": "finance@acme.example",
    "purpose": "reconciles invoices",
    "teams": ["finance"],
    "status": "active",
    "risk": "low",
    "quota": {"limit": 500, "in_use": 1},
    "source": "bundle",
    "hold": None,
    "review_by": "",
    "review_overdue": False,
    "ceiling": [],
}


async def test_the_list_is_asked_for_and_goes_on(client: ClientSession, stage: Stage) -> None:
    """Filters reach the verb, and the address of the next page keeps them."""
    path = "/v1/agents?tenant=acme&status=active&team=finance&name=inv*&limit=1"

    status, body, _ = await call(client, "GET", path, OPERATOR)

    assert (status, body["agents"]) == (200, [AGENT_JSON])
    [asked] = stage.calls
    assert asked.arguments == (AgentFilter("acme", "active", "finance", "inv*"), "", 1)
    status, _, _ = await call(client, "GET", body["next"], OPERATOR)
    assert status == 200
    which, cursor, limit = stage.calls[-1].arguments
    assert (which, cursor, limit) == (asked.arguments[0], "acme:invoice-bot", 1)


async def test_one_is_shown_with_what_is_live_of_it(client: ClientSession, stage: Stage) -> None:
    """Each member as it is documented."""
    status, body, _ = await call(client, "GET", "/v1/agents/invoice-bot", OPERATOR)

    assert status == 200
    assert stage.calls[0].arguments == ("invoice-bot",)
    assert body == AGENT_JSON | {
        "tasks": {
            "open": 1,
            "complete": False,
            "first": [TASK_JSON],
            "all": "/v1/tasks?tenant=acme&agent=invoice-bot&state=open",
        },
        "credentials": {
            "live": 1,
            "complete": True,
            "capabilities": {"orders-api": 1},
            "next_expiry": "2027-01-15T08:05:00.000Z",
            "last_issued_at": "2027-01-15T08:00:00.000Z",
        },
        "cuts": [],
    }


@pytest.mark.parametrize("name", ["-x", "a%00b", "a%20b", "a%E2%80%AEb", "a" * 129])
async def test_what_is_no_name_reaches_no_verb(
    client: ClientSession, stage: Stage, name: str
) -> None:
    """It is refused at the door, by the field."""
    async with client.get(f"/v1/agents/{name}", headers=OPERATOR) as answer:
        body = await answer.json()

    assert (answer.status, body["field"]) == (400, "agent")
    assert stage.calls == []
