"""The log of a whole server, at its most talkative, under requests full of secrets."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog
from aiohttp import ClientSession

from broker.http.limits import Limits
from broker.logs import configure
from tests.fakes.clock import FakeClock
from tests.fakes.samples import CREDENTIAL, TASK
from tests.fakes.services import Stage
from tests.fakes.wire import Wire
from tests.http.conftest import Dial

CANARY = "canary-5f3a"
AGENT = {"Authorization": "Bearer token-of-agent"}


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the lines go; logging is as before afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("debug", "json", stream, clock=FakeClock())
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def changes(stream: io.StringIO) -> dict[str, Any]:
    """Log for real."""
    assert stream.getvalue() == ""
    return {"log": structlog.get_logger("broker.http")}


@pytest.fixture
def limits() -> Limits:
    """Log every request."""
    return replace(Limits(drain_seconds=1.0), log_requests=True)


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    """Read the lines back."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def refused(wire: Wire, data: str) -> None:
    """Send bytes and see the connection end."""
    await wire.send(data.encode())
    await wire.rest()


async def test_nothing_that_callers_send_is_in_the_log(
    client: ClientSession, dial: Dial, stream: io.StringIO, stage: Stage
) -> None:
    """Tokens, bodies, headers, paths, broken bytes, and what libraries say of them (F12, M6)."""
    stage.errors["tasks.show"] = RuntimeError(f"failed on {CANARY}")
    for bad in (
        f"{CANARY} / HTTP/1.1\r\n\r\n",
        f"GET /{CANARY} HTTP/1.1\r\nHost: b\r\nX: \x00{CANARY}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: b\r\n{CANARY}\r\n\r\n",
        f"POST / HTTP/1.1\r\nHost: b\r\nContent-Length: {CANARY}\r\n\r\n",
    ):
        await refused(await dial(), bad)
    for method, path, headers, body in (
        ("GET", f"/v1/{CANARY}", AGENT, None),
        ("GET", f"/v1/tasks?{CANARY}={CANARY}", AGENT, None),
        ("GET", f"/v1/tasks/{TASK}", {"Authorization": f"Bearer {CANARY}"}, None),
        ("GET", f"/v1/tasks/{TASK}", AGENT | {"X-Secret": CANARY}, None),
        ("GET", f"/v1/tasks/{CANARY}", AGENT, None),
        ("POST", f"/v1/tasks/{TASK}/extend", AGENT, {CANARY: CANARY}),
        ("POST", f"/v1/tasks/{TASK}/claim", AGENT, {"handle": CANARY}),
    ):
        async with client.request(method, path, headers=headers, json=body):
            pass

    assert CANARY not in stream.getvalue()
    assert [event["status"] for event in events(stream) if event["event"] == "request"] == [
        404,
        400,
        401,
        500,
        400,
        400,
        200,
    ]


async def test_a_delivered_credential_is_not_in_the_log(
    client: ClientSession, stream: io.StringIO
) -> None:
    """The request is, by its template."""
    body = {"capability": "orders-api", "scopes": ["orders:read"]}
    path = f"/v1/tasks/{TASK}/credentials"
    async with client.post(path, headers=AGENT, json=body) as answer:
        request_id = answer.headers["X-Request-Id"]

    assert CREDENTIAL not in stream.getvalue()
    (event,) = [event for event in events(stream) if event["event"] == "request"]
    del event["milliseconds"]
    assert event == {
        "at": "2027-01-15T08:00:00.000Z",
        "level": "info",
        "event": "request",
        "logger": "broker.http",
        "request_id": request_id,
        "method": "POST",
        "route": "/v1/tasks/{task}/credentials",
        "status": 201,
        "caller": "agent:invoice-bot",
    }


async def test_our_failure_is_traced_to_its_place(
    client: ClientSession, stream: io.StringIO, stage: Stage
) -> None:
    """Class, module and line: enough to find it, and no more."""
    stage.errors["tasks.show"] = RuntimeError(CANARY)

    async with client.get(f"/v1/tasks/{TASK}", headers=AGENT):
        pass

    (event,) = [event for event in events(stream) if event["event"] == "request failed"]
    assert event["level"] == "error"
    assert event["trace"][0] == "RuntimeError"
    assert event["trace"][-1].startswith("  tests.fakes.services:")
