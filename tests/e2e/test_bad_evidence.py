"""Evidence that is none gets one answer, whatever is wrong with it (C16)."""

from typing import Final

import pytest
from multidict import CIMultiDict

from tests.fakes.cast import ORCHESTRATOR
from tests.fakes.world import World, task_body

HEADERS: Final = [
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"Authorization": "Basic eDp5"},
    {"Authorization": "Bearer x"},
    {"Authorization": "Bearer a.b.c"},
    {"Authorization": "Bearer " + "a" * 7000},
    {"Authorization": "bearer\tx"},
    {"Authorization": "DPoP x"},
]


@pytest.mark.parametrize("headers", HEADERS, ids=str)
async def test_whatever_is_no_evidence_gets_one_answer(
    world: World, headers: dict[str, str]
) -> None:
    """401, the same bytes for all (B28)."""
    nothing = await world.get(None, "/v1/tasks")

    answer = await world.call(None, "GET", "/v1/tasks", headers=headers)

    assert (answer.status, answer.raw) == (401, nothing.raw)
    assert answer.headers["WWW-Authenticate"] == 'Bearer, DPoP algs="ES256 EdDSA"'


CLAIMS: Final = {
    "another audience": {"aud": "other"},
    "two audiences": {"aud": ["jit-broker", "other"]},
    "expired": {"exp": 1},
    "no end": {"exp": ...},
    "a text for an end": {"exp": "9999999999"},
    "far too long": {"exp": 9_999_999_999},
    "no beginning": {"iat": ...},
    "from the future": {"iat": 9_999_999_000, "exp": 9_999_999_999},
    "no kind": {"kind": ...},
    "a kind that is none": {"kind": "root"},
    "a kind that is a list": {"kind": ["agent"]},
    "no name": {"sub": ...},
    "an empty name": {"sub": ""},
    "a surrogate": {"sub": "\ud800"},
    "a line break": {"sub": "a\nb"},
    "an invisible character": {"sub": "invoice-bot\u200b"},
    "a record for a name": {"sub": {"__entity": {"type": "Agent", "id": "invoice-bot"}}},
    "no instance": {"instance": ...},
    "an empty instance": {"instance": ""},
    "an instance with a control": {"instance": "pod\x00"},
    "bound to a key": {"cnf": {"jkt": "x"}},
}


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS.keys())
async def test_evidence_that_is_not_as_declared_gets_the_same_answer(
    world: World, claims: dict[str, object]
) -> None:
    """Whatever is wrong with it; and nothing changes."""
    nothing = await world.get(None, "/v1/tasks")
    before = world.dump()

    answer = await world.call(world.token(ORCHESTRATOR, **claims), "POST", "/v1/tasks", task_body())

    assert (answer.status, answer.raw) == (401, nothing.raw)
    assert world.dump() == before


@pytest.mark.parametrize("name", ["Authorization", "Idempotency-Key"])
async def test_a_header_that_says_who_or_which_comes_once(world: World, name: str) -> None:
    """Two of them are two requests in one (M6, C13); the same twice is refused as well."""
    one = {"Authorization": f"Bearer {world.remembered(ORCHESTRATOR)}", "Idempotency-Key": "k-1"}
    headers = CIMultiDict([*one.items(), (name, one[name])])

    async with world.running[0].session.post(
        "http://broker/v1/tasks", json=task_body(), headers=headers
    ) as answer:
        body = await answer.json(content_type=None)

    assert (answer.status, body["field"]) == (400, name)
    assert await world.told("task.opened") == 0
