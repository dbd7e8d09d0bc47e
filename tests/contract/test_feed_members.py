"""Who is a subscriber of the feed, by which epoch, and whose word counts."""

import asyncio

from broker.model.receipt import ReceiptState
from broker.store.feed_log import FeedLog
from broker.store.feed_subscribers import (
    Acknowledged,
    Connection,
)
from broker.store.link import Link
from tests.fakes.feed_audience import HOUR_MS, KEYS, STRICT, Audience
from tests.fakes.ledger import FakeLedger

CONFIRMED, ACCEPTED = ReceiptState.CONFIRMED, ReceiptState.ACCEPTED


async def test_the_feed_of_a_first_ledger_waits_for_nobody(link: Link) -> None:
    """Nobody can have listened to a former one."""
    log = FeedLog(link, "jit")
    assert await log.found()
    audience = Audience(log, FakeLedger(link), STRICT)
    await audience.join("sub-one")
    n = await audience.ship()
    before = await audience.state(n)

    await audience.acknowledge("sub-one", 1)

    assert (before, await audience.state(n)) == (ACCEPTED, CONFIRMED)


async def test_a_feed_that_is_there_is_not_founded(link: Link) -> None:
    """A broker that runs has begun it: then others may have listened to a former one."""
    log = FeedLog(link, "jit")
    epoch = (await log.position()).epoch

    assert not await log.found()

    assert (await log.position()).epoch == epoch
    audience = Audience(log, FakeLedger(link), STRICT)
    await audience.join("sub-one")
    n = await audience.ship()
    await audience.acknowledge("sub-one", 1)
    assert await audience.state(n) is ACCEPTED


async def test_acknowledging_is_for_the_connected_and_for_what_was_said(strict: Audience) -> None:
    """An acknowledgement that nobody can have meant is refused and changes nothing."""
    n = await strict.ship()
    joined = await strict.join("sub-one")

    assert await strict.acknowledge("sub-two", 1) is Acknowledged.UNKNOWN
    assert await strict.acknowledge("sub-one", 2) is Acknowledged.AHEAD
    assert await strict.acknowledge("sub-one", 1, epoch="another") is Acknowledged.STALE
    assert await strict.state(n) is ACCEPTED
    assert await strict.acknowledge("sub-one", 1, epoch=joined.epoch) is Acknowledged.OK


async def test_acknowledgements_of_a_former_epoch_do_not_count(strict: Audience) -> None:
    """Its numbers meant something else: the subscriber has to connect anew."""
    n = await strict.ship()
    joined = await strict.join("sub-one")
    await strict.log.rotate(joined.epoch)

    assert await strict.acknowledge("sub-one", 1) is Acknowledged.STALE
    assert await strict.state(n) is ACCEPTED


async def test_only_the_first_to_notice_begins_an_epoch(strict: Audience) -> None:
    """Two brokers that notice the same loss begin one epoch, not two."""
    seen = (await strict.log.position()).epoch

    first, second = await asyncio.gather(strict.log.rotate(seen), strict.log.rotate(seen))

    assert first == second != seen


async def test_who_resumes_is_taken_at_its_word_within_the_epoch(strict: Audience) -> None:
    """It knows everything up to there; numbers of another epoch say nothing."""
    n = await strict.ship()
    epoch = (await strict.log.position()).epoch
    await strict.join("sub-one", after=1, epoch="another")
    states = [await strict.state(n)]
    await strict.join("sub-one", after=1, epoch=epoch)
    states.append(await strict.state(n))

    assert states == [ACCEPTED, CONFIRMED]


async def test_a_newer_connection_replaces_an_older_one(strict: Audience) -> None:
    """Whichever broker it is at, the older connection hears no more alive messages."""
    old, new = Connection("sub-one", "old"), Connection("sub-one", "new")
    for connection in (old, new):
        await strict.subscribers.join(STRICT, connection, after=0, epoch="", most=1)

    stale = await strict.subscribers.pulse(STRICT.audience, [old])
    fresh = await strict.subscribers.pulse(STRICT.audience, [new])

    assert stale.replaced == {"sub-one"}
    assert fresh.replaced == frozenset()


async def test_an_audience_has_only_so_many_subscribers(strict: Audience) -> None:
    """One more is turned away, but one of them may come again, and one long gone makes room."""
    arguments = {"after": 0, "epoch": "", "most": 2}
    one, two, three = (Connection(f"sub-{name}", "x") for name in ("one", "two", "three"))
    join = strict.subscribers.join
    assert await join(STRICT, one, **arguments)
    assert await join(STRICT, two, **arguments)

    turned_away = await join(STRICT, three, **arguments)
    again = await join(STRICT, two, **arguments)
    await strict.age(2 * HOUR_MS)
    later = await join(STRICT, three, **arguments)

    assert turned_away is None
    assert again is not None
    assert later is not None


async def test_a_pulse_registers_again_who_was_lost(strict: Audience) -> None:
    """After a loss of data the connected are known again at the next beat, and waited for."""
    n = await strict.ship()
    await strict.join("sub-one", after=1, epoch=(await strict.log.position()).epoch)
    await strict.ledger.write(KEYS.subs(STRICT.audience), "DEL")

    pulse = await strict.subscribers.pulse(STRICT.audience, [Connection("sub-one", "nonce-1")])

    assert pulse.replaced == frozenset()
    assert (await strict.confirmation(n)).detail == "0 of 1 subscribers acknowledged"
