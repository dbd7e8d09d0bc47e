"""What agents say of the uses of their credentials, at the edge: small words, or nothing."""

from typing import Any

import pytest
from aiohttp import ClientSession

from broker.approval_errors import SlowDownError
from broker.errors import TaskClosedError
from broker.model.said import SaidBatch, SaidUse
from tests.fakes.samples import LEASE, NOW_MS, TASK
from tests.fakes.services import Stage
from tests.http.shown import AGENT, TASK_JSON, call

PATH = f"/v1/tasks/{TASK}/uses"
AT = "2027-01-15T08:00:00Z"
USE: dict[str, Any] = {"outcome": "answered", "times": 12, "first_at": AT, "last_at": AT}
WORDS: dict[str, Any] = {
    "credential": LEASE,
    "need": "orders-api",
    "rule": "orders-0",
    "method": "GET",
    "host": "api.example.com",
    "port": 443,
    "status": 200,
    "problem": "",
    "masked": True,
}


async def test_a_batch_is_read_whole_and_answers_the_task(
    client: ClientSession, stage: Stage
) -> None:
    """With the key that makes a repeat harmless."""
    body = {"uses": [{**USE, **WORDS}, USE], "untold": 3}
    headers = AGENT | {"Idempotency-Key": "batch-1"}

    status, shown, _ = await call(client, "POST", PATH, headers, body)

    assert (status, shown) == (200, TASK_JSON)
    bare = SaidUse(outcome="answered", times=12, first_at_ms=NOW_MS, last_at_ms=NOW_MS)
    task, batch, key = stage.calls[0].arguments
    assert (task, key, batch.untold, batch.uses[1]) == (TASK, "batch-1", 3, bare)
    assert isinstance(batch, SaidBatch)
    assert {name: getattr(batch.uses[0], name) for name in WORDS} == WORDS


async def test_what_was_said_is_shown_as_said(client: ClientSession) -> None:
    """By whom, and when that was, by the ledger's clock."""
    status, shown, _ = await call(client, "GET", PATH, AGENT)

    assert status == 200
    assert (shown["task"], shown["said_by"], shown["others"], shown["untold"]) == (
        *(TASK, "agent"),
        *(1, 2),
    )
    [use] = shown["uses"]
    assert (use["times"], use["capability"], use["credential"]) == (12, "orders-api", LEASE)
    assert use["said_at"] == shown["said_at"] == "2027-01-15T08:00:00.000Z"


def said(**changes: Any) -> dict[str, Any]:
    """A body with one use that is otherwise."""
    return {"uses": [{**USE, **changes}]}


async def refused(client: ClientSession, body: object) -> tuple[int, Any, str]:
    """Send a body that is refused; return status, problem and when to come back."""
    async with client.post(PATH, json=body, headers=AGENT) as answer:
        problem = await answer.json(content_type="application/problem+json")
        return answer.status, problem, answer.headers.get("Retry-After", "")


HOSTILE: dict[str, tuple[Any, str]] = {
    "nothing said": ({"uses": []}, "uses"),
    "too much": ({"uses": [USE] * 33}, "uses"),
    "no list": ({"uses": USE}, "uses"),
    "more members": ({"uses": [USE], "path": "/"}, "path"),
    "a path": (said(path="/v1/orders"), "uses[0].path"),
    "no outcome": (said(outcome="won"), "uses[0].outcome"),
    "never": (said(times=0), "uses[0].times"),
    "less than never": (said(times=-1), "uses[0].times"),
    "too often": (said(times=1_000_001), "uses[0].times"),
    "half": (said(times=1.5), "uses[0].times"),
    "many untold": ({"uses": [USE], "untold": 10**12}, "untold"),
    "no credential": (said(credential="l_07_x"), "uses[0].credential"),
    "a key's name": (said(credential="meta"), "uses[0].credential"),
    "no method": (said(method="get\r\nX: y"), "uses[0].method"),
    "no host": (said(host="a.test/../b"), "uses[0].host"),
    "a host in capitals": (said(host="A.TEST"), "uses[0].host"),
    "a host that looks like another": (said(host="\u0430pi.example.com"), "uses[0].host"),
    "a rule with a line": (said(rule="a\nb"), "uses[0].rule"),
    "a formula": (said(need="=1+1"), "uses[0].need"),
    "a problem in markup": (said(problem="<b>"), "uses[0].problem"),
    "a long word": (said(rule="r" * 300), "uses[0].rule"),
    "no port": (said(port=65_536), "uses[0].port"),
    "no status": (said(status=99), "uses[0].status"),
    "no instant": (said(first_at="now"), "uses[0].first_at"),
    "before time": (said(first_at="1969-12-31T23:59:59Z"), "uses[0].first_at"),
    "backwards": (said(last_at="2027-01-15T07:59:59Z"), "uses[0].last_at"),
    "maybe masked": (said(masked="yes"), "uses[0].masked"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_body_that_is_no_batch_is_refused_by_its_member(
    client: ClientSession, stage: Stage, name: str
) -> None:
    """Nothing of it reaches the verbs."""
    body, field = HOSTILE[name]

    status, problem, _ = await refused(client, body)

    assert (status, problem["field"]) == (400, field)
    assert stage.verbs() == []


@pytest.mark.parametrize(
    "error", [TaskClosedError("x"), SlowDownError(31_000)], ids=["over", "slow"]
)
async def test_what_is_not_taken_says_why(
    client: ClientSession, stage: Stage, error: TaskClosedError | SlowDownError
) -> None:
    """By a word that the client knows; and, where that helps, when to come back."""
    stage.errors["said.note"] = error

    status, problem, later = await refused(client, {"uses": [USE]})

    expected = (409, "") if isinstance(error, TaskClosedError) else (429, "31")
    assert (status, later) == expected
    assert problem["type"].endswith(error.code)
