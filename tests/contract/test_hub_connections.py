"""How a connection to the feed ends, and whom a hub does not take."""

import asyncio

import pytest

from broker.errors import AccessDeniedError, InvalidRequestError, NotFoundError, UnavailableError
from broker.feed.hub import Resume
from broker.feed.subscriber import BACKLOG_MAX, Ending
from broker.model.capability import CheckMode
from broker.model.principal import Kind, Principal
from tests.fakes.hub_stage import ORDERS, REPORTS, Feed, caller, server
from tests.fakes.outlet import FakeOutlet
from tests.fakes.replace import replace

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)


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
