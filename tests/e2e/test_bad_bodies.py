"""What is no strict JSON, of another type, packed or too long is refused before it is read."""

import json
from typing import Final

import pytest

from tests.fakes.cast import AGENT, OPERATOR, ORCHESTRATOR, ORDERS
from tests.fakes.world import World, task_body

RAW: Final = {
    "empty": b"",
    "no JSON": b"{",
    "an array": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "trailing": b"{} {}",
    "NaN": b'{"ttl_seconds": NaN}',
    "Infinity": b'{"ttl_seconds": -Infinity}',
    "overflow": b'{"ttl_seconds": 1e999}',
    "a huge integer": b'{"ttl_seconds": ' + b"9" * 5000 + b"}",
    "beyond 64 bits": b'{"ttl_seconds": 9223372036854775808}',
    "twice": b'{"name": "a", "name": "b"}',
    "twice, escaped": b'{"name": "a", "n\\u0061me": "b"}',
    "twice, deep": b'{"ceiling": [{"capability": "a", "capability": "b"}]}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "a surrogate in a key": b'{"\\udfff": 1}',
    "no UTF-8": b'{"name": "\xff"}',
    "overlong UTF-8": b'{"name": "\xc0\xaf"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "NUL": b'{"name": "a\x00"}',
    "a raw control": b'{"name": "a\tb"}',
    "a comment": b'{"name": "a" /* x */}',
    "a trailing comma": b'{"name": "a",}',
    "deep": b"[" * 1000 + b"]" * 1000,
    "very deep": b"[" * 30_000,
    "deep objects": b'{"a":' * 100 + b"1" + b"}" * 100,
}


@pytest.mark.parametrize("data", RAW.values(), ids=RAW.keys())
async def test_what_is_no_strict_json_is_refused_everywhere(world: World, data: bytes) -> None:
    """Before its members mean anything; what is said back holds nothing of it."""
    task = await world.open()
    issued = await world.issue(task["id"])
    paths = {
        "/v1/tasks": ORCHESTRATOR,
        f"/v1/tasks/{task['id']}/credentials": AGENT,
        f"/v1/tasks/{task['id']}/claim": AGENT,
        f"/v1/tasks/{task['id']}/extend": AGENT,
        f"/v1/credentials/{issued['id']}/renew": AGENT,
        "/v1/revocations": OPERATOR,
        "/v1/feed/ack": ORDERS,
    }
    await world.settle()
    before = world.dump()

    for path, who in paths.items():
        answer = await world.call(
            who, "POST", path, data=data, headers={"Content-Type": "application/json"}
        )
        if data == b"" and path.endswith("renew"):
            continue
        assert answer.status == 400, (path, answer.raw)
        json.loads(answer.raw)
    if data:
        assert world.dump() == before


TYPES: Final = {
    "none": "",
    "form": "application/x-www-form-urlencoded",
    "text": "text/plain",
    "another charset": "application/json; charset=utf-16",
    "nearly": "application/jsonx",
    "many": "application/json, text/plain",
}


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES.keys())
async def test_bodies_of_another_type_are_refused(world: World, kind: str) -> None:
    """What a browser would send without asking is not JSON."""
    answer = await world.call(
        ORCHESTRATOR,
        "POST",
        "/v1/tasks",
        data=json.dumps(task_body()).encode(),
        headers={"Content-Type": kind} if kind else {"Content-Type": "application/octet-stream"},
    )

    assert (answer.status, answer.code) == (415, "unsupported-media-type")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity"])
async def test_encoded_bodies_are_refused(world: World, encoding: str) -> None:
    """Nothing is ever unpacked (C10)."""
    answer = await world.call(
        ORCHESTRATOR,
        "POST",
        "/v1/tasks",
        data=b"\x1f\x8b" + bytes(100),
        headers={"Content-Type": "application/json", "Content-Encoding": encoding},
    )

    assert answer.status in (400, 415)


async def test_a_body_beyond_the_limit_is_refused(world: World) -> None:
    """By its stated length, or when it has become too long."""
    data = json.dumps(task_body(name="a" * 70_000)).encode()

    answer = await world.call(
        ORCHESTRATOR, "POST", "/v1/tasks", data=data, headers={"Content-Type": "application/json"}
    )

    assert (answer.status, answer.code) == (413, "content-too-large")
