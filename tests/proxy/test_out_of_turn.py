"""What is said out of turn is nobody's answer; who is refused in the middle of a body hears why."""

import asyncio
from pathlib import Path

import pytest

from broker.proxy import Limits
from tests.fakes.proxy_lab import Lab, Received, Upstream, opened

STALE = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 5\r\n\r\nstale"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
EXTRA = {
    "another answer": OK + STALE,
    "a body after HEAD": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + STALE,
    "a body after 204": b"HTTP/1.1 204 No Content\r\n\r\n" + STALE,
    "a body after 304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n" + STALE,
}


@pytest.mark.parametrize("case", list(EXTRA))
async def test_no_answer_is_taken_for_that_of_the_next_request(lab: Lab, case: str) -> None:
    """A server may say that it waits no longer, or send a body where there is none."""
    said = [EXTRA[case], OK]

    async def answer(_: Upstream, __: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(said.pop(0))

    lab.upstream.answer = answer
    child = await lab.inside()
    child.writer.write(lab.request(method="HEAD" if "HEAD" in case else "GET"))
    await child.hear(has_body=case == "another answer")
    await asyncio.sleep(0.05)

    more = "Content-Length: 0\r\n"
    reply = await child.say(lab.request("/v1/files/x", method="POST", more=more))

    assert (reply.status, reply.body) == (200, b"ok")
    assert lab.upstream.connections == 2


async def test_a_child_that_is_refused_in_the_middle_of_a_body_hears_why(lab: Lab) -> None:
    """Many clients listen only when they have sent all; closing at once would take it away."""
    child = await lab.inside()
    more = "Content-Length: 8000000\r\n"

    child.writer.write(lab.request("/v1/secret", method="POST", more=more) + b"x" * 8_000_000)
    await child.writer.drain()
    reply = await child.hear()

    assert (reply.status, reply.problem) == (403, "not-declared")
    assert lab.upstream.received == []


async def test_a_server_that_answers_early_is_heard_by_a_child_that_sends_on(lab: Lab) -> None:
    """The rest of the body goes nowhere."""

    async def refuse(_: Upstream, __: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()

    lab.upstream.answer = refuse
    lab.upstream.reads_bodies = False
    child = await lab.inside()
    more = "Content-Length: 8000000\r\n"

    child.writer.write(lab.request("/v1/files/x", method="POST", more=more) + b"x" * 8_000_000)
    await child.writer.drain()

    assert (await child.hear()).status == 413


async def test_who_sends_on_for_ever_is_closed(tmp_path: Path) -> None:
    """Listening to it has a bound."""
    async with opened(tmp_path, limits=Limits(linger_seconds=0.1, head_seconds=0.3)) as lab:
        child = await lab.inside()
        more = "Content-Length: 999999999999\r\n"
        await child.say(lab.request("/v1/secret", method="POST", more=more))

        async with asyncio.timeout(20):
            while not child.reader.at_eof() and child.reader.exception() is None:
                child.writer.write(b"x" * 1000)
                await asyncio.sleep(0.01)
