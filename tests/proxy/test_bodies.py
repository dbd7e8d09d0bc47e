"""Bodies of any length pass both ways, in pieces, and end where they say."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from broker.proxy import Limits
from tests.fakes.proxy_lab import (
    TOKEN,
    Lab,
    Received,
    Upstream,
    echo,
    opened,
    plain_answer,
    saying,
)

BIG = bytes(range(256)) * 32_768
"""8 MiB."""


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_body_arrives_whole(lab: Lab, *, chunked: bool) -> None:
    """Up and down."""
    lab.upstream.answer = echo
    child = await lab.inside()
    more = "Transfer-Encoding: chunked\r\n" if chunked else f"Content-Length: {len(BIG)}\r\n"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BIG), BIG) if chunked else BIG

    reply = await child.say(lab.request("/v1/files/x", method="POST", more=more) + body)

    assert reply.status == 200
    assert hashlib.sha256(reply.body[-len(BIG) :]).digest() == hashlib.sha256(BIG).digest()


async def test_pieces_come_as_they_are_said(lab: Lab) -> None:
    """An event stream is not kept back, although it is looked through for the credential."""
    said = asyncio.Event()

    async def stream(_: Upstream, __: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nfirst r\r\n")
        await said.wait()
        writer.write(b"6\r\nsecond\r\n0\r\n\r\n")

    lab.upstream.answer = stream
    child = await lab.inside()
    child.writer.write(lab.request())
    await child.reader.readuntil(b"\r\n\r\n")

    first = await child.reader.readuntil(b"first \r\n")
    said.set()
    rest = await child.reader.readuntil(b"0\r\n\r\n")

    assert first.endswith(b"first \r\n")
    assert b"rsecond" in rest  # "r" may have been the beginning of the credential


async def test_a_credential_that_comes_in_pieces_is_masked(lab: Lab) -> None:
    """No piece of it that says anything passes either."""
    token = TOKEN.encode()

    async def stream(_: Upstream, __: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Seen: %b\r\nTransfer-Encoding: chunked\r\n\r\n" % token)
        for piece in (b"<", token[:5], token[5:9], token[9:], b">", token[:-1]):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write(b"0\r\n\r\n")

    lab.upstream.answer = stream
    child = await lab.inside()

    reply = await child.say(lab.request())

    assert reply.body == b"<" + b"*" * len(token) + b">" + token[:-1]
    assert token not in reply.head


async def test_an_answer_that_ends_with_its_connection_is_framed_anew(lab: Lab) -> None:
    """So the child knows its end, and goes on."""
    lab.upstream.answer = saying(b"HTTP/1.0 200 OK\r\n\r\nall there is", then_closes=True)
    child = await lab.inside()

    reply = await child.say(lab.request())
    again = await child.say(lab.request())

    assert (reply.body, again.body) == (b"all there is", b"all there is")
    assert lab.upstream.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
        b"SSH-2.0-x\r\n\r\n",
    ],
)
async def test_an_answer_with_two_readings_is_refused(lab: Lab, answer: bytes) -> None:
    """It could be out of step with the requests."""
    lab.upstream.answer = saying(answer)
    child = await lab.inside()

    reply = await child.say(lab.request())

    assert (reply.status, reply.problem) == (502, "bad-answer")


async def test_what_is_not_the_childs_is_left_out_of_answers(lab: Lab) -> None:
    """A session would outlive the credential; another service would be past the proxy."""
    lab.upstream.answer = saying(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: s=1\r\nAlt-Svc: h3=x\r\nConnection: X-Own\r\n"
        b"Keep-Alive: 5\r\nLocation: https://evil.test/\r\nContent-Length: 0\r\n\r\n"
    )
    child = await lab.inside()

    reply = await child.say(lab.request())

    names = {line.partition(b":")[0].lower() for line in reply.head.split(b"\r\n")}
    assert names == {b"http/1.1 200 ok", b"location", b"content-length", b""}


async def test_a_redirect_is_the_childs_to_follow(lab: Lab) -> None:
    """The credential goes nowhere by itself."""
    lab.upstream.answer = saying(
        b"HTTP/1.1 302 Found\r\nLocation: https://other.test/\r\nContent-Length: 0\r\n\r\n"
    )
    child = await lab.inside()

    reply = await child.say(lab.request())

    assert reply.status == 302
    assert len(lab.upstream.received) == 1


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Le"])
async def test_a_server_that_goes_away_is_told_of(lab: Lab, answer: bytes) -> None:
    """And the child may ask again."""
    lab.upstream.answer = saying(answer, then_closes=True)
    child = await lab.inside()

    reply = await child.say(lab.request())
    lab.upstream.answer = plain_answer
    again = await child.say(lab.request())

    assert (reply.status, reply.problem) == (502, "no-answer")
    assert again.status == 200


async def test_an_answer_that_breaks_off_breaks_off_for_the_child(lab: Lab) -> None:
    """Half an answer is not made to look whole."""
    lab.upstream.answer = saying(
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf", then_closes=True
    )
    child = await lab.inside()
    child.writer.write(lab.request())

    with pytest.raises(asyncio.IncompleteReadError):
        await child.hear()


async def test_a_kept_connection_that_died_is_replaced(lab: Lab) -> None:
    """What changes nothing is asked again; the child does not notice."""
    child = await lab.inside()
    await child.say(lab.request())
    lab.upstream.hang_up()

    reply = await child.say(lab.request())

    assert reply.status == 200
    assert lab.upstream.connections == 2


async def test_head_answers_have_no_body(lab: Lab) -> None:
    """Whatever length they tell of."""
    lab.upstream.answer = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
    child = await lab.inside()
    child.writer.write(lab.request(method="HEAD"))

    reply = await child.hear(has_body=False)
    lab.upstream.answer = plain_answer
    again = await child.say(lab.request())

    assert b"Content-Length: 99" in reply.head
    assert again.status == 200


async def test_a_child_that_waits_for_a_word_gets_it(lab: Lab) -> None:
    """Once the request is judged; a refused one gets none."""
    child = await lab.inside()
    more = "Expect: 100-continue\r\nContent-Length: 5\r\n"
    refused = await child.say(lab.request("/v1/secret", method="POST", more=more))
    assert refused.status == 403

    child = await lab.inside()
    first = await child.say(lab.request("/v1/files/x", method="POST", more=more))
    second = await child.say(b"hello")

    assert (first.status, second.status) == (100, 200)
    assert lab.upstream.received[0].body == b"hello"
    assert lab.upstream.received[0].values("expect") == []


async def test_an_early_answer_ends_the_exchange(lab: Lab) -> None:
    """A server that has heard enough is not sent the rest."""

    async def refuse(_: Upstream, __: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    lab.upstream.answer = refuse
    lab.upstream.reads_bodies = False
    child = await lab.inside()

    reply = await child.say(
        lab.request("/v1/files/x", method="POST", more="Content-Length: 9999999\r\n") + b"begin"
    )

    assert reply.status == 413
    assert b"Connection: close" in reply.head
    assert await child.is_closed()


async def test_silent_peers_are_let_go(tmp_path: Path) -> None:
    """A head that does not end, an answer that does not come, a connection that is not used."""
    limits = Limits(head_seconds=0.1, answer_seconds=0.1, kept_seconds=0.3, silent_seconds=0.1)
    async with opened(tmp_path, limits=limits) as lab:
        slow = await lab.inside()
        slow.writer.write(b"GET /v1/orders HTTP/1.1\r\nHost: ")
        assert await slow.is_closed()

        lab.upstream.answer = saying(b"")
        reply = await (await lab.inside()).say(lab.request())
        assert (reply.status, reply.problem) == (504, "silent")

        idle = await lab.child()
        assert await idle.is_closed()

        half = await lab.inside()
        half.writer.write(
            lab.request("/v1/files/x", method="POST", more="Content-Length: 9\r\n") + b"half"
        )
        assert await half.is_closed()


async def test_one_connection_too_many_is_closed(tmp_path: Path) -> None:
    """Those that are there go on."""
    async with opened(tmp_path, limits=Limits(connections=1)) as lab:
        first = await lab.inside()
        second = await lab.child()

        assert await second.is_closed()
        assert (await first.say(lab.request())).status == 200
