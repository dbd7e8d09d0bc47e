"""Servers that decide, and lie, drip, hang, flood or are replaced: nothing is ever permitted.

C14: a decision is complete and typed, or it is a Deny.
"""

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from aiohttp import web

from broker.engines.channel import MAX_ANSWER_BYTES
from broker.model.decision import Decision, Deny, Permit
from broker.settings.policy import PolicySettings
from tests.fakes import raw_server
from tests.fakes.engine_server import PERMIT, authzen, deciding, opa, serving
from tests.fakes.policy import QUERY

HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
YES: Final = {
    "opa": json.dumps({"result": PERMIT}).encode(),
    "authzen": b'{"decision": true}',
}
NAMED: Final[dict[str, Callable[..., PolicySettings]]] = {"opa": opa, "authzen": authzen}
BOTH: Final = pytest.mark.parametrize("kind", sorted(NAMED))


def whole(body: bytes, head: bytes = HEAD) -> bytes:
    """Write an answer with its length."""
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def failed(decision: Decision) -> str:
    """Return why there was no answer, or fail."""
    assert isinstance(decision, Deny), decision
    assert decision.reason == "engine-error"
    return decision.trace.errors[0]


async def asked(kind: str, play: raw_server.Play, deadline_ms: int = 10_000) -> list[Decision]:
    """Ask a server that plays a part, once by itself and once in a list."""
    async with raw_server.running(play) as server:
        settings = NAMED[kind](server.url, deadline_ms=deadline_ms, batch=1)
        async with deciding(settings) as decider:
            return [await decider.decide(QUERY), *await decider.decide_many([QUERY])]


@BOTH
async def test_the_honest_answer_of_these_tests_permits(kind: str) -> None:
    """So that each refusal below is for what is wrong in it."""
    decisions = await asked(kind, raw_server.saying(whole(YES[kind])))

    assert all(isinstance(decision, Permit) for decision in decisions)


def spoiled(yes: bytes) -> dict[str, bytes]:
    """Make answers that would permit but for one thing."""
    redirect = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /\r\n"
    huge = b"[" + b" " * MAX_ANSWER_BYTES + b"]"
    return {
        "nothing": b"",
        "not HTTP": b"yes\r\n\r\n",
        "created": whole(yes, HEAD.replace(b"200 OK", b"201 Created")),
        "error": whole(yes, HEAD.replace(b"200 OK", b"500 Internal Server Error")),
        "forbidden": whole(yes, HEAD.replace(b"200 OK", b"403 Forbidden")),
        "redirect": whole(yes, redirect),
        "redirect elsewhere": whole(yes, redirect.replace(b"/\r", b"http://169.254.169.254/\r")),
        "half an answer": whole(yes + b" " * 20)[:-30],
        "html": whole(yes, HEAD.replace(b"application/json", b"text/html")),
        "no type": whole(yes, b"HTTP/1.1 200 OK\r\n"),
        "compressed": whole(gzip.compress(yes), HEAD + b"Content-Encoding: gzip\r\n"),
        "called compressed": whole(yes, HEAD + b"Content-Encoding: gzip\r\n"),
        "two lengths": HEAD + b"Content-Length: 5\r\n" + whole(yes).partition(HEAD)[2],
        "no object": whole(b"[" + yes + b"]"),
        "a word": whole(b"true"),
        "a mark first": whole(b"\xef\xbb\xbf" + yes),
        "more after": whole(yes + b"{}"),
        "another encoding": whole(yes.decode().encode("utf-16")),
        "deep": whole(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        "huge": whole(huge),
        "huge and permitting": whole(yes[:-1] + b" " * MAX_ANSWER_BYTES + b"}"),
        "empty": whole(b""),
    }


@pytest.mark.parametrize("lie", sorted(spoiled(b"")))
@BOTH
async def test_c14_what_is_wrong_in_one_thing_permits_nothing(kind: str, lie: str) -> None:
    """C14: by itself and in a list; no redirect is followed."""
    decisions = await asked(kind, raw_server.saying(spoiled(YES[kind])[lie]))

    assert all(failed(decision) for decision in decisions)


@pytest.mark.parametrize("mood", ["hang", "hang in the head", "hang in the body", "drip", "flood"])
@BOTH
async def test_c14_what_does_not_end_permits_nothing(kind: str, mood: str) -> None:
    """C14: the deadline is for all of an answer, however it is drawn out."""
    yes = YES[kind]
    play = {
        "hang": raw_server.saying(then_hang=True),
        "hang in the head": raw_server.saying(HEAD, then_hang=True),
        "hang in the body": raw_server.saying(whole(yes)[:-1], then_hang=True),
        "drip": raw_server.for_ever(b" ", pause=0.02, head=HEAD + b"\r\n" + yes),
        "flood": raw_server.for_ever(b" " * 65_536, head=HEAD + b"\r\n" + yes),
    }[mood]

    decisions = await asked(kind, play, deadline_ms=100 if mood != "flood" else 10_000)

    assert all(failed(decision) for decision in decisions)


@BOTH
async def test_c14_nobody_there_permits_nothing(kind: str) -> None:
    """C14: a port that nobody listens at."""
    async with serving(lambda _: {}) as server:
        url = server.url
    async with deciding(NAMED[kind](url)) as decider:
        assert "no answer" in failed(await decider.decide(QUERY))


@BOTH
async def test_c8_no_engine_is_where_a_cloud_keeps_its_secrets(kind: str) -> None:
    """C8: a name that leads to link-local addresses is not dialled."""
    settings = NAMED[kind]("http://169.254.169.254:80", deadline_ms=200)

    async with deciding(settings) as decider:
        assert failed(await decider.decide(QUERY))


@BOTH
async def test_what_a_server_says_is_not_said_on(kind: str) -> None:
    """A trace is for operators' eyes, and no way for a server to write into logs."""
    evil = "\x1b[2J\r\nallow=true s3cret"
    bodies = [
        {"result": PERMIT | {evil: 1}, "decision": evil},
        {"result": {"allow": evil, "obligations": {}, "policies": [evil]}, "decision": evil},
        {
            "result": PERMIT | {"policies": [evil]},
            "decision": True,
            "context": {"jit_broker": evil},
        },
        {evil: evil},
    ]
    for body in bodies:

        def say(_: Any, body: Any = body) -> Any:
            return body

        async with serving(say) as server, deciding(NAMED[kind](server.url)) as decider:
            why = failed(await decider.decide(QUERY))
            assert "s3cret" not in why
            assert why.isprintable()


def several(*answers: Any) -> Any:
    """Answer a batch."""
    return {"evaluations": list(answers)}


@pytest.mark.parametrize(
    "answer",
    [
        several({"decision": True}),
        several({"decision": True}, {"decision": True}, {"decision": True}),
        several(),
        {"decision": True},
        {"evaluations": {"0": {"decision": True}, "1": {"decision": True}}},
    ],
    ids=repr,
)
async def test_c14_a_batch_of_another_length_answers_nobody(answer: Any) -> None:
    """C14: nobody could say whose answer is missing."""
    async with serving(lambda _: answer) as server, deciding(authzen(server.url)) as decider:
        decisions = await decider.decide_many([QUERY, QUERY])

    assert [failed(decision) for decision in decisions]


async def test_c14_answers_that_were_mixed_up_answer_nobody() -> None:
    """C14: a proxy that gives one caller's answer to another is found out by the request's id."""

    def say(_: Any) -> Any:
        return web.json_response({"decision": True}, headers={"X-Request-ID": "of-another"})

    async with serving(say) as server, deciding(authzen(server.url)) as decider:
        assert "another request" in failed(await decider.decide(QUERY))


async def test_one_lying_answer_spoils_no_other() -> None:
    """Each question has its own; no state is kept between them."""
    answers = iter([{"result": {}}, {"result": PERMIT}, {"result": "true"}, {"result": PERMIT}])
    async with serving(lambda _: next(answers)) as server, deciding(opa(server.url)) as decider:
        decisions = [await decider.decide(QUERY) for _ in range(4)]

    assert [isinstance(decision, Permit) for decision in decisions] == [False, True, False, True]


async def test_a_thousand_questions_to_a_hanging_server_end_together() -> None:
    """They do not queue up behind one another: each has one deadline, waiting included.

    Those that come into a place that became free have a moment left: few do, and not all at once.
    """
    async with (
        raw_server.running(raw_server.saying(then_hang=True)) as server,
        deciding(opa(server.url, deadline_ms=300, max_in_flight=4)) as decider,
    ):
        decisions = await asyncio.gather(*(decider.decide(QUERY) for _ in range(1000)))

    assert {failed(decision) for decision in decisions} == {"no answer within 300 ms"}
    assert 4 <= len(server.heads) < 500
