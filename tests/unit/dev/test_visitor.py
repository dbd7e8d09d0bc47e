from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from broker.clock import SystemClock
from broker.dev.step import StepFailedError
from broker.dev.visitor import LOOKS_AFTER, Visitor
from broker.secret import Secret

TOKEN = Secret("a.b.c")
OK = (200, "")
REVOKED = (401, "The credential was revoked: do not use it again")
UNSURE = (401, "This server cannot tell whether the token is alive")

Visited = Callable[[list[tuple[int, str]]], Visitor]


@pytest.fixture
async def visited() -> AsyncIterator[Visited]:
    """Make visitors of a server that gives these answers in order, the last one for ever."""
    answers: list[tuple[int, str]] = []

    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer a.b.c"
        status, why = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.json_response({"error_description": why} if why else {}, status=status)

    app = web.Application()
    app.router.add_get("/orders", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:

        def make(script: list[tuple[int, str]]) -> Visitor:
            answers[:] = script
            return Visitor(session, resource=str(server.make_url("")), clock=SystemClock())

        yield make


async def test_a_good_token_is_accepted(visited: Visited) -> None:
    """200 is what a good token gets."""
    await visited([OK]).is_accepted(TOKEN)


async def test_a_good_token_that_is_refused_fails_the_step(visited: Visited) -> None:
    """The refusal and its reason are what was seen."""
    with pytest.raises(StepFailedError, match="saw 401 The credential was revoked"):
        await visited([REVOKED]).is_accepted(TOKEN)


async def test_the_first_refusal_is_waited_for(visited: Visited) -> None:
    """A token that dies after some uses is dead from the first refusal on."""
    before = SystemClock().monotonic_ms()

    refused_ms = await visited([OK, OK, OK, REVOKED]).first_refusal_ms(TOKEN, "revoked")

    assert refused_ms >= before


@pytest.mark.parametrize("again", range(1, LOOKS_AFTER + 1))
async def test_a_refusal_that_does_not_stay_is_found(visited: Visited, again: int) -> None:
    """A token that comes back to life after its first refusal is not dead."""
    script = [OK, *[REVOKED] * again, OK, REVOKED]

    with pytest.raises(StepFailedError, match="and for good; saw 200"):
        await visited(script).first_refusal_ms(TOKEN, "revoked")


async def test_a_server_that_is_unsure_proves_nothing(visited: Visited) -> None:
    """A 401 because the feed was lost is not the death of the token."""
    with pytest.raises(StepFailedError, match="because it was revoked, and for good; saw 401 This"):
        await visited([OK, UNSURE]).first_refusal_ms(TOKEN, "revoked")


async def test_a_token_that_does_not_die_ends_the_patience(
    visited: Visited, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for ever for a token that lives on."""
    monkeypatch.setattr("broker.dev.visitor.PATIENCE_SECONDS", 0.1)

    with pytest.raises(StepFailedError, match=r"still accepted after 0\.1 s"):
        await visited([OK]).first_refusal_ms(TOKEN, "revoked")
