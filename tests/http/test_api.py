"""Each route of docs/api.md, when all goes well: what reaches the verb, what comes back."""

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession

from broker.http.services import Readiness, Reason
from broker.model.capability import Ceiling
from broker.model.principal import Kind
from broker.model.requests import (
    ExtendTask,
    Introspected,
    IssueCredential,
    OpenedTask,
    OpenTask,
    Selector,
    SelectorKind,
    TaskFilter,
)
from broker.model.task import TaskState
from tests.fakes.services import (
    AUDIENCE,
    CHILD,
    CREDENTIAL,
    DECISION,
    HANDLE,
    ISSUER,
    LEASE,
    REVOCATION,
    TASK,
    Stage,
    a_lease,
    a_revocation,
    a_task,
)

AGENT = {"Authorization": "Bearer token-of-agent"}
OPERATOR = {"Authorization": "Bearer token-of-operator"}
RESOURCE = {"Authorization": "Bearer token-of-resource"}

OPEN = {
    "name": "reconcile-invoices",
    "agent": "invoice-bot",
    "tenant": "acme",
    "ceiling": [{"capability": "orders-api", "scopes": ["orders:read"]}],
    "ttl_seconds": 600,
}
TASK_JSON = {
    "id": TASK,
    "name": "reconcile-invoices",
    "tenant": "acme",
    "agent": "invoice-bot",
    "instance": "pod-1",
    "opener": "orchestrator:ci",
    "on_behalf_of": "alice",
    "ceiling": [{"capability": "orders-api", "scopes": ["orders:list", "orders:read"]}],
    "tickets": ["OPS-1"],
    "resources": ["dataset:orders"],
    "parent": "",
    "path": [TASK],
    "state": "open",
    "alive": True,
    "opened_at": "2027-01-15T08:00:00.000Z",
    "deadline": "2027-01-15T08:10:00.000Z",
    "idle_timeout_seconds": 30,
    "agent_seen_at": "2027-01-15T08:00:01.500Z",
    "opener_seen_at": "2027-01-15T08:00:00.000Z",
    "closed_at": None,
    "ended_by": "",
    "closed_by": "",
}
LEASE_JSON = {
    "id": LEASE,
    "task": TASK,
    "kind": "jwt",
    "capability": "orders-api",
    "audience": AUDIENCE,
    "scope": "orders:list orders:read",
    "expires_at": "2027-01-15T08:05:00.000Z",
    "max_expires_at": "2027-01-15T08:10:00.000Z",
    "issued_at": "2027-01-15T08:00:00.000Z",
    "generation": 1,
    "renewable": True,
}
RECORD_JSON = LEASE_JSON | {
    "state": "active",
    "alive": True,
    "ended_at": None,
    "ended_by": "",
    "decision": {"policies": ["base.0"], "policy_version": "p1", "facts_revision": 4},
}
ISSUED_JSON = LEASE_JSON | {
    "access_token": CREDENTIAL,
    "token_type": "Bearer",
    "expires_in": 300,
}
RECEIPT_JSON = {
    "credential": LEASE,
    "task": TASK,
    "capability": "orders-api",
    "kind": "jwt",
    "audience": AUDIENCE,
    "state": "confirmed",
    "detail": "",
    "revoked_at": "2027-01-15T08:00:01.000Z",
    "expires_at": "2027-01-15T08:05:00.000Z",
}
REVOCATION_JSON = {
    "id": REVOCATION,
    "selector": {"agent": "invoice-bot", "in_tenant": "acme"},
    "reason": "compromised",
    "ordered_by": "operator:olga",
    "issued_before": "2027-01-15T08:00:00.000Z",
    "acknowledged": True,
    "pending_buckets": [],
}


async def call(
    client: ClientSession, method: str, path: str, headers: dict[str, str], body: object = None
) -> tuple[int, Any, dict[str, str]]:
    """Send a request; return status, JSON and headers."""
    async with client.request(method, path, headers=headers, json=body) as answer:
        assert answer.content_type == "application/json"
        return answer.status, await answer.json(), dict(answer.headers)


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
    path = "/v1/tasks?tenant=acme&agent=invoice-bot&state=open&cursor=1.2&limit=2"

    status, shown, _ = await call(client, "GET", path, AGENT)

    assert status == 200
    assert [task["id"] for task in shown["tasks"]] == [TASK, CHILD]
    assert shown["tasks"][1]["parent"] == TASK
    assert shown["next"] == path.replace("cursor=1.2", "cursor=3.17")
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
        ("POST /extend", {"ttl_seconds": 60}, ("tasks.extend", ExtendTask(60_000))),
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
    assert shown["next"] == f"/v1/tasks/{TASK}/report?cursor=p.2%2Fx&limit=100"
    assert stage.verbs() == ["tasks.close", "reports.of_task"]
    assert stage.calls[0].arguments == (TASK, outcome, (body or {}).get("reason", ""))


async def test_a_report_continues_where_its_cursor_says(
    client: ClientSession, stage: Stage
) -> None:
    """Pages are asked for by the link of the page before."""
    path = f"/v1/tasks/{TASK}/report?cursor=p.2%2Fx&limit=7"

    status, shown, _ = await call(client, "GET", path, AGENT)

    assert status == 200
    assert shown["next"] == path
    assert stage.verbs() == ["tasks.show", "reports.of_task"]
    assert stage.calls[1].arguments == (TASK, "p.2/x", 7)


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
    assert stage.calls[0].arguments == (TASK, "", 5)


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


@pytest.mark.parametrize(
    ("named", "selector"),
    [
        ({"credential": LEASE}, Selector(SelectorKind.CREDENTIAL, LEASE)),
        ({"task": TASK}, Selector(SelectorKind.TASK, TASK)),
        ({"agent": "bot"}, Selector(SelectorKind.AGENT, "bot")),
        ({"agent": "bot", "in_tenant": "acme"}, Selector(SelectorKind.AGENT, "bot", "acme")),
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
    status, shown, _ = await call(client, "GET", f"{path}/report?cursor=9", OPERATOR)

    assert status == 200
    assert shown == {
        "revocation": REVOCATION_JSON,
        "durability": "os",
        "counts": {"confirmed": 1},
        "receipts": [RECEIPT_JSON],
        "next": None,
    }
    assert stage.calls[2].arguments == (REVOCATION, "9", 100)


async def test_a_decision_is_explained(client: ClientSession, stage: Stage) -> None:
    """As the verb says it."""
    status, shown, _ = await call(client, "GET", f"/v1/decisions/{DECISION}", OPERATOR)

    assert (status, shown) == (200, {"id": DECISION, "outcome": "deny", "policies": ["base.1"]})
    assert stage.calls[0].arguments == (DECISION,)


async def introspect(client: ClientSession, form: str) -> tuple[int, bytes]:
    """Introspect as a resource server."""
    headers = RESOURCE | {"Content-Type": "application/x-www-form-urlencoded"}
    async with client.post("/oauth/introspect", data=form, headers=headers) as answer:
        return answer.status, await answer.read()


async def test_introspection_tells_all_that_rfc_7662_has(
    client: ClientSession, stage: Stage
) -> None:
    """And our own members: task, agent, capability, tenant."""
    stage.answers["introspection.introspect"] = Introspected(
        a_lease(), LEASE, f"{LEASE}.2", 1_800_000_000, 1_800_000_300
    )
    headers = RESOURCE | {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}

    async with client.post(
        "/oauth/introspect", data="token=a%2Eb.c&token_type_hint=foo&x=y", headers=headers
    ) as answer:
        shown = await answer.json()

    assert shown == {
        "active": True,
        "scope": "orders:list orders:read",
        "client_id": "invoice-bot",
        "token_type": "Bearer",
        "exp": 1_800_000_300,
        "iat": 1_800_000_000,
        "sub": "user:alice",
        "aud": AUDIENCE,
        "iss": ISSUER,
        "jti": f"{LEASE}.2",
        "act": {"sub": "agent:invoice-bot", "act": {"sub": "agent:planner"}},
        "task": TASK,
        "agent": "invoice-bot",
        "capability": "orders-api",
        "tenant": "acme",
    }
    assert stage.calls[0].arguments == ("a.b.c",)


@pytest.mark.parametrize("token", ["foreign", "%00%c3%bf", "x" * 5_000, "l_07_" + "c" * 26])
async def test_introspection_says_nothing_of_other_tokens(
    client: ClientSession, token: str
) -> None:
    """Exactly the same bytes for everything that is not active here (C4)."""
    assert await introspect(client, f"token={token}") == (200, b'{"active":false}')


async def test_the_keys_are_published(client: ClientSession) -> None:
    """As the callable has them."""
    status, shown, _ = await call(client, "GET", "/.well-known/jwks.json", {})

    assert (status, shown) == (200, {"keys": [{"kty": "OKP", "kid": "k1"}]})


async def test_the_metadata_has_no_empty_arrays(client: ClientSession) -> None:
    """RFC 8414 §3.2; the issuer byte for byte."""
    path = "/.well-known/oauth-authorization-server"

    status, shown, _ = await call(client, "GET", path, {})

    assert status == 200
    assert shown["issuer"] == ISSUER
    assert shown["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
    assert shown["introspection_endpoint"] == f"{ISSUER}/oauth/introspect"
    assert shown["response_types_supported"] == ["none"]
    assert all(value for value in shown.values())


async def test_health_is_always_well(client: ClientSession, stage: Stage) -> None:
    """A process that can answer is alive, ready or not."""
    stage.ready = Readiness(is_ready=False, mode="draining", durability="os")

    assert (await call(client, "GET", "/healthz", {}))[:2] == (200, {"alive": True})


async def test_readiness_says_what_is_wrong_and_what_to_do(
    client: ClientSession, stage: Stage
) -> None:
    """503 with reasons; 200 when there are none."""
    ready = {"ready": True, "mode": "full", "durability": "os", "reasons": []}
    assert (await call(client, "GET", "/readyz", {}))[:2] == (200, ready)

    reason = Reason("the ledger does not answer", "start Redis at 127.0.0.1:6379")
    stage.ready = Readiness(
        is_ready=False, mode="revoke-only", durability="fsync", reasons=(reason,)
    )

    assert (await call(client, "GET", "/readyz", {}))[:2] == (
        503,
        {
            "ready": False,
            "mode": "revoke-only",
            "durability": "fsync",
            "reasons": [{"what": reason.what, "remedy": reason.remedy}],
        },
    )


async def test_metrics_label_by_template(client: ClientSession, stage: Stage) -> None:
    """Ten thousand ids are one series (F14)."""
    for number in range(5):
        name = "t_07_" + "abcdefg"[number] * 26
        async with client.get(f"/v1/tasks/{name}", headers=AGENT):
            pass
    async with client.get("/v1/nothing/7"), client.get("/metrics") as answer:
        text = await answer.text()

    assert 'jit_requests_total{route="GET /v1/tasks/{task}",status="200"} 5.0' in text
    assert 'jit_requests_total{route="unmatched",status="404"} 1.0' in text
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert len(stage.calls) == 5


async def test_issuing_is_timed(client: ClientSession) -> None:
    """Once for each credential."""
    body = {"capability": "orders-api", "scopes": ["orders:read"]}
    await call(client, "POST", f"/v1/tasks/{TASK}/credentials", AGENT, body)

    async with client.get("/metrics") as answer:
        assert "jit_issue_seconds_count 1.0" in await answer.text()
