"""What subscribers of the feed may rely on, over real servers."""

import asyncio
import json

import pytest

from broker.feed.hub import Hub, Resume
from broker.model.receipt import ReceiptState
from broker.store.feed_log import FeedLog, LogLimits
from tests.fakes.hub_stage import ALIVE_MS, KEYS, ORDERS, REPORTS, Feed, caller, server
from tests.fakes.ledger import FAR_MS, entry_of, lease_id
from tests.fakes.redis_servers import SingleServer

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)


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
