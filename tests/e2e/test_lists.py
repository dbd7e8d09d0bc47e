"""Lists are narrowed by the ledger's own words, and a poll waits for the ledger's own news."""

import asyncio

import pytest

from tests.fakes.cast import AGENT, OPERATOR, ORCHESTRATOR, REPORTER, STOCK_OPERATOR, Who
from tests.fakes.world import World

REPORT = [{"capability": "reports-read", "scopes": ["reports:read"]}]


async def names(world: World, who: Who, query: str) -> set[str]:
    """List the names of tasks, through all pages."""
    pages = await world.pages(who, f"/v1/tasks?{query}&limit=1")
    return {task["name"] for page in pages for task in page["tasks"]}


async def test_tasks_are_found_by_what_they_are(world: World) -> None:
    """Each filter alone and all together; another tenant's operator finds nothing by any."""
    first = await world.open(name="nightly-1")
    await world.open(name="nightly-2", agent="report-bot", ceiling=REPORT)
    await world.open(name="weekly-1")
    await world.end(first["id"])
    opened = first["opened_at"]

    expected = {
        "name=nightly-*": {"nightly-1", "nightly-2"},
        "name=*-?": {"nightly-1", "nightly-2", "weekly-1"},
        "name=nightly": set(),
        "capability=reports-read": {"nightly-2"},
        "state=completed": {"nightly-1"},
        "agent=report-bot": {"nightly-2"},
        f"opened_after={opened}": {"nightly-1", "nightly-2", "weekly-1"},
        f"opened_before={opened}": set(),
        "opened_after=2099-01-01T00:00:00Z": set(),
        "name=nightly-*&state=open&agent=report-bot&tenant=acme": {"nightly-2"},
    }
    for query, found in expected.items():
        assert await names(world, OPERATOR, query) == found, query
        assert await names(world, STOCK_OPERATOR, query) == set(), query


async def test_credentials_are_found_by_state_and_capability(world: World) -> None:
    """The others of the task are left out."""
    task = await world.open()
    kept, ended = await world.issue(task["id"]), await world.issue(task["id"])
    await world.call(AGENT, "DELETE", f"/v1/credentials/{ended['id']}")
    path = f"/v1/tasks/{task['id']}/credentials"

    found = {
        query: [each["id"] for each in (await world.get(AGENT, f"{path}?{query}"))["credentials"]]
        for query in ("state=active", "state=ended", "capability=orders-api", "capability=other")
    }

    assert found["state=active"] == [kept["id"]]
    assert found["state=ended"] == [ended["id"]]
    assert set(found["capability=orders-api"]) == {kept["id"], ended["id"]}
    assert found["capability=other"] == []


async def test_a_cursor_does_not_show_another_callers_list(world: World) -> None:
    """Nor the same list to somebody else of the same tenant."""
    for number in range(3):
        await world.open(name=f"job-{number}")
    page = await world.get(OPERATOR, "/v1/tasks?limit=1&name=job-*")

    for who in (ORCHESTRATOR, REPORTER, STOCK_OPERATOR):
        answer = await world.get(who, page["next"])
        assert (answer.status, answer["field"]) == (400, "cursor")


@pytest.mark.parametrize("who", [ORCHESTRATOR, OPERATOR])
async def test_a_poll_hears_of_the_end(world: World, who: Who) -> None:
    """Whoever ends it, while somebody waits for it."""
    task = await world.open()
    await world.issue(task["id"])
    path = f"/v1/tasks/{task['id']}"
    polls = [asyncio.create_task(world.get(who, f"{path}{p}?wait=15")) for p in ("", "/report")]

    await world.end(task["id"])

    shown, report = [await poll for poll in polls]
    assert shown["state"] == "completed"
    assert report["task"]["state"] == "completed"
