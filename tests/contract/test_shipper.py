"""Nothing that a bucket says is lost, doubled or put out of order on its way into the log."""

import asyncio
import contextlib
from collections import defaultdict

import pytest

from broker.clock import SystemClock
from broker.errors import StoreUnavailableError
from broker.faultpoints import FaultPoints
from broker.feed.lane import Lane, Pace
from broker.feed.shipper import Shipper
from broker.store.feed_cursors import Cursor
from broker.store.feed_entry import LogEntry, OutboxEntry
from broker.store.feed_keys import FeedKeys
from broker.store.feed_log import FeedLog, LogLimits
from broker.store.feed_outbox import BATCH
from broker.store.link import Link
from tests.fakes.clock import FakeClock
from tests.fakes.dying_link import DiedError, DyingLink
from tests.fakes.ledger import FakeLedger
from tests.fakes.redis_servers import SingleServer
from tests.fakes.runners import eventually, running

KEYS = FeedKeys("jit")
BUCKETS = 4
NEVER = Pace(sweep_ms=3_600_000)

one_server = pytest.mark.parametrize("link", ["mux"], indirect=True)


def make_shipper(link: Link, pace: Pace = NEVER, **options: object) -> Shipper:
    """Make one broker's shipper."""
    log = FeedLog(link, "jit", **options)  # type: ignore[arg-type] - the tests know the options
    return Shipper(log, BUCKETS, clock=SystemClock(), pace=pace)


async def whole_log(link: Link) -> list[LogEntry]:
    """Read the log to its end."""
    log, entries = FeedLog(link, "jit"), []
    while page := await log.after(entries[-1].seq if entries else 0):
        entries += page
    return entries


async def assert_complete(link: Link, said: list[OutboxEntry]) -> None:
    """Check that the log has what was said, each once, dense, in each bucket's order."""
    entries = await whole_log(link)
    told, heard = defaultdict(list), defaultdict(list)
    for entry in sorted(said, key=lambda entry: entry.n):
        told[entry.bucket].append(entry)
    for entry in entries:
        heard[entry.change.bucket].append(entry.change)
    assert [entry.seq for entry in entries] == list(range(1, len(said) + 1))
    assert heard == told


async def is_shipped(link: Link, count: int) -> bool:
    """Tell whether the log has so many entries."""
    return (await FeedLog(link, "jit").position()).seq >= count


async def test_draining_ships_all_there_is(link: Link) -> None:
    """Every bucket, however many pages, over every way to reach a Redis."""
    ledger = FakeLedger(link)
    for number in range(BATCH + 5):
        await ledger.say(number % 2)
    await ledger.revoke(1, bucket=3)

    await make_shipper(link).drain()

    await assert_complete(link, ledger.said)
    for bucket in range(BUCKETS):
        assert await FeedLog(link, "jit").outboxes.page(bucket) == []


@pytest.mark.parametrize("urgent", [True, False])
@one_server
async def test_a_poked_bucket_is_shipped_without_a_sweep(link: Link, *, urgent: bool) -> None:
    """A revocation must not wait for anything; the rest waits a moment for company."""
    ledger, shipper = FakeLedger(link), make_shipper(link)
    async with running(shipper):
        await asyncio.sleep(0.05)  # the first sweep is over
        await ledger.revoke(1, bucket=2)

        shipper.poke(2, urgent)

        await eventually(lambda: is_shipped(link, 1))


@one_server
async def test_what_is_not_urgent_waits_for_a_time_of_its_own_in_each_bucket(link: Link) -> None:
    """Brokers that wait alike ship the same, and all buckets at once hold everybody up."""
    at_once, never = -0.5, 1e6
    draws, ledger = iter((at_once, never)), FakeLedger(link)
    shipper = Shipper(
        FeedLog(link, "jit"), 2, clock=SystemClock(), pace=NEVER, spread=lambda: next(draws)
    )
    async with running(shipper):
        await asyncio.sleep(0.05)  # the first sweep is over
        for bucket in (0, 1):
            await ledger.say(bucket)
            shipper.poke(bucket, urgent=False)

        await eventually(lambda: is_shipped(link, 1))

        assert [entry.change.bucket for entry in await whole_log(link)] == [0]


@one_server
async def test_what_a_dead_broker_left_is_swept(link: Link) -> None:
    """Nobody pokes for a broker that died after the change."""
    ledger = FakeLedger(link)
    async with running(make_shipper(link, Pace(sweep_ms=20))):
        await ledger.say(1)

        await eventually(lambda: is_shipped(link, 1))


def _steps() -> list[tuple[int, bool]]:
    return [(step, after) for step in range(6) for after in (False, True)]


@pytest.mark.parametrize(("step", "after"), _steps())
@one_server
async def test_a_broker_may_die_at_every_step(link: Link, *, step: int, after: bool) -> None:
    """Before or after each call to the store: the next broker finishes the work exactly once."""
    ledger = FakeLedger(link)
    for _ in range(BATCH + 1):
        await ledger.say(0)
    lane = _lane(DyingLink(link, at=step, after=after))

    with pytest.raises(DiedError):
        await lane.ship()
    await ledger.say(0)
    await make_shipper(link).drain()

    await assert_complete(link, ledger.said)
    assert await FeedLog(link, "jit").outboxes.page(0) == []


@one_server
async def test_the_steps_above_are_all_there_are(link: Link) -> None:
    """Two pages take two reads, two appends and two trims."""
    ledger = FakeLedger(link)
    for _ in range(BATCH + 1):
        await ledger.say(0)
    counting = DyingLink(link)

    await _lane(counting).ship()

    assert counting.calls == 6


def _lane(link: Link) -> Lane:
    log = FeedLog(link, "jit")
    return Lane(
        log, 0, clock=SystemClock(), pace=NEVER, on_lag=lambda _: None, faults=FaultPoints()
    )


@pytest.mark.parametrize("link", ["mux", "cluster"], indirect=True)
async def test_three_brokers_ship_at_once_and_die_at_random(link: Link) -> None:
    """Dense numbers, no loss, no repetition, each bucket in order, while brokers come and go."""
    ledger = FakeLedger(link)

    async def live_and_die(number: int) -> None:
        for life in range(12):
            shipper = make_shipper(link, Pace(coalesce_ms=1, sweep_ms=2))
            async with running(shipper):
                for bucket in range(BUCKETS):
                    await ledger.say(bucket)
                    shipper.poke(bucket, urgent=bool(life % 2))
                await asyncio.sleep(((number * 7 + life * 5) % 11) / 1000)

    await asyncio.gather(*(live_and_die(number) for number in range(3)))
    await make_shipper(link).drain()

    assert len(ledger.said) == 3 * 12 * BUCKETS
    await assert_complete(link, ledger.said)


@one_server
async def test_shipping_survives_an_outage(link: Link, single: SingleServer) -> None:
    """While the store is frozen nothing is shipped; when it is back, everything."""
    ledger = FakeLedger(link)
    shipper = make_shipper(link, Pace(sweep_ms=20, rest_ms=10, longest_rest_ms=50))
    async with running(shipper):
        await ledger.say(0)
        single.kill()
        await eventually(lambda: _has_reason(shipper, "the store does not answer"))
        single.start()
        await eventually(lambda: _is_well(shipper))
        await _say_again(ledger)

        await eventually(lambda: is_shipped(link, 1))
    assert shipper.reasons() == ()


async def _say_again(ledger: FakeLedger) -> None:
    with contextlib.suppress(StoreUnavailableError):
        await ledger.say(1)


async def _has_reason(shipper: Shipper, text: str) -> bool:
    return any(text in reason for reason in shipper.reasons())


async def _is_well(shipper: Shipper) -> bool:
    return shipper.reasons() == ()


@one_server
async def test_an_outbox_that_lost_entries_stops_and_says_so(link: Link) -> None:
    """Its bucket is not shipped, loudly, until an operator accepts the loss; others go on."""
    ledger = FakeLedger(link)
    await ledger.say(0)
    await ledger.say(0)
    await ledger.write(KEYS.outbox(0), "XDEL", "1-0")
    await ledger.say(1)
    shipper = make_shipper(link)

    await shipper.drain()
    stopped, before = shipper.reasons(), len(await whole_log(link))
    await FeedLog(link, "jit").accept_loss(0, 2)
    await shipper.drain()

    assert stopped == ("bucket 00 lost outbox entries from 1 on: `broker feed accept-loss 0`",)
    assert before == 1
    assert len(await whole_log(link)) == 2
    assert shipper.reasons() == ()


@one_server
async def test_a_bucket_that_numbers_anew_stops_and_says_so(link: Link) -> None:
    """After a failover that lost entries: the new ones are not mistaken for the old."""
    ledger = FakeLedger(link)
    await ledger.say(0)
    shipper = make_shipper(link)
    await shipper.drain()
    await ledger.write(KEYS.outbox(0), "DEL")
    await ledger.write(KEYS.outbox(0).replace(":out", ":meta"), "DEL")
    await ledger.say(0)

    await shipper.drain()

    assert shipper.reasons() == (
        "bucket 00 gave outbox number 1 twice: `broker feed accept-loss 0`",
    )
    assert len(await FeedLog(link, "jit").outboxes.page(0)) == 1


@one_server
async def test_a_sink_that_stores_nothing_is_named_before_shipping_stops(link: Link) -> None:
    """At half of the log's length minting should stop; at all of it shipping does."""
    ledger, limits = FakeLedger(link), LogLimits(keep=1, longest=10)
    await FeedLog(link, "jit").cursors.store("audit-a", Cursor(0, "e", "h"))
    shipper = make_shipper(link, Pace(sweep_ms=5), limits=limits)
    async with running(shipper):
        for _ in range(4):
            await ledger.say(0)
        await eventually(lambda: is_shipped(link, 4))
        early = shipper.reasons()
        await ledger.say(0)
        await eventually(lambda: _has_reason(shipper, "audit sink audit-a has not stored the last"))
        for _ in range(6):
            await ledger.say(0)
        await eventually(lambda: _has_reason(shipper, "the feed log is full with"))

        await FeedLog(link, "jit").cursors.forget("audit-a")

        await eventually(lambda: is_shipped(link, 11))
        await eventually(lambda: _is_well(shipper))
    assert early == ()


@one_server
async def test_the_lag_of_what_was_shipped_is_measured(link: Link) -> None:
    """How long the oldest entry waited, by the ledger's clocks; what was shipped before is none."""
    ledger, lags = FakeLedger(link), []
    await ledger.say(0, at=1_000)
    await ledger.say(0, at=2_000)
    shipper = Shipper(FeedLog(link, "jit"), 1, clock=SystemClock(), pace=NEVER, on_lag=lags.append)

    await shipper.drain()
    await shipper.drain()

    now_ms = (await FeedLog(link, "jit").position()).now_ms
    assert len(lags) == 1
    assert 0 <= now_ms - 1_000 - lags[0] < 60_000


@one_server
async def test_a_failing_bucket_rests_longer_each_time(link: Link, single: SingleServer) -> None:
    """A store that is gone is not hammered: attempts are spaced out, up to a bound."""
    clock, pace = FakeClock(), Pace(rest_ms=100, longest_rest_ms=300)
    log = FeedLog(link, "jit")
    lane = Lane(log, 0, clock=clock, pace=pace, on_lag=lambda _: None, faults=FaultPoints())
    single.kill()
    counts = []
    for wait_ms in (0, 99, 1, 199, 1, 299, 1, 300):
        clock.advance(wait_ms)
        lane.poke()
        before = lane.failures
        await lane.work()
        counts.append(lane.failures - before)

    assert counts == [1, 0, 1, 0, 1, 0, 1, 1]
    single.start()
