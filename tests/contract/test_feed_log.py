"""What the feed log promises, over every way to reach a Redis."""

import json

import pytest

from broker.store.feed_cursors import Cursor
from broker.store.feed_entry import OutboxEntry
from broker.store.feed_keys import FeedKeys
from broker.store.feed_log import PAGE, WINDOW, Appended, FeedLog, LogLimits, Refusal, Refused
from broker.store.feed_outbox import BATCH
from broker.store.link import Link
from tests.fakes.ledger import FAR_MS, FakeLedger, entry_of, lease_id

KEYS = FeedKeys("jit")


@pytest.fixture
def log(link: Link) -> FeedLog:
    """A feed log that nobody has written to."""
    return FeedLog(link, "jit")


@pytest.fixture
def ledger(link: Link) -> FakeLedger:
    """A ledger in which nothing has happened."""
    return FakeLedger(link)


def entries(*numbers: int, bucket: int = 0) -> list[OutboxEntry]:
    """Make entries with these outbox numbers."""
    return [entry_of(bucket, n) for n in numbers]


def revocation(n: int, bucket: int = 0, **words: object) -> OutboxEntry:
    """Make an entry that every resource server must hear of."""
    event = {"feed": json.dumps({"jti": lease_id(n)}), "aud": "*", "exp": FAR_MS}
    return entry_of(bucket, n, **{**event, **words})


async def seqs_in(log: FeedLog) -> list[int]:
    """List what the log has."""
    return [entry.seq for entry in await log.after(0)]


async def test_entries_get_dense_numbers_across_buckets(log: FeedLog) -> None:
    """Whatever bucket it comes from, the next entry gets the next seq."""
    first = await log.append(3, entries(1, 2, bucket=3))
    second = await log.append(10, entries(1, bucket=10))
    third = await log.append(3, entries(3, bucket=3))

    assert [it.seqs for it in (first, second, third) if isinstance(it, Appended)] == [
        (1, 2),
        (3,),
        (4,),
    ]
    assert await seqs_in(log) == [1, 2, 3, 4]


async def test_the_log_has_each_entry_as_it_was_said(log: FeedLog) -> None:
    """Nothing of an entry is lost or changed, in whatever language and with whatever quotes."""
    said = entry_of(
        255, 1, type="cut.made", tenant="Ünïcode \u2028 'x'", detail='{"a": "\\"\\n"}', exp=FAR_MS
    )

    await log.append(255, [said])

    [entry] = await log.after(0)
    assert entry.change == said
    assert (await log.tail(0, block_ms=10)) == [entry]


async def test_a_repetition_answers_the_same_and_adds_nothing(log: FeedLog) -> None:
    """A broker may die after the append and before it hears of it: the next one repeats it."""
    first = await log.append(0, entries(1, 2, 3))
    again = await log.append(0, entries(1, 2, 3))

    assert isinstance(first, Appended)
    assert isinstance(again, Appended)
    assert (first.seqs, first.fresh) == ((1, 2, 3), 3)
    assert (again.seqs, again.fresh) == ((1, 2, 3), 0)
    assert await seqs_in(log) == [1, 2, 3]


async def test_a_repetition_may_bring_more(log: FeedLog) -> None:
    """What was shipped before is recognised in front of what is new."""
    await log.append(0, entries(1, 2))
    await log.append(1, entries(1, bucket=1))

    outcome = await log.append(0, entries(2, 3))

    assert isinstance(outcome, Appended)
    assert (outcome.seqs, outcome.fresh) == ((2, 4), 1)


@pytest.mark.parametrize(
    ("before", "then", "expected"),
    [
        ([], [2], 1),
        ([1], [3], 2),
        ([1], [2, 4], 3),
        ([1], [3, 2], 2),
        ([], [0], 0),
        ([1, 2], [2, 2], 3),
        ([], [1, 1], 2),
    ],
)
async def test_a_gap_or_disorder_is_refused(
    log: FeedLog, before: list[int], then: list[int], expected: int
) -> None:
    """An outbox that lost entries is an alarm: nothing of it is taken over, not even its start."""
    if before:
        await log.append(0, entries(*before))

    outcome = await log.append(0, entries(*then))

    assert outcome == Refused(Refusal.GAP, expected)
    assert len(await seqs_in(log)) == len(before)


async def test_a_number_that_belongs_to_another_entry_now_is_refused(log: FeedLog) -> None:
    """A bucket that lost its newest entries in a failover numbers anew: that is no repetition."""
    await log.append(0, entries(1, 2))

    outcome = await log.append(0, [entry_of(0, 2, op="another")])

    assert outcome == Refused(Refusal.FORK, 2)


async def test_a_number_that_is_too_old_to_be_compared_is_refused(log: FeedLog) -> None:
    """A bucket that starts again from 1 is not taken for a very old repetition."""
    for start in range(1, WINDOW + PAGE + 2, PAGE):
        await log.append(0, entries(*range(start, start + PAGE)))

    assert await log.append(0, entries(1)) == Refused(Refusal.FORK, 1)


async def test_an_accepted_loss_lets_the_bucket_go_on(log: FeedLog) -> None:
    """After an operator has looked, the bucket continues, under a new epoch."""
    await log.append(0, entries(1, 2))
    before = await log.position()

    assert await log.accept_loss(0, 5) == 3

    outcome = await log.append(0, entries(5))
    after = await log.position()
    assert isinstance(outcome, Appended)
    assert outcome.seqs == (3,)
    assert after.epoch != before.epoch


async def test_an_accepted_fork_is_appended_anew(log: FeedLog) -> None:
    """The numbers that a bucket gave away twice are no repetitions once the fork is accepted."""
    await log.append(0, entries(1, 2, 3))
    await log.accept_loss(0, 2)

    outcome = await log.append(0, [entry_of(0, 2, op="x"), entry_of(0, 3, op="y")])

    assert isinstance(outcome, Appended)
    assert (outcome.seqs, outcome.fresh) == ((4, 5), 2)


async def test_an_outbox_is_read_and_trimmed_by_page(log: FeedLog, ledger: FakeLedger) -> None:
    """A page at a time, from where one likes, and only up to the entry that was shipped."""
    for _ in range(BATCH + 3):
        await ledger.say(7)

    page = await log.outboxes.page(7)
    rest = await log.outboxes.page(7, after=page[-1].n)
    await log.outboxes.trim(page[-1])

    assert [entry.n for entry in page] == list(range(1, BATCH + 1))
    assert page[0].at_ms == ledger.said[0].at_ms
    assert [entry.n for entry in rest] == [BATCH + 1, BATCH + 2, BATCH + 3]
    assert await log.outboxes.page(7) == rest


async def test_trimming_spares_entries_that_took_over_a_number(
    log: FeedLog, ledger: FakeLedger
) -> None:
    """Between append and trim a bucket may fail over: what is new under an old number stays."""
    shipped = await ledger.say(0, op="first")
    await ledger.write(KEYS.outbox(0), "DEL")
    await ledger.write(KEYS.outbox(0), "XADD", "1-0", "type", "task.opened", "op", "second")

    await log.outboxes.trim(shipped)

    assert [entry.op for entry in await log.outboxes.page(0)] == ["second"]


async def test_trimming_twice_is_harmless(log: FeedLog, ledger: FakeLedger) -> None:
    """Two brokers may trim after the same append."""
    entry = await ledger.say(0)
    later = await ledger.say(0)

    await log.outboxes.trim(entry)
    await log.outboxes.trim(entry)

    assert [left.n for left in await log.outboxes.page(0)] == [later.n]


async def test_events_in_force_are_listed_until_they_expire(log: FeedLog) -> None:
    """A snapshot is complete: every event whose time is not over, and no other entry."""
    await log.append(
        0, [entry_of(0, 1), revocation(2, aud="https://a https://b"), revocation(3, exp=1)]
    )
    before, _ = await log.in_force(after=0, up_to=10)

    await log.tidy()

    after, more = await log.in_force(after=0, up_to=10)
    assert [event.seq for event in before] == [2, 3]
    assert [event.seq for event in after] == [2]
    assert more is None
    assert after[0].audiences == {"https://a", "https://b"}
    assert json.loads(after[0].body) == {"jti": lease_id(2), "exp": FAR_MS // 1000}


async def test_events_in_force_come_in_pages_up_to_a_seq(log: FeedLog) -> None:
    """However many are in force, a page is short, and what came later is left out."""
    for start in range(1, 2 * PAGE + 1, PAGE):
        await log.append(0, [revocation(n) for n in range(start, start + PAGE)])

    first, more = await log.in_force(after=0, up_to=2 * PAGE - 1)
    second, end = await log.in_force(after=more or 0, up_to=2 * PAGE - 1)

    assert [event.seq for event in first] == list(range(1, PAGE + 1))
    assert [event.seq for event in second] == list(range(PAGE + 1, 2 * PAGE))
    assert end is None


async def test_the_log_keeps_what_an_audit_sink_lacks(log: FeedLog, link: Link) -> None:
    """Trimming stops at the slowest sink, and goes on when it has caught up or is forgotten."""
    log = FeedLog(link, "jit", limits=LogLimits(keep=2))
    await log.cursors.store("slow", Cursor(3, "e", "h"))
    await log.cursors.store("fast", Cursor(9, "e", "h"))
    await log.append(0, entries(*range(1, 11)))

    status = await log.tidy()
    kept = await seqs_in(log)
    await log.cursors.store("slow", Cursor(6, "e", "h"))
    await log.tidy()
    caught_up = await seqs_in(log)
    assert await log.cursors.forget("slow")
    await log.tidy()

    assert (status.sink, status.lag, status.length) == ("slow", 7, 7)
    assert kept == [4, 5, 6, 7, 8, 9, 10]
    assert caught_up == [7, 8, 9, 10]
    assert await seqs_in(log) == [9, 10]
    assert await log.cursors.all() == {"fast": Cursor(9, "e", "h")}
    assert (await log.position()).first == 9


async def test_a_long_log_is_trimmed_by_page(log: FeedLog, link: Link) -> None:
    """No call drops more than a page, however much there is to drop."""
    log = FeedLog(link, "jit", limits=LogLimits(keep=1))
    for start in range(1, 2 * PAGE + 1, PAGE):
        await log.append(0, entries(*range(start, start + PAGE)))

    first = await log.tidy()
    second = await log.tidy()

    assert (first.length, first.is_done) == (PAGE, False)
    assert (second.length, second.is_done) == (1, True)


async def test_a_full_log_refuses_more(link: Link) -> None:
    """A sink that stores nothing fills the log; then shipping stops, and repetitions still work."""
    log = FeedLog(link, "jit", limits=LogLimits(keep=1, longest=3))
    await log.append(0, entries(1, 2, 3))

    assert await log.append(0, entries(3, 4)) == Refused(Refusal.FULL, 3)
    assert isinstance(await log.append(0, entries(1, 2, 3)), Appended)


async def test_an_emptied_server_means_another_epoch(log: FeedLog, ledger: FakeLedger) -> None:
    """Numbers that begin again are never mistaken for the old ones."""
    before = await log.position()
    await log.append(0, entries(1))
    for key in (KEYS.meta, KEYS.log):
        await ledger.write(key, "DEL")

    after = await log.position()

    assert after.epoch != before.epoch
    assert (after.seq, after.first, after.shipped) == (0, 1, {})
