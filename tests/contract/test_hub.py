"""What subscribers of the feed may rely on, over real servers."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

import pytest

from broker.errors import AccessDeniedError, InvalidRequestError, NotFoundError, UnavailableError
from broker.feed.catch_up import Ticket
from broker.feed.hub import Hub, HubLimits, Resume
from broker.feed.subscriber import BACKLOG_MAX, Ending
from broker.model.capability import CheckMode, ResourceServer
from broker.model.principal import Kind, Principal
from broker.model.receipt import ReceiptState
from broker.store.feed_keys import FeedKeys
from broker.store.feed_log import FeedLog, LogLimits
from broker.store.link import Link
from tests.fakes.clock import FakeClock
from tests.fakes.ledger import FAR_MS, FakeLedger, entry_of, lease_id
from tests.fakes.outlet import FakeOutlet
from tests.fakes.redis_servers import SingleServer
from tests.fakes.replace import replace

KEYS = FeedKeys("jit")
ORDERS, REPORTS = "https://orders.example", "https://reports.example"
ALIVE_MS = 30

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)


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
        self._stack.push_async_callback(_cancelled, task)
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
        self._stack.push_async_callback(_cancelled, task)
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


async def _cancelled(task: "asyncio.Task[object]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def feed(link: Link) -> AsyncIterator[Feed]:
    """A feed in which nothing has happened."""
    async with AsyncExitStack() as stack:
        yield Feed(link, stack)


async def test_a_newcomer_gets_what_is_in_force_then_what_happens(feed: Feed) -> None:
    """A snapshot at a position, and everything beyond it, with no gap between."""
    await feed.happen(1, 2)
    hub = await feed.hub()

    listener = await feed.listen(hub)
    await listener.hears(1, 2)
    await feed.happen(3)
    await listener.hears(1, 2, 3)

    first = listener.outlet.heard[0]
    assert first.type == "snapshot"
    assert first.data["more"] is False
    assert first.data["seq"] == 2
    listener.outlet.assert_gapless()


async def test_events_carry_their_end_in_whole_seconds_rounded_up(feed: Feed) -> None:
    """Nobody forgets a revocation before the last token that it covers has died."""
    listener = await feed.listen(await feed.hub())
    await listener.is_told_alive()

    await feed.happen(1, exp=FAR_MS + 1)

    await listener.hears(1)
    [event] = listener.outlet.of("frame")[0].data["events"]
    assert event == {"jti": lease_id(1), "exp": FAR_MS // 1000 + 1}


async def test_everybody_of_an_audience_gets_the_same_bytes(feed: Feed) -> None:
    """A frame is made once."""
    hub = await feed.hub()
    listeners = [await feed.listen(hub, f"subscriber-{number}") for number in range(3)]
    for listener in listeners:
        await listener.is_told_alive()

    await feed.happen(1)

    for listener in listeners:
        await listener.hears(1)
    frames = {listener.outlet.raw[-1] for listener in listeners}
    assert len({m for m in frames if m.startswith(b"event: frame")}) <= 1


async def test_prev_names_the_last_event_of_the_audience(feed: Feed) -> None:
    """Events of others do not show, not even as a gap."""
    hub = await feed.hub()
    listener = await feed.listen(hub)
    await listener.is_told_alive()

    await feed.happen(1, aud=ORDERS)
    await listener.hears(1)
    await feed.happen(2, 3, aud=REPORTS)
    await feed.happen(4, aud=f"{REPORTS} {ORDERS}")
    await listener.hears(1, 4)

    frames = [(m.data["prev"], m.data["seq"], m.id) for m in listener.outlet.of("frame")]
    assert frames == [(0, 1, "1"), (1, 4, "4")]


async def test_a_server_of_one_tenant_hears_nothing_of_another(feed: Feed) -> None:
    """I16: neither in the snapshot nor later, even when the event is for every audience."""
    feed.servers[ORDERS] = server(ORDERS, "acme")
    await feed.happen(1, tenant="acme")
    await feed.happen(2, tenant="beta")
    hub = await feed.hub()
    listener = await feed.listen(hub)
    await listener.hears(1)

    await feed.happen(3, tenant="beta")
    await feed.happen(4, tenant="")
    await feed.happen(5, tenant="acme")

    await listener.hears(1, 4, 5)
    assert lease_id(2).encode() not in b"".join(listener.outlet.raw)


async def test_evidence_of_one_tenant_opens_only_that_one(feed: Feed) -> None:
    """A server of all tenants whose token is bound to one hears of that one, beside the others."""
    hub = await feed.hub()
    bound = await feed.listen(hub, "subscriber-1", who=caller(ORDERS, "acme"))
    free = await feed.listen(hub, "subscriber-2")
    for listener in (bound, free):
        await listener.is_told_alive()

    await feed.happen(1, tenant="beta")
    await feed.happen(2, tenant="acme")

    await bound.hears(2)
    await free.hears(1, 2)


@pytest.mark.parametrize(
    "who",
    [
        replace(caller(), kind=Kind.AGENT),
        replace(caller(), kind=Kind.OPERATOR),
        caller("https://nobody.example"),
        caller("https://introspects.example"),
    ],
)
async def test_only_servers_registered_for_the_feed_may_listen(feed: Feed, who: Principal) -> None:
    """Neither agents, nor operators, nor servers that are unknown or check otherwise."""
    other = "https://introspects.example"
    feed.servers[other] = replace(server(other), check=CheckMode.INTROSPECT)
    hub = await feed.hub()

    with pytest.raises(AccessDeniedError):
        await hub.join(who, "subscriber-1", Resume())
    with pytest.raises(AccessDeniedError):
        await hub.acknowledge(who, "subscriber-1", 0, "")


async def test_who_resumes_gets_only_what_it_missed(feed: Feed) -> None:
    """From memory: no snapshot, and no gap."""
    hub = await feed.hub()
    first = await feed.listen(hub)
    await first.is_told_alive()
    await feed.happen(1, 2, 3)
    await first.hears(1, 2, 3)

    epoch = first.ticket.joined.epoch
    second = await feed.listen(hub, "subscriber-2", resume=Resume(1, epoch))

    await second.hears(2, 3)
    assert second.outlet.of("snapshot") == []
    second.outlet.assert_gapless()


async def test_who_resumes_from_before_our_memory_gets_it_from_the_log(feed: Feed) -> None:
    """A broker that was just started knows nothing of the past, and the log does."""
    await feed.happen(*range(1, 451))
    await feed.happen(451, aud=REPORTS)
    epoch = (await feed.log.position()).epoch

    listener = await feed.listen(await feed.hub(), resume=Resume(5, epoch))

    await listener.hears(*range(6, 451))
    await listener.is_told_alive()
    assert listener.outlet.seq == 451
    assert listener.outlet.of("snapshot") == []
    listener.outlet.assert_gapless()


async def test_who_has_missed_nothing_gets_no_frame(feed: Feed) -> None:
    """Only the word that all is read."""
    await feed.happen(1)
    epoch = (await feed.log.position()).epoch

    listener = await feed.listen(await feed.hub(), resume=Resume(1, epoch))

    await listener.is_told_alive()
    assert {message.type for message in listener.outlet.heard} == {"alive"}


@pytest.mark.parametrize(("after", "is_same_epoch"), [(1, False), (2, True), (9, True), (0, False)])
async def test_who_cannot_be_resumed_gets_a_snapshot(
    feed: Feed, *, after: int, is_same_epoch: bool
) -> None:
    """Of another epoch, from before the log's beginning, or from beyond its end."""
    log = FeedLog(feed.link, "jit", limits=LogLimits(keep=1))
    await feed.happen(1, 2, 3, 4)
    await log.tidy()
    epoch = (await log.position()).epoch if is_same_epoch else "another"

    listener = await feed.listen(await feed.hub(), resume=Resume(after, epoch))

    await listener.hears(1, 2, 3, 4)
    assert listener.outlet.heard[0].type == "snapshot"
    assert listener.outlet.seq == 4


async def test_a_long_snapshot_comes_in_pages(feed: Feed) -> None:
    """All at one position; only the last page says that it is the last."""
    await feed.happen(*range(1, 402))

    listener = await feed.listen(await feed.hub())
    await listener.hears(*range(1, 402))

    pages = listener.outlet.of("snapshot")
    assert [len(page.leases) for page in pages] == [200, 200, 1]
    assert [page.data["more"] for page in pages] == [True, True, False]
    assert {page.data["seq"] for page in pages} == {401}


async def test_nobody_misses_anything_while_events_fly(feed: Feed) -> None:
    """Two thousand events, and subscribers that come, go and resume at any moment."""
    hubs = [await feed.hub(), await feed.hub(recent=50)]

    flying = asyncio.create_task(_fly(feed))
    known = await asyncio.gather(*(_come_and_go(feed, hubs, number) for number in range(5)))
    await flying

    everything = {lease_id(n) for n in range(1, 2001)}
    assert all(deny_set == everything for deny_set in known)


async def _fly(feed: Feed) -> None:
    for start in range(1, 2001, 40):
        events = [(n, json.dumps({"jti": lease_id(n)})) for n in range(start, start + 40)]
        entries = [entry_of(0, n, feed=event, aud="*", exp=FAR_MS) for n, event in events]
        await feed.log.append(0, entries)
        await asyncio.sleep(0.01 if start % 3 else 0)


async def _come_and_go(feed: Feed, hubs: list[Hub], number: int) -> set[str]:
    known: set[str] = set()
    name, resume = f"subscriber-{number}", Resume()
    for visit in range(8):
        listener = await feed.listen(hubs[(number + visit) % 2], name, resume=resume)
        await listener.is_told_alive()
        known.update(listener.outlet.leases)
        listener.outlet.assert_gapless()
        resume = Resume(listener.outlet.seq, listener.ticket.joined.epoch)
        listener.outlet.is_closed = True
        await listener.ending()
    listener = await feed.listen(hubs[0], name, resume=resume)
    await listener.outlet.until(lambda outlet: outlet.seq >= 2000)
    listener.outlet.assert_gapless()
    return known.union(listener.outlet.leases)


async def test_alive_names_an_instant_and_all_that_was_sent(feed: Feed) -> None:
    """The position is never behind what was sent, and the instants go forward."""
    listener = await feed.listen(await feed.hub())
    await listener.is_told_alive()
    before_ms = (await feed.log.position()).now_ms
    await feed.happen(1)
    await listener.hears(1)
    await listener.is_told_alive(2)

    last = listener.outlet.of("alive")[-1].data
    instants = [message.data["read_at"] for message in listener.outlet.of("alive")]
    assert last["seq"] == 1
    assert last["epoch"] == listener.ticket.joined.epoch
    assert last["read_at"] >= before_ms
    assert instants == sorted(instants)
    listener.outlet.assert_gapless()


async def test_alive_stops_when_the_store_is_lost_and_goes_on_after(
    feed: Feed, single: SingleServer
) -> None:
    """Frozen or gone: nobody is told that all is read. The connections stay."""
    listener = await feed.listen(await feed.hub())
    await listener.is_told_alive()

    single.freeze()
    await asyncio.sleep(5 * ALIVE_MS / 1000)
    count = len(listener.outlet.of("alive"))
    await asyncio.sleep(20 * ALIVE_MS / 1000)
    silent = len(listener.outlet.of("alive")) == count
    single.thaw()

    assert silent
    await listener.is_told_alive()
    await feed.happen(1)
    await listener.hears(1)


async def test_a_slow_subscriber_is_cut_off_and_holds_up_nobody(feed: Feed) -> None:
    """One byte too many waits for it: it is dropped at once, the others go on."""
    hub = await feed.hub()
    slow = await feed.listen(hub, "subscriber-slow")
    quick = await feed.listen(hub, "subscriber-quick")
    for listener in (slow, quick):
        await listener.is_told_alive()
    slow.outlet.backlog = BACKLOG_MAX
    await feed.happen(1)
    await quick.hears(1)
    tolerated = not slow.outlet.is_aborted

    slow.outlet.backlog = BACKLOG_MAX + 1
    await feed.happen(2)

    assert tolerated
    assert await slow.ending() is Ending.SLOW
    assert slow.outlet.is_aborted
    await quick.hears(1, 2)


async def test_a_connection_ends_with_the_evidence(feed: Feed) -> None:
    """At the instant, not a millisecond before: a stolen token does not listen for ever."""
    hub = await feed.hub()
    ends_at_ms = feed.clock.now_ms() + 1_000
    listener = await feed.listen(hub, who=caller(ends_at_ms=ends_at_ms))
    feed.clock.advance(999)
    await listener.is_told_alive(3)

    feed.clock.advance(1)

    assert await listener.ending() is Ending.EXPIRED


async def test_a_newer_connection_replaces_an_older_one(feed: Feed) -> None:
    """At the same broker and at another one."""
    here, there = await feed.hub(), await feed.hub()
    first = await feed.listen(here)
    await first.is_told_alive()

    second = await feed.listen(here)
    assert await first.ending() is Ending.REPLACED
    third = await feed.listen(there)
    assert await second.ending() is Ending.REPLACED

    await third.is_told_alive()


async def test_a_changed_registration_ends_its_connections(feed: Feed) -> None:
    """The subscriber connects again under what holds now; others do not notice."""
    hub = await feed.hub()
    orders = await feed.listen(hub)
    reports = await feed.listen(hub, who=caller(REPORTS))

    feed.servers[ORDERS] = server(ORDERS, "acme")

    assert await orders.ending() is Ending.CHANGED
    await reports.is_told_alive(2)


async def test_a_subscriber_that_went_away_is_forgotten(feed: Feed) -> None:
    """Nothing is kept for it."""
    listener = await feed.listen(await feed.hub())
    await listener.is_told_alive()

    listener.outlet.is_closed = True

    assert await listener.ending() is Ending.GONE


async def test_a_full_audience_takes_no_more(feed: Feed) -> None:
    """The bound counts at all brokers together."""
    one, two = await feed.hub(subscribers=1), await feed.hub(subscribers=1)
    await feed.listen(one)

    assert await two.join(caller(), "subscriber-2", Resume()) is None


async def test_closing_ends_everybody_and_takes_nobody(feed: Feed) -> None:
    """A broker that stops lets its subscribers go to another one."""
    hub = await feed.hub()
    listener = await feed.listen(hub)
    await listener.is_told_alive()

    hub.close()

    assert await listener.ending() is Ending.CLOSING
    with pytest.raises(UnavailableError):
        await hub.join(caller(), "subscriber-1", Resume())


async def test_acknowledgements_are_checked(feed: Feed) -> None:
    """Only the connected, only what was said, only of this epoch."""
    hub = await feed.hub()
    listener = await feed.listen(hub)
    await feed.happen(1)
    await listener.hears(1)

    await hub.acknowledge(caller(), "subscriber-1", 1, listener.ticket.joined.epoch)
    with pytest.raises(NotFoundError):
        await hub.acknowledge(caller(), "subscriber-2", 1, "")
    with pytest.raises(NotFoundError):
        await hub.acknowledge(caller(REPORTS), "subscriber-1", 1, "")
    with pytest.raises(InvalidRequestError) as ahead:
        await hub.acknowledge(caller(), "subscriber-1", 2, "")
    with pytest.raises(InvalidRequestError) as stale:
        await hub.acknowledge(caller(), "subscriber-1", 1, "another")

    assert (ahead.value.field, stale.value.field) == ("seq", "epoch")


async def test_an_emptied_store_begins_a_new_epoch(feed: Feed) -> None:
    """Everybody has to come again, and gets a snapshot of what there is."""
    hub = await feed.hub()
    await feed.happen(1)
    listener = await feed.listen(hub)
    await listener.hears(1)

    for key in (KEYS.meta, KEYS.log, KEYS.live, KEYS.seqs, KEYS.expiry, KEYS.subs(ORDERS)):
        await feed.ledger.write(key, "DEL")

    assert await listener.ending() is Ending.BROKEN
    again = await feed.listen(hub, resume=Resume(1, listener.ticket.joined.epoch))
    await again.is_told_alive()
    assert again.outlet.heard[0].type == "snapshot"
    assert again.ticket.joined.epoch != listener.ticket.joined.epoch


async def test_a_log_that_went_back_begins_a_new_epoch(feed: Feed) -> None:
    """After a failover that lost the newest entries their numbers mean something else."""
    hub = await feed.hub()
    await feed.happen(1, 2)
    listener = await feed.listen(hub)
    await listener.hears(1, 2)

    await _lose_lease_two(feed)

    assert await listener.ending() is Ending.BROKEN
    await _is_served_anew(feed, hub, listener)


async def test_a_log_that_went_back_and_on_begins_a_new_epoch(feed: Feed) -> None:
    """Even when it is longer again before anybody looks: another entry is in its place."""
    hub = await feed.hub()
    await feed.happen(1, 2)
    listener = await feed.listen(hub)
    await listener.hears(1, 2)

    await _lose_lease_two(feed)
    for bucket in (1, 2, 3):
        await feed.log.append(bucket, [entry_of(bucket, 1)])

    assert await listener.ending() is Ending.BROKEN
    await _is_served_anew(feed, hub, listener)


async def _lose_lease_two(feed: Feed) -> None:
    """Let the store go back to before lease 2 was revoked."""
    await feed.ledger.write(KEYS.log, "DEL")
    await feed.ledger.write(KEYS.log, "XADD", "1-0", "b", "00", "n", "1")
    await feed.ledger.write(KEYS.live, "ZREMRANGEBYSCORE", "2", "2")
    await feed.ledger.write(KEYS.seqs, "HDEL", "00:2")
    await feed.ledger.write(KEYS.meta, "HSET", "seq", "1", "n:00", "1")


async def _is_served_anew(feed: Feed, hub: Hub, former: Listener) -> None:
    again = await feed.listen(hub, resume=Resume(2, former.ticket.joined.epoch))
    await again.hears(1)
    assert again.outlet.heard[0].type == "snapshot"
    assert again.ticket.joined.epoch != former.ticket.joined.epoch


async def test_a_log_that_went_back_to_where_it_was_begins_a_new_epoch(feed: Feed) -> None:
    """As long as before, with another entry at its end, and nothing new to read."""
    hub = await feed.hub()
    await feed.happen(1, 2)
    listener = await feed.listen(hub)
    await listener.hears(1, 2)

    await _lose_lease_two(feed)
    await feed.log.append(1, [entry_of(1, 1)])

    assert await listener.ending() is Ending.BROKEN
    await _is_served_anew(feed, hub, listener)


async def test_who_comes_before_anything_was_read_waits_for_it(feed: Feed) -> None:
    """A broker that has just started reads first, and then serves."""
    await feed.happen(1)
    hub = Hub(feed.log, feed.registered, clock=feed.clock, limits=HubLimits(alive_ms=ALIVE_MS))
    listener = await feed.listen(hub)
    await asyncio.sleep(0.05)
    early = list(listener.outlet.heard)

    running = asyncio.create_task(hub.run())
    await listener.hears(1)
    await _cancelled(running)

    assert early == []


async def test_a_log_with_a_hole_begins_a_new_epoch(feed: Feed) -> None:
    """Somebody removed an entry by hand: nobody waits for it for ever, and nobody misses it."""
    hub = await feed.hub()
    await feed.happen(1)
    listener = await feed.listen(hub)
    await listener.hears(1)

    await feed.ledger.write(KEYS.meta, "HSET", "seq", "3", "n:00", "3")
    await feed.ledger.write(KEYS.log, "XADD", "3-0", "b", "00", "n", "3")

    assert await listener.ending() is Ending.BROKEN
    again = await feed.listen(hub)
    await again.hears(1)
    assert again.ticket.joined.epoch != listener.ticket.joined.epoch


async def test_an_accepted_loss_makes_everybody_take_a_snapshot(feed: Feed) -> None:
    """What was lost may have been a revocation that is in force."""
    hub = await feed.hub()
    await feed.happen(1)
    listener = await feed.listen(hub)
    await listener.hears(1)

    await feed.log.accept_loss(0, 5)

    assert await listener.ending() is Ending.BROKEN


async def test_an_event_that_cannot_be_read_stops_nobody(feed: Feed) -> None:
    """It is set aside with an alarm; the events around it are told."""
    listener = await feed.listen(await feed.hub())
    await listener.is_told_alive()

    await feed.happen(1)
    await feed.happen(2, feed='{"jti": "?"}')
    await feed.happen(3)

    await listener.hears(1, 3)
    listener.outlet.assert_gapless()


async def test_a_stuck_subscriber_is_given_up_while_it_catches_up(feed: Feed) -> None:
    """A snapshot that nobody reads does not stay open for ever."""
    hub = await feed.hub(catch_up_ms=50)
    ticket = await hub.join(caller(), "subscriber-1", Resume())
    outlet = StuckOutlet()

    assert ticket is not None
    assert await hub.serve(ticket, outlet) is Ending.SLOW
    assert outlet.is_aborted


class StuckOutlet(FakeOutlet):
    """Its peer does not read."""

    async def send(self, message: bytes) -> None:  # noqa: ARG002 - nothing is taken
        """Wait for ever."""
        await asyncio.Event().wait()


async def test_a_waiting_event_is_confirmed_when_its_subscriber_has_acknowledged(
    feed: Feed,
) -> None:
    """From the ledger's event over the feed to what a receipt says."""
    hub = await feed.hub()
    listener = await feed.listen(hub)
    await feed.happen(1)
    await listener.hears(1)
    old_ms = (await feed.log.position()).now_ms - 7_200_000
    await feed.ledger.write(KEYS.meta, "HSET", "born", old_ms)

    async def judged() -> tuple[ReceiptState, str]:
        found = await feed.log.subscribers.confirmation(
            0, 1, ORDERS, 0, staleness_ms=3_600_000, strict=True
        )
        return found.state, found.detail

    before = await judged()
    await hub.acknowledge(caller(), "subscriber-1", 1, "")
    after = await judged()

    assert before == (ReceiptState.ACCEPTED, "0 of 1 subscribers acknowledged")
    assert after == (ReceiptState.CONFIRMED, "1 of 1 subscribers acknowledged")


async def test_the_feed_goes_on_while_nobody_knows_who_is_registered(feed: Feed) -> None:
    """It takes access away, so those who listen go on; newcomers wait."""
    hub = await feed.hub()
    listener = await feed.listen(hub)
    await listener.is_told_alive()

    feed.is_published = False
    await listener.is_told_alive(3)
    await feed.happen(1)

    await listener.hears(1)
    with pytest.raises(UnavailableError):
        await hub.join(caller(), "subscriber-2", Resume())
