"""Clients that are slow on purpose: heads, bodies and answers all have their time."""

import asyncio
import contextlib
import json
import socket

import pytest

from broker.http.limits import Limits
from broker.http.routes import ADMISSION
from broker.http.server import HttpServer
from broker.model.requests import TaskPage
from tests.fakes.replace import replace
from tests.fakes.samples import TASK, a_task
from tests.fakes.services import Stage
from tests.fakes.serving import serving
from tests.fakes.until import PATIENCE_S, until
from tests.fakes.wire import Wire
from tests.http.conftest import Dial

PAUSE_S = 0.05
ENDLESS = 300
"""Pieces of a drip: far more than fit into any deadline here."""

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: broker\r\n\r\n"
AS_AGENT = b"Authorization: Bearer token-of-agent\r\n"


@pytest.fixture
def limits() -> Limits:
    """Short deadlines; idling is allowed for longer than any test waits."""
    return Limits(
        header_seconds=0.4,
        body_seconds=0.4,
        write_seconds=0.4,
        idle_seconds=PATIENCE_S * 2,
        drain_seconds=1.0,
        max_head_bytes=4_096,
    )


async def drip(wire: Wire, piece: bytes = b"y") -> None:
    """Send bytes slowly until the server hangs up, or for far longer than it should wait."""
    with contextlib.suppress(ConnectionError):
        for _ in range(ENDLESS):
            await wire.send(piece)
            await asyncio.sleep(PAUSE_S)


def cuts(stage: Stage) -> list[str]:
    """Name the reasons for which connections were cut."""
    return [entry["reason"] for entry in stage.logs.entries if entry["event"] == "connection cut"]


async def test_a_head_that_drips_is_cut_at_its_deadline(dial: Dial, stage: Stage) -> None:
    """Each byte keeps the connection busy; none of them buys more time (M7)."""
    wire = await dial()
    await wire.send(b"GET /healthz HTTP/1.1\r\nHost: broker\r\nX-Drip: ")

    await drip(wire)

    assert await wire.rest() == b""
    assert cuts(stage) == ["head-too-slow"]


async def test_a_head_that_drips_whole_lines_is_cut_at_its_deadline(
    dial: Dial, stage: Stage
) -> None:
    """Complete fields are no progress either."""
    wire = await dial()
    await wire.send(b"GET /healthz HTTP/1.1\r\nHost: broker\r\n")

    await drip(wire, b"X-Drip: 1\r\n")

    assert await wire.rest() == b""
    assert cuts(stage) == ["head-too-slow"]


async def test_a_silent_connection_is_cut_at_the_head_deadline(dial: Dial, stage: Stage) -> None:
    """Whoever connects has to say something."""
    wire = await dial()

    assert await wire.rest() == b""
    assert cuts(stage) == ["head-too-slow"]


async def test_the_next_head_of_a_connection_has_the_same_deadline(
    dial: Dial, stage: Stage
) -> None:
    """A served request does not make the next one's drip welcome."""
    wire = await dial()
    await wire.send(HEALTH)
    assert (await wire.answer()).status == 200

    await wire.send(b"GET /healthz HTTP/1.1\r\nX-Drip: ")
    await drip(wire)

    assert await wire.rest() == b""
    assert cuts(stage) == ["head-too-slow"]


async def test_a_head_begun_behind_another_request_has_the_same_deadline(
    dial: Dial, stage: Stage
) -> None:
    """The start of a head may hide in the packet of the request before it."""
    wire = await dial()
    await wire.send(HEALTH + b"GET /healthz HTTP/1.1\r\nX-Drip: ")
    assert (await wire.answer()).status == 200

    await drip(wire)

    assert await wire.rest() == b""
    assert cuts(stage) == ["head-too-slow"]


async def test_a_head_in_pieces_is_served_within_its_deadline(dial: Dial) -> None:
    """Slow is not yet too slow."""
    wire = await dial()
    for piece in (b"GET /healthz HT", b"TP/1.1\r\nHo", b"st: broker\r\n", b"\r\n"):
        await wire.send(piece)
        await asyncio.sleep(0.01)

    assert (await wire.answer()).status == 200


async def test_a_served_connection_may_idle_longer_than_a_head_may_take(dial: Dial) -> None:
    """The head's deadline runs only while a head is coming."""
    wire = await dial()
    await wire.send(HEALTH)
    assert (await wire.answer()).status == 200

    await asyncio.sleep(0.8)
    await wire.send(HEALTH)

    assert (await wire.answer()).status == 200


async def test_a_head_beyond_its_length_is_cut(dial: Dial, stage: Stage) -> None:
    """Many fields, each of a lawful length, come to more than a head may be."""
    wire = await dial()
    await wire.send(b"GET /healthz HTTP/1.1\r\nHost: broker\r\n")
    with contextlib.suppress(ConnectionError):
        for number in range(20):
            await wire.send(b"X-%d: %b\r\n" % (number, b"y" * 500))
            await asyncio.sleep(0)

    assert b"200" not in await wire.rest()
    assert cuts(stage) == ["head-too-long"]


async def test_a_body_that_drips_is_refused_at_its_deadline(dial: Dial, stage: Stage) -> None:
    """The caller learns why, the connection is closed, and no verb is called."""
    wire = await dial()
    await wire.send(
        b"POST /v1/tasks/%b/extend HTTP/1.1\r\nHost: broker\r\n%b"
        b"Content-Type: application/json\r\nContent-Length: 400\r\n\r\n" % (TASK.encode(), AS_AGENT)
    )
    dripping = asyncio.create_task(drip(wire, b" "))

    answer = await wire.answer()
    dripping.cancel()

    assert answer.status == 408
    assert json.loads(answer.body)["type"].endswith("/request-timeout")
    assert answer.headers["connection"] == "close"
    assert stage.calls == []


async def test_a_body_that_breaks_off_its_framing_is_refused_at_its_deadline(
    dial: Dial, stage: Stage
) -> None:
    """What follows a broken chunk is neither body nor request."""
    wire = await dial()
    await wire.send(
        b"POST /v1/tasks/%b/extend HTTP/1.1\r\nHost: broker\r\n%b"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        % (TASK.encode(), AS_AGENT)
    )
    await asyncio.sleep(0.05)
    await wire.send(b"zz\r\n{}\r\n0\r\n\r\n" + HEALTH)

    assert (await wire.answer()).status == 408
    assert b"alive" not in await wire.rest()
    assert stage.calls == []


def deaf(address: tuple[str, int], stage: Stage) -> socket.socket:
    """Ask for more than any socket buffer holds, over a connection with a small one."""
    spec = replace(a_task().spec, resources=("dataset:" + "x" * 4_000,))
    stage.off_contract = True
    stage.answers["listing.find"] = TaskPage((replace(a_task(), spec=spec),) * 500, "")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(address)
    client.sendall(b"GET /v1/tasks HTTP/1.1\r\nHost: broker\r\n%b\r\n" % AS_AGENT * 16)
    client.settimeout(0)  # as the loop wants it
    return client


async def test_a_client_that_does_not_read_is_cut(server: HttpServer, stage: Stage) -> None:
    """Unread answers hold memory, so they are held only so long."""
    with deaf(server.addresses[0], stage):
        await stage.entered.wait()
        await until(lambda: server.app[ADMISSION].connections == 0)

    assert len(stage.calls) < 16


async def test_a_client_that_reads_drop_by_drop_is_cut(server: HttpServer, stage: Stage) -> None:
    """To the kernel such a connection is alive; it still takes more time than it has."""
    with deaf(server.addresses[0], stage) as client:
        await stage.entered.wait()
        loop = asyncio.get_running_loop()
        received = 0
        with contextlib.suppress(ConnectionError):
            while chunk := await loop.sock_recv(client, 512):
                received += len(chunk)
                await asyncio.sleep(0.01)

    assert received < 1_000_000
    assert len(stage.calls) < 16


async def test_an_idle_connection_is_closed(stage: Stage, limits: Limits) -> None:
    """Keep-alive ends, too."""
    hasty = replace(limits, idle_seconds=0.3)
    async with serving(stage, hasty) as server, Wire.to(*server.addresses[0]) as wire:
        await wire.send(HEALTH)
        assert (await wire.answer()).status == 200

        assert await wire.rest() == b""
