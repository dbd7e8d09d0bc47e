"""The real feed and the real subscription with a network between them that breaks all the time."""

import asyncio
import json
import random  # noqa: TID251  a seeded run must be repeatable
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from broker.client.backoff import Backoff
from broker.client.deny import digest_of
from broker.client.endpoint import Endpoint, open_session
from broker.client.frames import Snapshot, parse_message
from broker.client.sse import SseEvent
from broker.client.subscription import Subscription
from broker.client.view import View
from broker.clock import SystemClock
from broker.feed.hub import Hub, HubLimits
from broker.feed.messages import snapshot
from broker.http.feed_routes import routes
from broker.http.limits import Limits
from broker.http.server import HttpServer
from broker.model.capability import CheckMode, ResourceServer
from broker.store.feed_event import Announcement
from broker.store.feed_log import Appended, FeedLog
from broker.store.link import Link
from tests.fakes.cutting_proxy import CuttingProxy, cutting
from tests.fakes.ledger import FAR_MS, entry_of, lease_id
from tests.fakes.services import AUDIENCE, Stage
from tests.fakes.serving import serving
from tests.fakes.until import until

ALIVE_MS = 10
SEED = 20_261_128
SERVER = ResourceServer(AUDIENCE, CheckMode.FEED, frozenset({"acme"}))
OTHER = "https://other.example"
BYTES_OF_AN_EVENT = 30
"""Less than any has, so that a snapshot is longer."""


class Killing:
    """Ten kills at a time, of every kind, for this audience and for others."""

    def __init__(self, log: FeedLog) -> None:
        self._log = log
        self._rng = random.Random(SEED)  # noqa: S311  a seeded run must be repeatable
        self._next_n = 1
        self.kills = 0
        self.seq = 0

    async def ten(self) -> None:
        """Let ten accesses be taken away."""
        entries = [self._entry(self._next_n + at) for at in range(10)]
        appended = await self._log.append(0, entries)
        assert isinstance(appended, Appended)
        self._next_n += 10
        self.kills += 10
        self.seq = appended.seqs[-1]

    async def begin_another_epoch(self) -> None:
        """Lose an entry: whoever follows has to take a snapshot."""
        self._next_n += 1
        await self._log.accept_loss(0, self._next_n)

    def somewhere(self, most: int) -> int:
        """Choose the byte at which the next connection breaks."""
        return self._rng.randrange(most)

    def _entry(self, n: int) -> Any:
        rng = self._rng
        name = lease_id(n)
        cut = {"of": "agent", "name": f"a-{n % 50}", "tenant": "acme", "issued_before": n}
        event = rng.choice([{"jti": name}, {"jti": name}, {"task": f"t{name[1:]}"}, {"cut": cut}])
        audience = rng.choice(["*", "*", AUDIENCE, OTHER])
        exp = FAR_MS + 1_000 * rng.randrange(1_000)
        return entry_of(0, n, type="lease.ended", feed=json.dumps(event), aud=audience, exp=exp)


@asynccontextmanager
async def feeding(link: Link, limits: Limits) -> AsyncIterator[tuple[FeedLog, HttpServer]]:
    """Serve a feed from a real log."""
    log = FeedLog(link, "jit")
    hub = Hub(log, lambda: {AUDIENCE: SERVER}, clock=SystemClock(), limits=HubLimits(ALIVE_MS))
    task = asyncio.create_task(hub.run())
    try:
        async with serving(Stage(), limits, extra_routes=routes(hub, limits=limits)) as server:
            yield log, server
            hub.close()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def server_digest(log: FeedLog, up_to: int) -> str:
    """Return the digest of all that the log says this audience must refuse."""
    events: list[Announcement] = []
    after: int | None = 0
    while after is not None:
        page, after = await log.in_force(after=after, up_to=up_to)
        events += [event for event in page if event.reaches(SERVER)]
    said = snapshot("any", up_to, events, more=False)
    whole = parse_message(SseEvent("snapshot", "", said.split(b"data: ", 1)[1]))
    assert isinstance(whole, Snapshot)
    return digest_of(whole.denials, 0)


def quick() -> Backoff:
    """Return delays that a test can wait for."""
    return Backoff(first_seconds=0.0005, cap_seconds=0.002)


async def token() -> str:
    """Return what the doubled attestation takes for the resource server's."""
    return "token-of-resource"


async def agree(log: FeedLog, view: View, seq: int) -> None:
    """Wait until the view has come as far as the log, and compare the two."""
    epoch = (await log.position()).epoch

    def is_there() -> bool:
        at = view.position
        return at is not None and (at.epoch, at.seq) == (epoch, seq)

    await until(is_there)
    assert view.digest(0) == await server_digest(log, seq)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_a_thousand_disconnects_lose_none_of_ten_thousand_kills(
    link: Link, limits: Limits
) -> None:
    """Cut anywhere, in heads, frames, tails and snapshots, both deny sets are equal in the end."""
    view = View(SystemClock())
    async with AsyncExitStack() as stack:
        log, server = await stack.enter_async_context(feeding(link, limits))
        proxy, url = await stack.enter_async_context(cutting(server.addresses[0]))
        session = await stack.enter_async_context(open_session())
        endpoint = Endpoint(url, token, session, allow_plain_http=True)
        following = Subscription(endpoint, view, subscriber="subscriber-1", new_backoff=quick)
        await stack.enter_async_context(following)
        killing = Killing(log)
        await following.wait_current()
        for round_number in range(1_000):
            await killing.ten()
            await _break(proxy, killing, log, view, round_number)
        await agree(log, view, killing.seq)

    assert (killing.kills, proxy.cuts) == (10_000, 1_000)
    asked = [data for data in proxy.sent if data.startswith(b"GET /v1/feed?")]
    assert sum(b"after=" in data for data in asked) > 900
    assert sum(b"after=" not in data for data in asked) >= 10


async def _break(
    proxy: CuttingProxy, killing: Killing, log: FeedLog, view: View, round_number: int
) -> None:
    if round_number % 50 < 49:
        await proxy.cut_after(killing.somewhere(1_000))
        return
    await agree(log, view, killing.seq)
    await killing.begin_another_epoch()
    await proxy.cut_after(killing.somewhere(killing.kills * BYTES_OF_AN_EVENT))  # in the snapshot
    await agree(log, view, killing.seq)
