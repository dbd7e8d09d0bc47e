"""Credentials, when all goes well: what reaches the verb, what comes back."""

import pytest
from aiohttp import ClientSession

from broker.model.requests import (
    IssueCredential,
    LeaseFilter,
)
from tests.fakes.samples import CREDENTIAL, LEASE, TASK
from tests.fakes.services import Stage
from tests.http.shown import AGENT, ISSUED_JSON, RECORD_JSON, call


async def test_issuing_delivers_the_credential_once(client: ClientSession, stage: Stage) -> None:
    """The answer has it; the log does not."""
    body = {
        "capability": "orders-api",
        "scopes": ["orders:read", "orders:list"],
        "ttl_seconds": 300,
        "labels": {"run": "7"},
    }
    headers = AGENT | {"Idempotency-Key": "k"}

    status, shown, got = await call(client, "POST", f"/v1/tasks/{TASK}/credentials", headers, body)

    assert (status, shown) == (201, ISSUED_JSON)
    assert got["Location"] == f"/v1/credentials/{LEASE}"
    wish = IssueCredential(
        "orders-api", frozenset({"orders:read", "orders:list"}), 300_000, {"run": "7"}
    )
    assert stage.calls[0].arguments == (TASK, wish, "k")
    assert CREDENTIAL not in str(stage.logs.entries)


async def test_issuing_without_a_lifetime_asks_for_the_default(
    client: ClientSession, stage: Stage
) -> None:
    """0 stands for it, towards the verb."""
    body = {"capability": "orders-api", "scopes": ["orders:read"]}

    await call(client, "POST", f"/v1/tasks/{TASK}/credentials", AGENT, body)

    assert stage.calls[0].arguments[1] == IssueCredential("orders-api", frozenset({"orders:read"}))


@pytest.mark.parametrize(("body", "ttl_ms"), [(None, 0), ({}, 0), ({"ttl_seconds": 120}, 120_000)])
async def test_renewing_delivers_the_next_generation(
    client: ClientSession, stage: Stage, body: object, ttl_ms: int
) -> None:
    """A new token of the same lease."""
    headers = AGENT | {"Idempotency-Key": "k"}

    status, shown, _ = await call(client, "POST", f"/v1/credentials/{LEASE}/renew", headers, body)

    assert (status, shown) == (201, ISSUED_JSON | {"generation": 2})
    assert stage.calls[0].arguments == (LEASE, ttl_ms, "k")


async def test_listing_credentials_never_shows_one(client: ClientSession, stage: Stage) -> None:
    """Records only."""
    path = f"/v1/tasks/{TASK}/credentials?limit=5"

    status, shown, _ = await call(client, "GET", path, AGENT)

    assert (status, shown) == (200, {"credentials": [RECORD_JSON], "next": None})
    assert stage.calls[0].arguments == (TASK, LeaseFilter(), "", 5)


async def test_showing_a_credential_shows_its_record(client: ClientSession, stage: Stage) -> None:
    """The same as listed."""
    status, shown, _ = await call(client, "GET", f"/v1/credentials/{LEASE}", AGENT)

    assert (status, shown) == (200, RECORD_JSON)
    assert stage.calls[0].arguments == (LEASE,)


async def test_giving_back_answers_the_end(client: ClientSession, stage: Stage) -> None:
    """When, and by what; and it can no longer be renewed."""
    status, shown, _ = await call(client, "DELETE", f"/v1/credentials/{LEASE}", AGENT)

    assert status == 200
    assert shown == RECORD_JSON | {
        "state": "ended",
        "alive": False,
        "ended_at": "2027-01-15T08:00:02.000Z",
        "ended_by": "given-back",
        "renewable": False,
    }
    assert stage.verbs() == ["credentials.give_back"]
