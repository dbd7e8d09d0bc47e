"""``/v1/feed`` over a real server, a real store and, where it matters, the real client."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

from broker.client.deny import IdDenial
from broker.client.endpoint import Endpoint, open_session
from broker.client.subscription import Subscription
from broker.client.view import View
from broker.clock import SystemClock
from broker.feed.hub import Hub, HubLimits
from broker.http.feed_routes import routes
from broker.http.limits import Limits
from broker.http.routes import build
from broker.http.server import HttpServer
from broker.http.sockets import TcpEndpoint
from broker.model.capability import CheckMode, ResourceServer
from broker.store.feed_entry import OutboxEntry
from broker.store.feed_log import FeedLog
from broker.store.link import Link
from tests.fakes.clock import FakeClock
from tests.fakes.ledger import FAR_MS, entry_of, lease_id
from tests.fakes.outlet import Heard, parse_events
from tests.fakes.redis_servers import SingleServer
from tests.fakes.services import AUDIENCE, NOW_MS, Stage, make_services
from tests.fakes.wire import Wire

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)

ALIVE_MS = 50
BEARER = {"Authorization": "Bearer token-of-resource"}
SUBSCRIBER = {"subscriber": "subscriber-1"}


@pytest.fixture
def log(link: Link) -> FeedLog:
    """The feed log."""
    return FeedLog(link, "jit")


@pytest.fixture
def servers() -> dict[str, ResourceServer]:
    """One resource server, strict within five seconds."""
    return {AUDIENCE: ResourceServer(AUDIENCE, CheckMode.FEED, frozenset({"acme"}))}


@pytest.fixture
async def hub(log: FeedLog, servers: dict[str, ResourceServer]) -> AsyncIterator[Hub]:
    """A running hub that takes two subscribers."""
    chosen = HubLimits(alive_ms=ALIVE_MS, subscribers=2)
    hub = Hub(log, lambda: servers, clock=FakeClock(NOW_MS), limits=chosen)
    task = asyncio.create_task(hub.run())
    yield hub
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def changes(hub: Hub, limits: Limits) -> dict[str, Any]:
    """The server has the feed's routes."""
    return {"extra_routes": routes(hub, limits=limits)}


@pytest.fixture
async def server(
    stage: Stage, limits: Limits, changes: dict[str, Any], hub: Hub
) -> AsyncIterator[HttpServer]:
    """The server, on a port of 127.0.0.1; the feed ends before it, as in the application."""
    services = make_services(stage, limits=limits, **changes)
    server = HttpServer(build(services), limits, services.log)
    await server.start(TcpEndpoint("127.0.0.1", 0))
    yield server
    hub.close()
    await server.stop()


async def happen(log: FeedLog, *numbers: int, **words: object) -> None:
    """Let leases be revoked: the number is that of the outbox, too."""
    event = {"aud": "*", "exp": FAR_MS}
    for n in numbers:
        feed = json.dumps({"jti": lease_id(n)})
        await log.append(0, [entry_of(0, n, feed=feed, **{**event, **words})])


async def read_until(answer: ClientResponse, leases: int) -> list[Heard]:
    """Read messages until so many leases were named and the feed is alive."""
    found, text = [], b""
    async with asyncio.timeout(20):
        while True:
            text += await answer.content.readany()
            found = parse_events(text[: text.rfind(b"\n\n") + 2])
            is_alive = bool(found) and found[-1].type == "alive"
            if is_alive and sum(len(message.leases) for message in found) >= leases:
                return found


async def test_a_resource_server_reads_snapshot_frames_and_life(
    client: ClientSession, log: FeedLog
) -> None:
    """As ``docs/architecture.md`` has it, byte for byte parseable server-sent events."""
    await happen(log, 1)
    async with client.get("/v1/feed", params=SUBSCRIBER, headers=BEARER) as answer:
        await read_until(answer, 1)
        await happen(log, 2)
        second = await read_until(answer, 1)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"
    [frame] = [message for message in second if message.type == "frame"]
    assert frame.id == "2"
    assert frame.data["prev"] == 1
    assert frame.data["events"] == [{"jti": lease_id(2), "exp": FAR_MS // 1000}]


@pytest.mark.parametrize("by_header", [True, False])
async def test_a_subscriber_resumes_where_it_was(
    client: ClientSession, log: FeedLog, *, by_header: bool
) -> None:
    """By ``after``, or by the header that an EventSource sends; the header is newer."""
    await happen(log, 1, 2, 3)
    epoch = (await log.position()).epoch
    where = {**SUBSCRIBER, "epoch": epoch, "after": "0" if by_header else "2"}
    headers = {**BEARER, **({"Last-Event-ID": "2"} if by_header else {})}

    async with client.get("/v1/feed", params=where, headers=headers) as answer:
        messages = await read_until(answer, 1)

    assert [message.type for message in messages[:2]] == ["frame", "alive"]
    assert messages[0].leases == [lease_id(3)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "subscriber"),
        ("subscriber=", "subscriber"),
        ("subscriber=short", "subscriber"),
        (f"subscriber={'a' * 65}", "subscriber"),
        ("subscriber=Subscriber-1", "subscriber"),
        ("subscriber=subscriber_1", "subscriber"),
        ("subscriber=subscriber-1%0A", "subscriber"),
        ("subscriber=subscriber-%D9%A1", "subscriber"),
        ("subscriber=subscriber-1&subscriber=subscriber-2", "subscriber"),
        ("subscriber=subscriber-1&after=-1", "after"),
        ("subscriber=subscriber-1&after=01", "after"),
        ("subscriber=subscriber-1&after=1.0", "after"),
        ("subscriber=subscriber-1&after=%D9%A1", "after"),
        ("subscriber=subscriber-1&after=99999999999999999", "after"),
        ("subscriber=subscriber-1&after=", "after"),
        ("subscriber=subscriber-1&epoch=a%20b", "epoch"),
        (f"subscriber=subscriber-1&epoch={'a' * 65}", "epoch"),
        ("subscriber=subscriber-1&audience=x", "audience"),
    ],
)
async def test_queries_are_read_strictly(client: ClientSession, query: str, field: str) -> None:
    """What is malformed, repeated or unknown is named and opens nothing."""
    async with client.get(f"/v1/feed?{query}", headers=BEARER) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert (answer.status, problem.get("field")) == (400, field)


@pytest.mark.parametrize(
    ("token", "status"),
    [("agent", 403), ("orchestrator", 403), ("operator", 403), ("nobody", 401)],
)
async def test_only_resource_servers_may_listen(
    client: ClientSession, token: str, status: int
) -> None:
    """Anybody else is refused on both routes."""
    headers = {"Authorization": f"Bearer token-of-{token}"}
    body = {"subscriber": "subscriber-1", "seq": 0}
    async with client.get("/v1/feed", params=SUBSCRIBER, headers=headers) as listening:
        pass
    async with client.post("/v1/feed/ack", json=body, headers=headers) as acknowledging:
        pass

    assert (listening.status, acknowledging.status) == (status, status)


async def test_an_audience_has_only_so_many_subscribers(client: ClientSession) -> None:
    """One too many is told to come later."""
    async with (
        client.get("/v1/feed", params={"subscriber": "subscriber-1"}, headers=BEARER) as one,
        client.get("/v1/feed", params={"subscriber": "subscriber-2"}, headers=BEARER) as two,
        client.get("/v1/feed", params={"subscriber": "subscriber-3"}, headers=BEARER) as three,
    ):
        pass

    assert [one.status, two.status, three.status] == [200, 200, 429]


async def test_an_older_protocol_is_refused(server: HttpServer) -> None:
    """HTTP/1.0 has no chunks, and its proxies hold answers back until their end."""
    async with Wire.to(*server.addresses[0]) as wire:
        head = "GET /v1/feed?subscriber=subscriber-1 HTTP/1.0\r\nHost: x\r\n"
        await wire.send(f"{head}Authorization: Bearer token-of-resource\r\n\r\n".encode())
        answer = await wire.answer()

    assert answer.status == 400


async def test_acknowledgements_are_answered_with_nothing(
    client: ClientSession, log: FeedLog
) -> None:
    """204 when noted; 404 before the subscriber is connected; 400 when it cannot be meant."""
    await happen(log, 1)
    body: dict[str, object] = {"subscriber": "subscriber-1", "seq": 1}

    async def acknowledge(**members: object) -> int:
        async with client.post("/v1/feed/ack", json={**body, **members}, headers=BEARER) as answer:
            return answer.status

    unknown = await acknowledge()
    async with client.get("/v1/feed", params=SUBSCRIBER, headers=BEARER) as answer:
        messages = await read_until(answer, 1)
        epoch = messages[0].data["epoch"]
        statuses = [
            await acknowledge(),
            await acknowledge(epoch=epoch),
            await acknowledge(epoch="another"),
            await acknowledge(seq=2),
            await acknowledge(seq=-1),
            await acknowledge(seq="1"),
            await acknowledge(seq=2**53),
            await acknowledge(subscriber="?"),
            await acknowledge(more=1),
        ]

    assert unknown == 404
    assert statuses == [204, 204, 400, 400, 400, 400, 400, 400, 400]


async def test_a_lost_store_refuses_newcomers(client: ClientSession, single: SingleServer) -> None:
    """503, and nothing is left open."""
    single.kill()
    async with client.get("/v1/feed", params=SUBSCRIBER, headers=BEARER) as answer:
        pass
    single.start()

    assert answer.status == 503


async def test_the_stream_ends_in_good_order_when_the_broker_stops(
    client: ClientSession, hub: Hub
) -> None:
    """The subscriber sees an end, not a broken connection."""
    async with client.get("/v1/feed", params=SUBSCRIBER, headers=BEARER) as answer:
        await read_until(answer, 0)
        hub.close()
        async with asyncio.timeout(20):
            rest = await answer.content.read()

    assert rest.endswith(b"\n\n") or rest == b""


async def test_a_subscriber_that_does_not_read_is_cut_off(
    server: HttpServer, client: ClientSession, log: FeedLog
) -> None:
    """Over real sockets: others go on, and the connection is gone."""
    async with Wire.to(*server.addresses[0]) as wire:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined] - it is a socket's
        head = "GET /v1/feed?subscriber=subscriber-2 HTTP/1.1\r\nHost: x\r\n"
        await wire.send(f"{head}Authorization: Bearer token-of-resource\r\n\r\n".encode())
        async with client.get("/v1/feed", params=SUBSCRIBER, headers=BEARER) as answer:
            await read_until(answer, 0)
            subscribers = 0
            for start in range(1, 16_001, 200):
                entries = [_long_event(n) for n in range(start, start + 200)]
                await log.append(0, entries)
                subscribers = await _count_open(server)
                if subscribers == 1:
                    break

    assert subscribers == 1


def _long_event(n: int) -> OutboxEntry:
    cut = {"of": "issuer", "name": "https://" + "i" * 400, "tenant": "", "issued_before": n}
    return entry_of(0, n, feed=json.dumps({"cut": cut}), aud="*", exp=FAR_MS)


async def _count_open(server: HttpServer) -> int:
    await asyncio.sleep(0.02)
    runner = server._runner.server  # noqa: SLF001 - what the server still holds open
    assert runner is not None
    return len(runner.connections)


async def test_the_client_of_a_resource_server_keeps_in_step(
    server: HttpServer, log: FeedLog, servers: dict[str, ResourceServer]
) -> None:
    """Our own subscription against our own feed: the same set, acknowledged, through a cut."""
    await happen(log, *range(1, 251))
    host, port = server.addresses[0]

    async def token() -> str:
        return "token-of-resource"

    async with open_session() as session:
        endpoint = Endpoint(f"http://{host}:{port}", token, session, allow_plain_http=True)
        view = View(SystemClock())
        async with Subscription(endpoint, view, subscriber="subscriber-1"):
            await _reaches(view, 250)
            servers[AUDIENCE] = replace(servers[AUDIENCE], staleness_ms=4_999)  # cuts it off
            await happen(log, *range(251, 301))
            await _reaches(view, 300)
            await _is_confirmed(log, 300)

    assert view.is_complete
    assert view.digest(0) == _digest(300)


async def _reaches(view: View, seq: int) -> None:
    async with asyncio.timeout(20):
        while view.position is None or view.position.seq < seq:  # noqa: ASYNC110 - a view has no event
            await asyncio.sleep(0.01)


async def _is_confirmed(log: FeedLog, n: int) -> None:
    async with asyncio.timeout(20):
        while True:
            found = await log.subscribers.confirmation(
                0, n, AUDIENCE, 0, staleness_ms=3_600_000, strict=False
            )
            if found.detail.startswith("1 of 1 "):
                return
            await asyncio.sleep(0.01)


def _digest(count: int) -> str:
    view = View(SystemClock())
    view._add(  # noqa: SLF001 - the same set, without a feed
        tuple(IdDenial(lease_id(n), FAR_MS // 1000) for n in range(1, count + 1))
    )
    return view.digest(0)
