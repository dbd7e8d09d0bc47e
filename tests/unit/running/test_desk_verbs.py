"""The agent's verbs at the desk: who may have them done, and how they are read."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from broker.running.desk import Desk
from broker.running.desk_verbs import MAX_BYTES, DeskVerbs
from tests.fakes.agent_verbs import LONG, ScriptedVerbs
from tests.fakes.eventually_true import eventually_true
from tests.fakes.held_values import ORDERS, Shelf

ASK = {"capability": "orders-api", "scopes": ["orders:read"]}
JSON = "application/json"


@pytest.fixture
def verbs() -> ScriptedVerbs:
    """Verbs that are done at once."""
    return ScriptedVerbs()


@pytest.fixture
async def desk(verbs: ScriptedVerbs) -> AsyncIterator[Desk]:
    """A desk that does them."""
    async with Desk(Shelf(ORDERS)) as desk:
        desk.offer(DeskVerbs(verbs))
        yield desk


async def post(
    desk: Desk, verb: str, body: bytes | dict[str, Any], **headers: str
) -> tuple[int, dict[str, Any]]:
    """Have a verb done."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    shown = {"Authorization": desk.token.reveal(), "Content-Type": JSON} | headers
    url = f"{desk.url}/v1/verbs/{verb}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=sent, headers=shown) as answer,
    ):
        return answer.status, json.loads(await answer.read())


@pytest.mark.parametrize(
    ("verb", "body", "noted"),
    [
        ("task", {}, ("task",)),
        ("ask", ASK, ("ask", "orders-api", ["orders:read"], None, {})),
        (
            "ask",
            ASK | {"ttl_seconds": 60, "tool": {"name": "search"}},
            ("ask", "orders-api", ["orders:read"], 60, {"name": "search"}),
        ),
        ("list", {}, ("list",)),
        ("renew", {"credential": "l_1"}, ("renew", "l_1")),
        ("give-up", {"credential": "l_1"}, ("give-up", "l_1")),
        ("why-refused", {}, ("why-refused",)),
    ],
)
async def test_a_verb_is_done_as_it_was_said(
    desk: Desk, verbs: ScriptedVerbs, verb: str, body: dict[str, Any], noted: object
) -> None:
    """And what came of it is told."""
    status, told = await post(desk, verb, body)

    assert (status, verbs.told) == (200, [noted])
    assert told.keys() & {"task", "place", "credentials", "refusals"}


@pytest.mark.parametrize(
    ("verb", "body", "named"),
    [
        ("ask", b"", "not JSON"),
        ("ask", b"[]", "not a JSON object"),
        ("ask", b'{"capability": "a", "capability": "b", "scopes": []}', "repeats"),
        ("ask", b'{"capability": "a"}', "scopes"),
        ("ask", {"capability": 1, "scopes": []}, "capability"),
        ("ask", {"capability": "", "scopes": []}, "capability"),
        ("ask", {"capability": "a" * 201, "scopes": []}, "capability"),
        ("ask", {"capability": "a", "scopes": "b"}, "scopes"),
        ("ask", {"capability": "a", "scopes": ["b"] * 101}, "scopes"),
        ("ask", ASK | {"ttl_seconds": 0}, "ttl_seconds"),
        ("ask", ASK | {"ttl_seconds": True}, "ttl_seconds"),
        ("ask", ASK | {"tool": {"name": "a", "path": "b"}}, "path"),
        ("ask", ASK | {"instance": "another"}, "instance"),
        ("renew", {}, "credential"),
        ("give-up", {"credential": ["l_1"]}, "credential"),
        ("task", {"task": "t_2"}, "task"),
        ("list", {"all": True}, "all"),
        ("why-refused", {"of": "others"}, "of"),
    ],
    ids=range(18),
)
async def test_what_cannot_be_meant_is_refused_by_its_name(
    desk: Desk, verbs: ScriptedVerbs, verb: str, body: bytes | dict[str, Any], named: str
) -> None:
    """And nothing is done."""
    status, told = await post(desk, verb, body)

    assert (status, told["code"]) == (400, "invalid-request")
    assert named in told["detail"]
    assert verbs.told == []


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Authorization": "Bearer wrong"}, (401, "unauthenticated")),
        ({"Host": "evil.example"}, (421, "misdirected")),
        ({"Origin": "http://127.0.0.1"}, (421, "misdirected")),
        ({"Content-Type": "text/plain"}, (415, "not-json")),
        ({"Content-Type": "application/x-www-form-urlencoded"}, (415, "not-json")),
    ],
    ids=["token", "host", "origin", "text", "form"],
)
async def test_the_door_is_the_one_of_the_credentials(
    desk: Desk, verbs: ScriptedVerbs, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    """The same token, the same name; and no page of a browser can send such a body."""
    status, told = await post(desk, "ask", ASK, **headers)

    assert ((status, told["code"]), verbs.told) == (expected, [])


async def test_a_question_is_bounded(desk: Desk, verbs: ScriptedVerbs) -> None:
    """By its bytes."""
    status, told = await post(desk, "ask", b" " * (MAX_BYTES + 1))

    assert ((status, told["code"]), verbs.told) == ((413, "too-long"), [])


async def test_so_many_are_done_at_once_and_no_more(desk: Desk, verbs: ScriptedVerbs) -> None:
    """Whoever is turned away may come again; the others are done."""
    verbs.holds = asyncio.Event()
    waiting = [asyncio.create_task(post(desk, "task", {})) for _ in range(16)]

    async def are_begun() -> bool:
        return len(verbs.told) == 16

    await eventually_true(are_begun, "sixteen verbs")
    turned_away = await post(desk, "task", {})
    verbs.holds.set()
    done = await asyncio.gather(*waiting)
    again = await post(desk, "task", {})

    assert (turned_away[0], turned_away[1]["code"]) == (503, "busy")
    assert [status for status, _ in [*done, again]] == [200] * 17


async def test_a_refusal_is_told_whole(desk: Desk, verbs: ScriptedVerbs) -> None:
    """Its text is for the agent, with how to ask better."""
    verbs.refuses = True

    status, told = await post(desk, "ask", ASK)

    assert (status, told["code"], told["detail"]) == (403, "refused", LONG)


@pytest.mark.parametrize("verb", ["", "nothing", "ask/", "..%2Fcredentials", "ASK"])
async def test_nothing_else_is_a_verb(desk: Desk, verbs: ScriptedVerbs, verb: str) -> None:
    """By whatever name."""
    status, _ = await post(desk, verb, ASK)

    assert (status, verbs.told) == (404, [])


async def test_a_desk_without_verbs_does_none() -> None:
    """It still hands out credentials."""
    async with Desk(Shelf(ORDERS)) as desk:
        status, told = await post(desk, "ask", ASK)

    assert (status, told["code"]) == (404, "unknown-verb")
