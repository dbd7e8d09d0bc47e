"""Brokers' hubs over one feed log, and those who listen to them."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack

from broker.errors import UnavailableError
from broker.feed.catch_up import Ticket
from broker.feed.hub import Hub, HubLimits, Resume
from broker.feed.subscriber import Ending
from broker.model.capability import CheckMode, ResourceServer
from broker.model.principal import Kind, Principal
from broker.store.feed_keys import FeedKeys
from broker.store.feed_log import FeedLog
from broker.store.link import Link
from tests.fakes.clock import FakeClock
from tests.fakes.ledger import FAR_MS, FakeLedger, entry_of, lease_id
from tests.fakes.outlet import FakeOutlet

KEYS = FeedKeys("jit")
ORDERS, REPORTS = "https://orders.example", "https://reports.example"
ALIVE_MS = 30


def server(audience: str = ORDERS, *tenants: str) -> ResourceServer:
    """Register a resource server that follows the feed; of all tenants unless some are named."""
    return ResourceServer(audience, CheckMode.FEED, frozenset(tenants or ("*",)))


def caller(name: str = ORDERS, *tenants: str, ends_at_ms: int = FAR_MS) -> Principal:
    """Make a resource server's principal."""
    every = frozenset(tenants or ("*",))
    return Principal(Kind.RESOURCE, name, every, "pod", "https://issuer", name, ends_at_ms)


class Feed:
    """One or more brokers' hubs over one log, and those who listen to them."""

    def __init__(self, link: Link, stack: AsyncExitStack) -> None:
        self.link = link
        self.clock = FakeClock()
        self.log = FeedLog(link, "jit")
        self.ledger = FakeLedger(link)
        self.servers: dict[str, ResourceServer] = {
            one.audience: one for one in (server(ORDERS), server(REPORTS))
        }
        self.is_published = True
        self._stack = stack
        self._shipped = 0

    def registered(self) -> Mapping[str, ResourceServer]:
        """What is registered now."""
        if not self.is_published:
            raise UnavailableError("nothing is published")
        return self.servers

    async def hub(self, log: FeedLog | None = None, **limits: int) -> Hub:
        """Start a broker's hub."""
        chosen = HubLimits(**{"alive_ms": ALIVE_MS, **limits})
        hub = Hub(log or self.log, self.registered, clock=self.clock, limits=chosen)
        task = asyncio.create_task(hub.run())
        self._stack.push_async_callback(cancelled, task)
        return hub

    async def listen(
        self,
        hub: Hub,
        name: str = "subscriber-1",
        *,
        who: Principal | None = None,
        resume: Resume | None = None,
    ) -> "Listener":
        """Connect a subscriber."""
        ticket = await hub.join(who or caller(), name, resume or Resume())
        assert ticket is not None
        outlet = FakeOutlet(start=ticket.after or 0)
        task = asyncio.create_task(hub.serve(ticket, outlet))
        self._stack.push_async_callback(cancelled, task)
        return Listener(outlet, ticket, task)

    async def happen(self, *leases: int, **words: object) -> None:
        """Let leases be revoked, and ship that."""
        for lease in leases:
            self._shipped += 1
            event = {"feed": json.dumps({"jti": lease_id(lease)}), "aud": "*", "exp": FAR_MS}
            await self.log.append(0, [entry_of(0, self._shipped, **{**event, **words})])


class Listener:
    """A connected subscriber."""

    def __init__(self, outlet: FakeOutlet, ticket: Ticket, task: "asyncio.Task[Ending]") -> None:
        self.outlet = outlet
        self.ticket = ticket
        self._task = task

    async def ending(self) -> Ending:
        """Wait for the end of the connection."""
        async with asyncio.timeout(20):
            return await self._task

    async def hears(self, *leases: int) -> None:
        """Wait until all of these were named, in this order, and nothing else."""
        names = [lease_id(lease) for lease in leases]
        await self.outlet.until(lambda outlet: len(outlet.leases) >= len(names))
        assert self.outlet.leases == names

    async def is_told_alive(self, times: int = 1) -> None:
        """Wait for so many more alive messages."""
        enough = len(self.outlet.of("alive")) + times
        await self.outlet.until(lambda outlet: len(outlet.of("alive")) >= enough)


async def cancelled(task: "asyncio.Task[object]") -> None:
    """End a task."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
