"""Orders and decisions, when all goes well."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession

from broker.model.receipt import ReceiptFilter
from broker.model.requests import (
    RevocationFilter,
    Selector,
    SelectorKind,
)
from tests.fakes.samples import (
    DECISION,
    ISSUER,
    LEASE,
    NOW_MS,
    REVOCATION,
    TASK,
    a_revocation,
)
from tests.fakes.services import Stage
from tests.http.shown import (
    AGENT,
    OPERATOR,
    RECEIPT_JSON,
    REVOCATION_JSON,
    call,
    sealed,
)


@pytest.mark.parametrize(
    ("named", "selector"),
    [
        ({"credential": LEASE}, Selector(SelectorKind.CREDENTIAL, LEASE)),
        ({"task": TASK}, Selector(SelectorKind.TASK, TASK)),
        ({"agent": "bot"}, Selector(SelectorKind.AGENT, "bot")),
        ({"agent": "bot", "in_tenant": "acme"}, Selector(SelectorKind.AGENT, "bot", "acme")),
        ({"all": True, "in_tenant": "acme"}, Selector(SelectorKind.ALL, "", "acme")),
        ({"capability": "c", "in_tenant": "acme"}, Selector(SelectorKind.CAPABILITY, "c", "acme")),
        ({"issuer": ISSUER}, Selector(SelectorKind.ISSUER, ISSUER)),
        ({"tenant": "acme"}, Selector(SelectorKind.TENANT, "acme")),
        ({"all": True}, Selector(SelectorKind.ALL)),
    ],
)
async def test_ordering_a_revocation_names_exactly_what_dies(
    client: ClientSession, stage: Stage, named: dict[str, Any], selector: Selector
) -> None:
    """The selector goes out as it came in."""
    headers = OPERATOR | {"Idempotency-Key": "k"}

    status, shown, got = await call(
        client, "POST", "/v1/revocations", headers, named | {"reason": "leaked"}
    )

    assert (status, shown["selector"]) == (200, named)
    assert got["Location"] == f"/v1/revocations/{REVOCATION}"
    assert stage.calls[0].arguments == (selector, "leaked", "k")


async def test_an_order_that_does_not_stand_everywhere_answers_202(
    client: ClientSession, stage: Stage
) -> None:
    """And names the buckets where it does not."""
    pending = replace(a_revocation(Selector(SelectorKind.ALL)), pending_buckets=(3, 9))
    stage.answers["revocations.order"] = pending

    body = {"all": True, "reason": "x"}
    status, shown, _ = await call(client, "POST", "/v1/revocations", OPERATOR, body)

    assert (status, shown["acknowledged"], shown["pending_buckets"]) == (202, False, [3, 9])


async def test_an_order_can_be_looked_at(client: ClientSession, stage: Stage) -> None:
    """And what came of it."""
    path = f"/v1/revocations/{REVOCATION}"

    assert (await call(client, "GET", path, OPERATOR))[:2] == (200, REVOCATION_JSON)
    report = f"{path}/report"
    cursor = sealed("9", OPERATOR, report)
    status, shown, _ = await call(client, "GET", f"{report}?cursor={cursor}", OPERATOR)

    assert status == 200
    assert shown == {
        "revocation": REVOCATION_JSON,
        "durability": "os",
        "counts": {"confirmed": 1},
        "receipts": [RECEIPT_JSON],
        "next": None,
    }
    assert stage.calls[2].arguments == (REVOCATION, "9", 100)


async def test_the_list_of_orders_is_narrowed_and_paged(
    client: ClientSession, stage: Stage
) -> None:
    """The filters reach the verb as they are meant, and the next page has them."""
    asked = {
        "tenant": "acme",
        "ordered_by": "operator:olga",
        "of": "agent",
        "acknowledged": "false",
        "ordered_after": "2027-01-15T08:00:00Z",
        "ordered_before": "2027-01-15T08:00:01.5Z",
    }
    path = f"/v1/revocations?{urlencode(asked)}"

    status, shown, _ = await call(client, "GET", f"{path}&limit=7", OPERATOR)
    following = await call(client, "GET", shown["next"], OPERATOR)

    which = RevocationFilter("acme", "operator:olga", "agent", False, NOW_MS, NOW_MS + 1_500)  # noqa: FBT003 - as declared
    assert (status, shown["revocations"]) == (200, [REVOCATION_JSON])
    assert (following[0], shown["next"].startswith(path)) == (200, True)
    assert [each.arguments for each in stage.calls] == [
        (which, "", 7),
        (which, f"{NOW_MS}.3", 7),
    ]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"/v1/revocations/{REVOCATION}/report", OPERATOR),
        (f"/v1/tasks/{TASK}/report", AGENT),
    ],
)
async def test_reports_are_narrowed(
    client: ClientSession, stage: Stage, path: str, headers: dict[str, str]
) -> None:
    """The verb is told what is wanted."""
    query = "state=confirmed&capability=orders-api&kind=jwt"

    status, _, _ = await call(client, "GET", f"{path}?{query}", headers)

    assert status == 200
    assert stage.calls[1].arguments[-1] == ReceiptFilter("confirmed", "orders-api", "jwt")


async def test_a_decision_is_explained(client: ClientSession, stage: Stage) -> None:
    """As the verb says it."""
    status, shown, _ = await call(client, "GET", f"/v1/decisions/{DECISION}", OPERATOR)

    assert (status, shown["decision"], shown["outcome"]) == (200, DECISION, "deny")
    assert stage.calls[0].arguments == (DECISION,)


async def test_what_was_granted_is_explained(client: ClientSession, stage: Stage) -> None:
    """As the verb says it."""
    path = f"/v1/credentials/{LEASE}/explanation"

    status, shown, _ = await call(client, "GET", path, OPERATOR)

    assert (status, shown["credential"], shown["granted_now"]) == (200, LEASE, True)
    assert [each.arguments for each in stage.calls] == [(LEASE,)]
