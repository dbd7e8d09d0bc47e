"""What is wrong with a request is named, and nothing is called because of it."""

from typing import Any

import pytest
from aiohttp import ClientSession

from broker.http.limits import Limits
from tests.fakes.samples import LEASE, TASK
from tests.fakes.services import Stage

AGENT = {"Authorization": "Bearer token-of-agent"}
TASKS = "/v1/tasks"
EXTEND = f"{TASKS}/{TASK}/extend"
CLAIM = f"{TASKS}/{TASK}/claim"
COMPLETE = f"{TASKS}/{TASK}/complete"
BEAT = f"{TASKS}/{TASK}/heartbeat"
ISSUE = f"{TASKS}/{TASK}/credentials"
RENEW = f"/v1/credentials/{LEASE}/renew"
REVOKE = "/v1/revocations"

LINE = {"capability": "orders-api", "scopes": ["orders:read"]}
OPENING = {"name": "n", "agent": "a", "tenant": "t", "ceiling": [LINE], "ttl_seconds": 60}
WISH = {"capability": "c", "scopes": ["s"]}
REASON = {"reason": "x"}
WORDS_33 = [f"w{number}" for number in range(33)]
WORDS_65 = [f"w{number}" for number in range(65)]


@pytest.fixture
def limits() -> Limits:
    """A day at most."""
    return Limits(max_ttl_seconds=86_400, drain_seconds=1.0)


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Leave a member away."""
    return {member: value for member, value in body.items() if member != name}


def line(**changes: object) -> dict[str, Any]:
    """Open a task with one good line of ceiling, and a second one that differs."""
    return OPENING | {"ceiling": [LINE, LINE | changes]}


BAD = [
    *((TASKS, without(OPENING, name), name) for name in OPENING),
    (TASKS, OPENING | {"extra": 1}, "extra"),
    (TASKS, OPENING | {"name": ""}, "name"),
    (TASKS, OPENING | {"name": "a b"}, "name"),
    (TASKS, OPENING | {"name": "a\u202eb"}, "name"),
    (TASKS, OPENING | {"name": "x" * 129}, "name"),
    (TASKS, OPENING | {"name": None}, "name"),
    (TASKS, OPENING | {"agent": "-a"}, "agent"),
    (TASKS, OPENING | {"agent": 7}, "agent"),
    (TASKS, OPENING | {"tenant": "a\x00"}, "tenant"),
    (TASKS, OPENING | {"instance": "a\nb"}, "instance"),
    (TASKS, OPENING | {"on_behalf_of": "al ice"}, "on_behalf_of"),
    (TASKS, OPENING | {"parent": "t_07_short"}, "parent"),
    (TASKS, OPENING | {"parent": LEASE}, "parent"),
    (TASKS, OPENING | {"ttl_seconds": 0}, "ttl_seconds"),
    (TASKS, OPENING | {"ttl_seconds": -1}, "ttl_seconds"),
    (TASKS, OPENING | {"ttl_seconds": 60.0}, "ttl_seconds"),
    (TASKS, OPENING | {"ttl_seconds": "60"}, "ttl_seconds"),
    (TASKS, OPENING | {"ttl_seconds": True}, "ttl_seconds"),
    (TASKS, OPENING | {"ttl_seconds": 86_401}, "ttl_seconds"),
    (TASKS, OPENING | {"idle_timeout_seconds": 0}, "idle_timeout_seconds"),
    (TASKS, OPENING | {"idle_timeout_seconds": 86_401}, "idle_timeout_seconds"),
    (TASKS, OPENING | {"opener_timeout_seconds": -1}, "opener_timeout_seconds"),
    (TASKS, OPENING | {"opener_timeout_seconds": 86_401}, "opener_timeout_seconds"),
    (TASKS, OPENING | {"ceiling": []}, "ceiling"),
    (TASKS, OPENING | {"ceiling": [LINE] * 65}, "ceiling"),
    (TASKS, OPENING | {"ceiling": {"capability": "c"}}, "ceiling"),
    (TASKS, OPENING | {"ceiling": ["c"]}, "ceiling[0]"),
    (TASKS, line(capability="a b"), "ceiling[1].capability"),
    (TASKS, line(scopes=[]), "ceiling[1].scopes"),
    (TASKS, line(scopes=WORDS_65), "ceiling[1].scopes"),
    (TASKS, line(scopes="orders:read"), "ceiling[1].scopes"),
    (TASKS, line(scopes=["ok", "a b"]), "ceiling[1].scopes[1]"),
    (TASKS, line(scopes=["ok", 'a"b']), "ceiling[1].scopes[1]"),
    (TASKS, line(scopes=["ok", None]), "ceiling[1].scopes[1]"),
    (TASKS, line(scopes=["ok", "x" * 257]), "ceiling[1].scopes[1]"),
    (TASKS, line(extra=1), "ceiling[1].extra"),
    (TASKS, OPENING | {"ceiling": [without(LINE, "capability")]}, "ceiling[0].capability"),
    (TASKS, OPENING | {"tickets": WORDS_33}, "tickets"),
    (TASKS, OPENING | {"tickets": ["ok", "x" * 257]}, "tickets[1]"),
    (TASKS, OPENING | {"tickets": ["ok", "a\x1bb"]}, "tickets[1]"),
    (TASKS, OPENING | {"tickets": ["ok", ""]}, "tickets[1]"),
    (TASKS, OPENING | {"resources": WORDS_33}, "resources"),
    (TASKS, OPENING | {"resources": ["a\u2028b"]}, "resources[0]"),
    (CLAIM, {}, "handle"),
    (CLAIM, {"handle": ""}, "handle"),
    (CLAIM, {"handle": "x" * 257}, "handle"),
    (CLAIM, {"handle": "h", "x": 1}, "x"),
    (EXTEND, {}, "ttl_seconds"),
    (EXTEND, {"ttl_seconds": 86_401}, "ttl_seconds"),
    (EXTEND, {"ttl_seconds": 10**30}, "body"),
    (BEAT, {"x": 1}, "x"),
    (COMPLETE, {"reason": "a\nb"}, "reason"),
    (COMPLETE, {"reason": "x" * 513}, "reason"),
    (COMPLETE, {"reasons": "x"}, "reasons"),
    (ISSUE, {}, "capability"),
    (ISSUE, without(WISH, "scopes"), "scopes"),
    (ISSUE, WISH | {"capability": "\ud7ff\u200b"}, "capability"),
    (ISSUE, WISH | {"scopes": []}, "scopes"),
    (ISSUE, WISH | {"scopes": WORDS_65}, "scopes"),
    (ISSUE, WISH | {"scopes": ["ok", "a\tb"]}, "scopes[1]"),
    (ISSUE, WISH | {"ttl_seconds": 0}, "ttl_seconds"),
    (ISSUE, WISH | {"ttl_seconds": 1}, "ttl_seconds"),
    (ISSUE, WISH | {"ttl_seconds": 86_401}, "ttl_seconds"),
    (ISSUE, [], "body"),
    (ISSUE, WISH | {"ttl_seconds": 1.5}, "ttl_seconds"),
    (ISSUE, WISH | {"labels": dict.fromkeys(WORDS_33, "v")}, "labels"),
    (ISSUE, WISH | {"labels": {"a b": "v"}}, "labels"),
    (ISSUE, WISH | {"labels": {"run": "a\rb"}}, "labels.run"),
    (ISSUE, WISH | {"labels": {"run": 7}}, "labels[...]"),
    (ISSUE, WISH | {"labels": ["run=7"]}, "labels"),
    (ISSUE, WISH | {"task": TASK}, "task"),
    (RENEW, {"ttl_seconds": 0}, "ttl_seconds"),
    (RENEW, {"ttl_seconds": 86_401}, "ttl_seconds"),
    (RENEW, {"scopes": ["s"]}, "scopes"),
    (REVOKE, {"agent": "a"}, "reason"),
    (REVOKE, {"agent": "a", "reason": ""}, "reason"),
    (REVOKE, REASON, "selector"),
    (REVOKE, REASON | {"agent": "a", "tenant": "t"}, "selector"),
    (REVOKE, REASON | {"all": True, "task": TASK}, "selector"),
    (REVOKE, REASON | {"all": False}, "all"),
    (REVOKE, REASON | {"all": 1}, "all"),
    (REVOKE, REASON | {"all": "true"}, "all"),
    (REVOKE, REASON | {"credential": TASK}, "credential"),
    (REVOKE, REASON | {"task": LEASE}, "task"),
    (REVOKE, REASON | {"agent": "a b"}, "agent"),
    (REVOKE, REASON | {"capability": "*"}, "capability"),
    (REVOKE, REASON | {"issuer": "https://x\u0000"}, "issuer"),
    (REVOKE, REASON | {"issuer": "x" * 513}, "issuer"),
    (REVOKE, REASON | {"tenant": "*"}, "tenant"),
    (REVOKE, REASON | {"tenant": "t", "in_tenant": "t"}, "in_tenant"),
    (REVOKE, REASON | {"task": TASK, "in_tenant": "t"}, "in_tenant"),
    (REVOKE, REASON | {"agent": "a", "in_tenant": "*"}, "in_tenant"),
    (REVOKE, REASON | {"agents": "a"}, "agents"),
]


@pytest.mark.parametrize(("path", "body", "field"), BAD)
async def test_a_bad_member_is_named(
    client: ClientSession, stage: Stage, path: str, body: object, field: str
) -> None:
    """The path to it, what is wrong, and no call."""
    async with client.post(path, json=body, headers=AGENT) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert answer.status == 400
    assert problem["type"] == "https://jit-broker.example/problems/invalid-request"
    assert problem["field"] == field
    assert problem["detail"]
    assert stage.calls == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (TASKS, OPENING | {"ttl_seconds": 1}),
        (TASKS, OPENING | {"ttl_seconds": 86_400}),
        (TASKS, OPENING | {"name": "x" * 128, "tickets": WORDS_33[:32]}),
        (TASKS, OPENING | {"ceiling": [LINE | {"scopes": WORDS_65[:64]}] * 64}),
        (TASKS, OPENING | {"resources": ["r" * 256]}),
        (TASKS, OPENING | {"opener_timeout_seconds": 0}),
        (ISSUE, WISH | {"labels": dict.fromkeys(WORDS_33[:32], "v" * 256)}),
        (COMPLETE, {"reason": "r" * 512}),
        (COMPLETE, {"reason": "fünf Äpfel"}),
        (REVOKE, REASON | {"issuer": "https://issuer.example/" + "x" * 489}),
    ],
)
async def test_the_bounds_themselves_are_allowed(
    client: ClientSession, stage: Stage, path: str, body: object
) -> None:
    """What is just within them reaches the verb."""
    async with client.post(path, json=body, headers=AGENT) as answer:
        assert answer.status in (200, 201)

    assert stage.calls


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/tasks?x=1", "x"),
        ("/v1/tasks?tenant=a&tenant=a", "tenant"),
        ("/v1/tasks?Tenant=a", "Tenant"),
        ("/v1/tasks?tenant=a%20b", "tenant"),
        ("/v1/tasks?agent=%00", "agent"),
        ("/v1/tasks?state=dead", "state"),
        ("/v1/tasks?limit=0", "limit"),
        ("/v1/tasks?limit=201", "limit"),
        ("/v1/tasks?limit=-1", "limit"),
        ("/v1/tasks?limit=1e2", "limit"),
        ("/v1/tasks?limit=%D9%A1", "limit"),
        ("/v1/tasks?limit=", "limit"),
        ("/v1/tasks?cursor=a%20b", "cursor"),
        ("/v1/tasks?cursor=", "cursor"),
        ("/v1/tasks?cursor=3.17", "cursor"),
        ("/v1/tasks?tenant=", "tenant"),
        ("/v1/tasks?state=", "state"),
        ("/v1/tasks?capability=*", "capability"),
        ("/v1/tasks?name=a%20b", "name"),
        ("/v1/tasks?opened_after=yesterday", "opened_after"),
        ("/v1/tasks?opened_after=2027-02-30T00:00:00Z", "opened_after"),
        ("/v1/tasks?opened_before=2027-01-15T08:00:00%2B01:00", "opened_before"),
        (
            "/v1/tasks?opened_after=2027-01-15T08:00:00Z&opened_before=2027-01-15T08:00:00Z",
            "opened_before",
        ),
        (f"/v1/tasks/{TASK}/credentials?state=open", "state"),
        (f"/v1/tasks/{TASK}/report?wait=31", "wait"),
        (f"/v1/tasks/{TASK}/report?wait=1.5", "wait"),
        (f"/v1/tasks/{TASK}?wait=", "wait"),
        ("/v1/tasks?cursor=" + "x" * 1025, "cursor"),
        (f"/v1/tasks/{TASK}?x=1", "x"),
        (f"/v1/tasks/{TASK}/report?state=open", "state"),
        (f"/v1/credentials/{LEASE}?access_token=x", "access_token"),
        ("/v1/tasks/T_07_" + "a" * 26, "task"),
        ("/v1/tasks/t_07_" + "a" * 27, "task"),
        (f"/v1/tasks/{LEASE}", "task"),
        ("/v1/tasks/..%2f..", "task"),
        (f"/v1/credentials/{TASK}", "credential"),
        (f"/v1/revocations/{TASK}", "revocation"),
        (f"/v1/decisions/{TASK}", "decision"),
    ],
)
async def test_a_bad_path_or_parameter_is_named(
    client: ClientSession, stage: Stage, path: str, field: str
) -> None:
    """Reads are as strict as changes."""
    async with client.get(path, headers=AGENT) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert (answer.status, problem["field"]) == (400, field)
    assert stage.calls == []


@pytest.mark.parametrize("path", [TASKS, EXTEND, ISSUE, RENEW, REVOKE, "/oauth/introspect"])
async def test_changes_take_no_parameters(client: ClientSession, stage: Stage, path: str) -> None:
    """A token in the URL is refused before anything is read."""
    async with client.post(f"{path}?access_token=x", json={}, headers=AGENT) as answer:
        assert answer.status == 400

    assert stage.calls == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_what_has_no_body_takes_none(
    client: ClientSession, stage: Stage, method: str
) -> None:
    """A body there is a misunderstanding, or a trick."""
    path = f"/v1/credentials/{LEASE}"
    async with client.request(method, path, json={}, headers=AGENT) as answer:
        assert answer.status == 400

    assert stage.calls == []


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "a/b", "ä"])
async def test_a_bad_idempotency_key_is_named(
    client: ClientSession, stage: Stage, key: str
) -> None:
    """An empty one is not none."""
    headers = AGENT | {"Idempotency-Key": key}
    async with client.post(ISSUE, json=WISH, headers=headers) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert (answer.status, problem["field"]) == (400, "Idempotency-Key")
    assert stage.calls == []


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("token=a&token=b", "application/x-www-form-urlencoded"),
        ("token=a&token_type_hint=x&token_type_hint=y", "application/x-www-form-urlencoded"),
        ("", "application/x-www-form-urlencoded"),
        ("token=", "application/x-www-form-urlencoded"),
        ("token_type_hint=access_token", "application/x-www-form-urlencoded"),
        ("token", "application/x-www-form-urlencoded"),
        ("token=%ff", "application/x-www-form-urlencoded"),
        ("token=ä", "application/x-www-form-urlencoded"),
        ("&".join(f"p{number}=1" for number in range(17)), "application/x-www-form-urlencoded"),
        ('{"token": "a"}', "application/json"),
        ("token=a", "application/x-www-form-urlencoded; charset=latin-1"),
        ("--x\r\n\r\n", "multipart/form-data; boundary=x"),
        ("token=a", ""),
    ],
)
async def test_a_bad_form_is_an_invalid_request(
    client: ClientSession, stage: Stage, form: str, kind: str
) -> None:
    """RFC 6749 §5.2, in OAuth's own words."""
    headers = {"Authorization": "Bearer token-of-resource", "Content-Type": kind}
    async with client.post("/oauth/introspect", data=form.encode(), headers=headers) as answer:
        problem = await answer.json()

    assert answer.status in (400, 415)
    assert problem["error"] == "invalid_request"
    assert set(problem) == {"error", "error_description"}
    assert stage.calls == []


async def test_what_callers_write_stays_out_of_the_log(client: ClientSession, stage: Stage) -> None:
    """Neither values nor names of members: they may be secrets in the wrong place."""
    body = OPENING | {"canary-name": 1, "name": "canary value"}
    async with client.post(TASKS, json=body, headers=AGENT) as answer:
        assert answer.status == 400

    assert "canary" not in str(stage.logs.entries)
