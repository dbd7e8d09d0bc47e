"""Tasks, when all goes well: what reaches the verb, what comes back."""

from typing import Any

import pytest
from aiohttp import ClientSession

from broker.model.capability import Ceiling
from broker.model.principal import Kind
from broker.model.requests import (
    ExtendTask,
    OpenedTask,
    OpenTask,
    TaskFilter,
)
from broker.model.task import TaskState
from tests.fakes.samples import CHILD, HANDLE, TASK, a_task
from tests.fakes.services import Stage
from tests.http.shown import AGENT, RECEIPT_JSON, TASK_JSON, call, sealed

OPEN = {
    "name": "reconcile-invoices",
    "agent": "invoice-bot",
    "tenant": "acme",
    "ceiling": [{"capability": "orders-api", "scopes": ["orders:read"]}],
    "ttl_seconds": 600,
}


async def test_opening_a_task_hands_the_parsed_order_on(
    client: ClientSession, stage: Stage
) -> None:
    """Every member arrives, in the units of the verbs, with the key."""
    body = OPEN | {
        "instance": "pod-1",
        "on_behalf_of": "alice",
        "tickets": ["OPS-1"],
        "resources": ["dataset:orders"],
        "idle_timeout_seconds": 30,
        "opener_timeout_seconds": 60,
        "parent": TASK,
    }
    headers = AGENT | {"Idempotency-Key": "key.1:2_3-4"}

    status, shown, got = await call(client, "POST", "/v1/tasks", headers, body)

    assert (status, shown) == (201, TASK_JSON)
    assert got["Location"] == f"/v1/tasks/{TASK}"
    order = OpenTask(
        name="reconcile-invoices",
        agent="invoice-bot",
        tenant="acme",
        ceiling=(Ceiling("orders-api", frozenset({"orders:read"})),),
        ttl_ms=600_000,
        idle_ms=30_000,
        instance="pod-1",
        on_behalf_of="alice",
        tickets=("OPS-1",),
        resources=("dataset:orders",),
        opener_timeout_ms=60_000,
        parent=TASK,
    )
    assert stage.calls[0].verb == "tasks.open"
    assert stage.calls[0].caller.kind is Kind.AGENT
    assert stage.calls[0].arguments == (order, "key.1:2_3-4")


async def test_opening_without_an_instance_delivers_the_handle(
    client: ClientSession, stage: Stage
) -> None:
    """The opener alone gets it; what is left out has its documented default."""
    status, shown, _ = await call(client, "POST", "/v1/tasks", AGENT, OPEN)

    assert (status, shown) == (201, TASK_JSON | {"claim_handle": HANDLE})
    order, key = stage.calls[0].arguments
    assert (order.idle_ms, order.opener_timeout_ms, order.parent, key) == (300_000, 0, None, "")


async def test_opening_again_under_the_same_key_answers_200(
    client: ClientSession, stage: Stage
) -> None:
    """Nothing was created this time."""
    stage.answers["tasks.open"] = OpenedTask(a_task(), None, is_new=False)

    status, shown, _ = await call(client, "POST", "/v1/tasks", AGENT, OPEN)

    assert (status, shown) == (200, TASK_JSON)


async def test_listing_tasks_keeps_its_filters_on_the_next_page(
    client: ClientSession, stage: Stage
) -> None:
    """The link to the next page asks for the same things."""
    filters = {"tenant": "acme", "agent": "invoice-bot", "state": "open"}
    given, following = (sealed(at, AGENT, "/v1/tasks", **filters) for at in ("1.2", "3.17"))
    path = f"/v1/tasks?tenant=acme&agent=invoice-bot&state=open&cursor={given}&limit=2"

    status, shown, _ = await call(client, "GET", path, AGENT)

    assert status == 200
    assert [task["id"] for task in shown["tasks"]] == [TASK, CHILD]
    assert shown["tasks"][1]["parent"] == TASK
    assert shown["next"] == path.replace(given, following)
    assert stage.calls[0].arguments == (TaskFilter("acme", "invoice-bot", "open"), "1.2", 2)


async def test_listing_without_parameters_has_a_bounded_page(
    client: ClientSession, stage: Stage
) -> None:
    """Nobody gets everything at once."""
    await call(client, "GET", "/v1/tasks", AGENT)

    assert stage.calls[0].arguments == (TaskFilter(), "", 100)


@pytest.mark.parametrize(
    ("asked", "body", "called"),
    [
        ("GET ", None, ("tasks.show",)),
        ("POST /claim", {"handle": HANDLE}, ("tasks.claim", HANDLE)),
        ("POST /heartbeat", None, ("tasks.heartbeat",)),
        ("POST /heartbeat", {}, ("tasks.heartbeat",)),
        ("POST /extend", {"ttl_seconds": 60}, ("tasks.extend", ExtendTask(60_000), "")),
    ],
)
async def test_verbs_on_a_task_answer_the_task(
    client: ClientSession, stage: Stage, asked: str, body: object, called: tuple[Any, ...]
) -> None:
    """One call, the task in return."""
    method, _, path = asked.partition(" ")

    status, shown, _ = await call(client, method, f"/v1/tasks/{TASK}{path}", AGENT, body)

    assert (status, shown) == (200, TASK_JSON)
    assert stage.verbs() == [called[0]]
    assert stage.calls[0].arguments == (TASK, *called[1:])


@pytest.mark.parametrize(
    ("verb", "outcome"),
    [
        ("complete", TaskState.COMPLETED),
        ("fail", TaskState.FAILED),
        ("cancel", TaskState.CANCELLED),
    ],
)
@pytest.mark.parametrize("body", [None, {}, {"reason": "done"}])
async def test_ending_a_task_answers_the_first_page_of_its_report(
    client: ClientSession,
    stage: Stage,
    verb: str,
    outcome: TaskState,
    body: dict[str, str] | None,
) -> None:
    """What became of its credentials, and where the rest is."""
    status, shown, _ = await call(client, "POST", f"/v1/tasks/{TASK}/{verb}", AGENT, body)

    assert status == 200
    assert shown["task"]["state"] == outcome
    assert shown["task"]["closed_at"] == "2027-01-15T08:00:01.000Z"
    assert shown["durability"] == "os"
    assert shown["counts"] == {"confirmed": 1}
    assert shown["receipts"] == [RECEIPT_JSON]
    report = f"/v1/tasks/{TASK}/report"
    assert shown["next"] == f"{report}?cursor={sealed('p.2/x', AGENT, report)}&limit=100"
    assert stage.verbs() == ["tasks.close", "reports.of_task"]
    assert stage.calls[0].arguments == (TASK, outcome, (body or {}).get("reason", ""))


async def test_a_report_continues_where_its_cursor_says(
    client: ClientSession, stage: Stage
) -> None:
    """Pages are asked for by the link of the page before."""
    report = f"/v1/tasks/{TASK}/report"
    path = f"{report}?cursor={sealed('p.2/x', AGENT, report)}&limit=7"

    status, shown, _ = await call(client, "GET", path, AGENT)

    assert status == 200
    assert shown["next"] == path
    assert stage.verbs() == ["tasks.show", "reports.of_task"]
    assert stage.calls[1].arguments == (TASK, "p.2/x", 7)


async def test_freezing_answers_a_report_and_thawing_the_task(
    client: ClientSession, stage: Stage
) -> None:
    """Each is its own verb, with the reason for the audit trail; who may is theirs to say."""
    why = {"reason": "odd"}
    status, frozen, _ = await call(client, "POST", f"/v1/tasks/{TASK}/freeze", AGENT, why)
    thawed = await call(client, "POST", f"/v1/tasks/{TASK}/thaw", AGENT, why)

    assert (status, frozen["task"]["state"], frozen["receipts"]) == (200, "frozen", [RECEIPT_JSON])
    assert (frozen["task"]["frozen_by"], frozen["task"]["frozen_reason"]) == (
        "agent:invoice-bot",
        "odd",
    )
    assert thawed[:2] == (200, TASK_JSON)
    assert stage.verbs() == ["freezing.order", "reports.of_task", "freezing.thaw"]
