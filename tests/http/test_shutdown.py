"""Ends: clients that vanish, and servers that stop."""

import asyncio
import socket
import struct
from dataclasses import replace

import pytest

from broker.http.limits import Limits
from broker.http.routes import ADMISSION
from broker.http.server import HttpServer
from tests.fakes.samples import TASK
from tests.fakes.services import Stage
from tests.fakes.serving import serving
from tests.fakes.until import until
from tests.fakes.wire import Wire
from tests.http.conftest import Dial

HEAD = b"Host: broker\r\nAuthorization: Bearer token-of-agent\r\n"
ISSUE_BODY = b'{"capability": "orders-api", "scopes": ["orders:read"]}'
ISSUE = (
    b"POST /v1/tasks/%b/credentials HTTP/1.1\r\n%bContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (TASK.encode(), HEAD, len(ISSUE_BODY), ISSUE_BODY)
)


async def ended(stage: Stage, verb: str) -> None:
    """Wait until a verb has run to its end."""
    await until(lambda: verb in stage.ended)


@pytest.mark.parametrize("goodbye", ["close", "reset"])
async def test_a_change_runs_to_its_end_although_its_client_is_gone(
    dial: Dial, stage: Stage, server: HttpServer, goodbye: str
) -> None:
    """A verb that was begun is never cut off by whoever asked for it (E17)."""
    stage.held = asyncio.Event()
    wire = await dial()
    await wire.send(ISSUE)
    await stage.entered.wait()

    if goodbye == "reset":
        raw = wire.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await wire.close()
    await until(lambda: server.app[ADMISSION].connections == 0)
    stage.held.set()

    await ended(stage, "issuance.issue")


async def test_a_client_that_vanishes_within_its_body_is_no_error(
    dial: Dial, stage: Stage, server: HttpServer
) -> None:
    """Nothing is called, and nothing is said about it."""
    wire = await dial()
    await wire.send(ISSUE[:-10])
    await asyncio.sleep(0.05)
    await wire.close()
    await until(lambda: server.app[ADMISSION].connections == 0)
    await asyncio.sleep(0.05)

    assert stage.calls == []
    assert stage.logs.entries == []


async def test_stopping_lets_a_request_in_flight_end(stage: Stage, limits: Limits) -> None:
    """Its client gets the answer; nobody new is let in."""
    stage.held = asyncio.Event()
    async with serving(stage, limits) as server, Wire.to(*server.addresses[0]) as wire:
        address = server.addresses[0]
        await wire.send(ISSUE)
        await stage.entered.wait()

        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0.05)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        stage.held.set()

        assert (await wire.answer()).status == 201
        assert await stopping == 0


async def test_stopping_closes_idle_connections(stage: Stage, limits: Limits) -> None:
    """Whoever waits for nothing does not hold the end up, however patient it is."""
    patient = replace(limits, drain_seconds=3600.0, idle_seconds=3600.0)
    async with serving(stage, patient) as server, Wire.to(*server.addresses[0]) as wire:
        await wire.send(b"GET /healthz HTTP/1.1\r\nHost: broker\r\n\r\n")
        assert (await wire.answer()).status == 200

        await asyncio.wait_for(server.stop(), 30)

        assert await wire.rest() == b""


async def test_stopping_out_of_patience_still_lets_a_change_end(
    stage: Stage, limits: Limits
) -> None:
    """Beyond the drain deadline there is time for what must not be cut in half."""
    stage.held = asyncio.Event()
    hasty = replace(limits, drain_seconds=0.1)
    async with serving(stage, hasty) as server, Wire.to(*server.addresses[0]) as wire:
        await wire.send(ISSUE)
        await stage.entered.wait()
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0.5)
        stage.held.set()

        assert await stopping == 0
        assert (await wire.answer()).status == 201
        assert stage.ended == ["issuance.issue"]


async def test_stopping_lets_a_change_end_whose_client_is_gone(
    stage: Stage, limits: Limits
) -> None:
    """Nobody is connected any more, and it is waited for all the same."""
    stage.held = asyncio.Event()
    async with serving(stage, limits) as server:
        async with Wire.to(*server.addresses[0]) as wire:
            await wire.send(ISSUE)
            await stage.entered.wait()
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0.3)
        assert not stopping.done()
        stage.held.set()

        assert await stopping == 0
        assert stage.ended == ["issuance.issue"]


async def test_stopping_out_of_patience_cuts_a_read(stage: Stage, limits: Limits) -> None:
    """What changes nothing is not waited for."""
    stage.held = asyncio.Event()
    hasty = replace(limits, drain_seconds=0.2)
    async with serving(stage, hasty) as server, Wire.to(*server.addresses[0]) as wire:
        await wire.send(b"GET /v1/tasks/%b HTTP/1.1\r\n%b\r\n" % (TASK.encode(), HEAD))
        await stage.entered.wait()

        assert await server.stop() == 0
        assert await wire.rest() == b""
        assert stage.ended == []


async def test_stopping_twice_is_stopping_once(stage: Stage, limits: Limits) -> None:
    """The second time there is nothing to do."""
    async with serving(stage, limits) as server:
        assert await server.stop() == 0
        assert await server.stop() == 0
