"""A feed that lost something says so to everybody: it begins a new epoch."""

import asyncio

import pytest

from broker.feed.hub import Hub, HubLimits, Resume
from broker.feed.subscriber import Ending
from tests.fakes.hub_stage import ALIVE_MS, KEYS, ORDERS, Feed, Listener, cancelled
from tests.fakes.ledger import entry_of

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)


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
    await cancelled(running)

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
