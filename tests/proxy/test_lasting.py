"""Streams and websockets end with the credential that opened them, and with the child."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from broker.proxy import HeldValues
from broker.secret import Secret
from tests.fakes.certificates import Authority
from tests.fakes.proxy_lab import (
    HOST,
    LEASE,
    OTHER,
    TOKEN,
    Child,
    Lab,
    Received,
    Upstream,
    opened,
    saying,
)

UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\n"
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


async def ticking(_: Upstream, __: Received, writer: asyncio.StreamWriter) -> None:
    """Answer with a stream that does not end."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"4\r\ntick\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def streaming(lab: Lab) -> Child:
    """Open a stream that does not end, with the credential."""
    lab.upstream.answer = ticking
    child = await lab.inside()
    child.writer.write(lab.request())
    await child.reader.readuntil(b"tick")
    return child


async def _drained(child: Child) -> None:
    async with asyncio.timeout(20):
        try:
            while await child.reader.read(65_536):
                pass
        except ConnectionError:
            return


async def test_a_stream_is_cut_when_its_credential_ends(lab: Lab) -> None:
    """Within the time between two looks; it is told as cut."""
    child = await streaming(lab)

    del lab.source.held["orders"]
    await _drained(child)

    (use,) = await lab.told_uses()
    assert (use.outcome, use.rule, use.credential) == ("cut", "read", LEASE)


async def test_a_stream_is_cut_when_another_credential_takes_the_place(lab: Lab) -> None:
    """The former has ended, although there is something to go on with."""
    child = await streaming(lab)

    lab.source.held["orders"] = HeldValues("l_00_other", {"access_token": Secret("another-one")})

    await _drained(child)


async def test_a_renewal_cuts_nothing(lab: Lab) -> None:
    """It is the same credential, with a younger token."""
    child = await streaming(lab)
    asked = lab.source.asked

    lab.source.held["orders"] = HeldValues(LEASE, {"access_token": Secret("a-younger-token")})
    while lab.source.asked < asked + 3:
        await child.reader.readuntil(b"tick")

    assert b"tick" in await child.reader.readuntil(b"tick")


async def test_a_holder_that_does_not_answer_is_no_holder(lab: Lab) -> None:
    """Unsure is no."""
    child = await streaming(lab)

    async def never(_: str) -> HeldValues:
        await asyncio.Event().wait()
        raise AssertionError

    lab.source.current = never  # type: ignore[method-assign]  # the holder hangs from now on

    await _drained(child)


async def test_a_child_that_goes_away_is_noticed(lab: Lab) -> None:
    """The server is not kept busy for nobody."""
    ended = asyncio.Event()

    async def silent(_: Upstream, __: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntick\r\n")
        await writer.wait_closed()
        ended.set()

    lab.upstream.answer = silent
    child = await lab.inside()
    child.writer.write(lab.request())
    await child.reader.readuntil(b"tick")

    child.writer.transport.abort()

    async with asyncio.timeout(20):
        await ended.wait()


async def _shouting(_: Upstream, got: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(SWITCHED + b"\x81\x03hey" + got.head)
    await writer.drain()
    await asyncio.Event().wait()


async def test_a_websocket_carries_the_credential_in_its_handshake_only(lab: Lab) -> None:
    """And not back; it offers no compression, behind which it could not be seen."""
    lab.upstream.answer = _shouting
    child = await lab.inside()

    reply = await child.say(lab.request("/v1/files/ws", more=UPGRADE))
    said = await child.reader.readuntil(b"\r\n\r\n")

    got = lab.upstream.received[0]
    assert reply.status == 101
    assert got.values("authorization") == [f"Bearer {TOKEN}"]
    assert got.values("upgrade") == ["websocket"]
    assert got.values("sec-websocket-extensions") == []
    assert said.startswith(b"\x81\x03hey")
    assert TOKEN.encode() not in said


async def test_a_message_that_ends_as_the_credential_begins_waits_for_no_other(lab: Lab) -> None:
    """Its sender may wait for the answer to it; what follows is looked at as one with it."""
    go_on = asyncio.Event()
    begun, rest = TOKEN[:3].encode(), TOKEN[3:].encode()

    async def talk(_: Upstream, __: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(SWITCHED + b"\x81\x05<<" + begun)
        await go_on.wait()
        writer.write(rest + b">")
        await writer.wait_closed()

    lab.upstream.answer = talk
    child = await lab.inside()
    await child.say(lab.request("/v1/files/ws", more=UPGRADE))

    async with asyncio.timeout(20):
        message = await child.reader.readexactly(7)
    go_on.set()
    more = await child.reader.readuntil(b">")

    assert message == b"\x81\x05<<" + begun
    assert more == b"*" * len(rest) + b">"


async def test_a_websocket_is_cut_when_its_credential_ends(lab: Lab) -> None:
    """Although nobody says anything on it."""
    lab.upstream.answer = _shouting
    child = await lab.inside()
    await child.say(lab.request("/v1/files/ws", more=UPGRADE))

    del lab.source.held["orders"]

    await _drained(child)


@pytest.mark.parametrize(
    ("method", "more"),
    [("POST", UPGRADE), ("GET", UPGRADE + "Content-Length: 3\r\n")],
)
async def test_a_websocket_is_asked_for_in_one_way(lab: Lab, method: str, more: str) -> None:
    """Anything else may be taken for a tunnel by one side only."""
    child = await lab.inside()

    reply = await child.say(lab.request("/v1/files/ws", method=method, more=more))

    assert (reply.status, reply.problem) == (400, "malformed")


async def test_a_server_that_does_not_switch_opens_no_tunnel(lab: Lab) -> None:
    """What follows is not passed on as if it had."""
    lab.upstream.answer = saying(b"HTTP/1.1 426 No\r\nContent-Length: 0\r\n\r\n")
    child = await lab.inside()

    reply = await child.say(lab.request("/v1/files/ws", more=UPGRADE) + lab.request("/v1/secret"))

    assert reply.status == 426
    assert await child.is_closed()
    assert len(lab.upstream.received) == 1


async def test_other_upgrades_are_left_out(lab: Lab) -> None:
    """A server never hears of HTTP/2 (RFC 9110 §7.8 lets it be ignored)."""
    child = await lab.inside()
    more = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n"

    refused = await child.say(lab.request(more=more))
    child = await lab.inside()
    reply = await child.say(lab.request(more="Connection: Upgrade\r\nUpgrade: h2c\r\n"))

    assert (refused.status, reply.status) == (400, 200)
    assert lab.upstream.received[0].values("upgrade") == []


@asynccontextmanager
async def _chat(context: ssl.SSLContext) -> AsyncIterator[int]:
    async def talk(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(f"hello {request.headers['Authorization']}")
        async for message in socket:
            await socket.send_str(f"you said {message.data}")
        return socket

    app = web.Application()
    app.router.add_get("/chat", talk)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_aiohttp_talks_over_a_websocket(tmp_path: Path) -> None:
    """Client and server are aiohttp's own."""
    authority = Authority(tmp_path, "chat")
    route = {"need": "orders", "id": "chat", "host": OTHER, "local": True, "methods": ["GET"]}
    async with (
        _chat(authority.server_context(hosts=(HOST, OTHER))) as port,
        opened(
            tmp_path, more=[route | {"port": port, "paths": ["/chat"]}], authority=authority
        ) as lab,
        aiohttp.ClientSession() as session,
    ):
        trust = ssl.create_default_context(cadata=lab.proxy.authority_pem)
        headers = {"Authorization": f"Bearer {lab.stand_in}"}
        url, proxy = f"https://{OTHER}:{port}/chat", lab.proxy.url.reveal()
        async with session.ws_connect(url, ssl=trust, headers=headers, proxy=proxy) as socket:
            hello = await socket.receive_str()
            await socket.send_str("x" * 100_000)
            said = await socket.receive_str()

    assert hello == f"hello Bearer {'*' * len(TOKEN)}"
    assert said == f"you said {'x' * 100_000}"
