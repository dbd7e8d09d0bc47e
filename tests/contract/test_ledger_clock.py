"""Wrong clocks: nothing is given and nothing ages by them, and what they said is forgotten."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from broker.clock import SystemClock
from broker.errors import UnavailableError
from broker.ids import bucket_of
from broker.model.requests import SelectorKind
from broker.model.task import TaskState
from broker.store.clock_bounds import ClockBounds
from broker.store.feed_entry import OutboxEntry
from broker.store.feed_log import FeedLog
from broker.store.link import Link
from broker.store.quotas import Quota
from tests.fakes.clock import WrongClock
from tests.fakes.verbs_kit import BUCKETS, HOUR_MS, VerbsKit

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)

SKEW_MS = 5_000


@pytest.fixture
def clock() -> WrongClock:
    """The broker's clock."""
    return WrongClock()


@pytest.fixture
def kit(link: Link, clock: WrongClock) -> VerbsKit:
    """The verbs over a ledger, by that clock."""
    bounds = ClockBounds(clock, max_skew_ms=SKEW_MS, late_ms=0)
    return VerbsKit(link, clock=clock, bounds=bounds)


async def meta(kit: VerbsKit, any_id: str, field: str) -> int:
    """Read a field of a bucket."""
    return int(await kit.link.read("HGET", kit.ledger.keys.of(any_id).meta, field) or 0)


async def set_back(kit: VerbsKit, milliseconds: int) -> None:
    """Let every bucket have been used last so long ago."""
    now_ms = SystemClock().now_ms()
    for bucket in kit.ledger.keys.buckets:
        await kit.link.read("HSET", bucket.meta, "now", now_ms - milliseconds)


@pytest.mark.parametrize("shift_ms", [-HOUR_MS, -SKEW_MS - 500, SKEW_MS + 500, HOUR_MS])
async def test_nothing_is_given_while_the_clocks_disagree(
    kit: VerbsKit, clock: WrongClock, shift_ms: int
) -> None:
    """Whichever of them is wrong; and nothing is left behind."""
    task = await kit.open()
    lease = await kit.issue(task, ttl_ms=60_000)
    giving: dict[str, Callable[[], Awaitable[object]]] = {
        "open": kit.open,
        "issue": lambda: kit.issue(task),
        "renew": lambda: kit.verbs.issuance.renew(kit.agent, lease, 120_000, ""),
        "extend": lambda: kit.extend(task),
    }
    clock.shift_ms = shift_ms

    refused = set()
    for verb, give in giving.items():
        with pytest.raises(UnavailableError, match="clock"):
            await give()
        refused.add(verb)

    assert refused == set(giving)
    assert await kit.ledger.leases.live(task.spec.id, 0) == [lease]


@pytest.mark.parametrize("shift_ms", [-SKEW_MS + 1_000, SKEW_MS - 1_000])
async def test_a_small_difference_hinders_nobody(
    kit: VerbsKit, clock: WrongClock, shift_ms: int
) -> None:
    """Clocks are never quite the same."""
    clock.shift_ms = shift_ms

    await kit.issue(await kit.open())


async def test_access_is_taken_away_whatever_the_clocks_say(
    kit: VerbsKit, clock: WrongClock
) -> None:
    """By its holder, by its opener and by an operator."""
    tasks = [await kit.open() for _ in range(3)]
    leases = [await kit.issue(task) for task in tasks]
    clock.shift_ms = -HOUR_MS

    await kit.verbs.credentials.give_back(kit.agent, leases[0])
    await kit.verbs.tasks.close(kit.orchestrator, tasks[1].spec.id, TaskState.CANCELLED, "")
    await kit.revoke(SelectorKind.AGENT, "invoice-bot")
    await kit.reap()
    await kit.reap()

    assert not any([(await kit.ledger.leases.view(lease)).is_alive for lease in leases])
    assert await kit.counted("agent", "invoice-bot") == []


async def test_nothing_ages_by_a_clock_that_disagrees(kit: VerbsKit, clock: WrongClock) -> None:
    """The ledger's clock has run ahead: what would be due by it alone stays, and stays due."""
    task = await kit.open(idle_ms=1)
    lease = await kit.issue(task, ttl_ms=2_000)
    await asyncio.sleep(2.1)
    clock.shift_ms = -HOUR_MS
    due = kit.ledger.keys.of(lease).due
    before = await kit.link.read("ZRANGE", due, 0, -1, "WITHSCORES")

    await kit.reap()

    assert (await kit.ledger.leases.view(lease)).state == "active"
    assert (await kit.ledger.tasks.view(task.spec.id)).state is TaskState.OPEN
    assert await kit.link.read("ZRANGE", due, 0, -1, "WITHSCORES") == before
    clock.shift_ms = 0
    await kit.reap()
    assert (await kit.ledger.tasks.view(task.spec.id)).ended_by == "idle"


async def test_orders_are_found_behind_what_may_not_age(kit: VerbsKit, clock: WrongClock) -> None:
    """However many leases are due before them."""
    task = await kit.open()
    bucket = kit.ledger.keys.of(task.spec.id)
    for number in range(1_500):
        await kit.link.read("ZADD", bucket.due, 1, f"l:{number}")
    clock.shift_ms = -HOUR_MS
    await kit.verbs.tasks.close(kit.orchestrator, task.spec.id, TaskState.CANCELLED, "")

    taken = await kit.ledger.due.claim(bucket_of(task.spec.id), limit=10, hide_ms=1_000)

    assert [work.member for work in taken] == [f"k:{task.spec.id}"]


async def test_a_jump_is_kept_by_nobody(kit: VerbsKit, clock: WrongClock) -> None:
    """What is taken away while the server's clock is ahead must not stop minting for an hour."""
    task = await kit.open()
    lease = await kit.issue(task)
    await set_back(kit, HOUR_MS)
    clock.shift_ms = -HOUR_MS
    before_ms = await meta(kit, task.spec.id, "now")

    await kit.verbs.credentials.give_back(kit.agent, lease)
    await kit.revoke(SelectorKind.AGENT, "invoice-bot")
    await kit.verbs.tasks.close(kit.agent, task.spec.id, TaskState.COMPLETED, "")
    await kit.reap()

    assert await meta(kit, task.spec.id, "now") == before_ms
    clock.shift_ms = 0
    await kit.ledger.due.claim(bucket_of(task.spec.id), limit=1, hide_ms=1_000)
    assert await meta(kit, task.spec.id, "now") > before_ms


async def test_what_ends_while_the_servers_clock_is_ahead_is_told(
    kit: VerbsKit, clock: WrongClock
) -> None:
    """By that clock its leases would have expired already, so that nobody need hear of them."""
    task, other = await kit.open(), await kit.open()
    await kit.issue(task, ttl_ms=60_000)
    revoked = await kit.issue(other, ttl_ms=60_000)
    await set_back(kit, HOUR_MS)
    clock.shift_ms = -HOUR_MS

    await kit.verbs.tasks.close(kit.agent, task.spec.id, TaskState.COMPLETED, "")
    await kit.revoke(SelectorKind.CREDENTIAL, revoked)

    told = await heard(kit)
    assert {"task": task.spec.id} in told
    assert {"jti": revoked} in told
    assert (await kit.ledger.leases.view(revoked)).ended_by == "revoked"


async def test_an_ending_is_dated_by_the_clock_that_is_behind(
    kit: VerbsKit, clock: WrongClock
) -> None:
    """Else its receipts would say, for an hour, that it has yet to come."""
    task = await kit.open()
    await set_back(kit, 2 * HOUR_MS)
    clock.shift_ms = -HOUR_MS

    await kit.verbs.tasks.close(kit.agent, task.spec.id, TaskState.COMPLETED, "")

    closed_at_ms = (await kit.ledger.tasks.view(task.spec.id)).closed_at_ms
    assert closed_at_ms <= clock.now_ms() + SKEW_MS


async def test_a_cut_reaches_no_further_than_the_clock_that_is_behind(
    kit: VerbsKit, clock: WrongClock
) -> None:
    """Else nothing could be issued for an hour after the clock was set right."""
    await set_back(kit, 2 * HOUR_MS)
    clock.shift_ms = -HOUR_MS

    await kit.revoke(SelectorKind.AGENT, "invoice-bot")

    clock.shift_ms = 0
    await kit.issue(await kit.open())


async def test_nothing_is_prolonged_while_the_clocks_disagree(
    kit: VerbsKit, clock: WrongClock
) -> None:
    """A heartbeat of an hour ahead would keep a silent agent alive for as long."""
    task = await kit.open()
    seen_ms = (await kit.ledger.tasks.view(task.spec.id)).agent_seen_ms
    clock.shift_ms = -HOUR_MS

    with pytest.raises(UnavailableError, match="clock"):
        await kit.verbs.tasks.heartbeat(kit.agent, task.spec.id)

    assert (await kit.ledger.tasks.view(task.spec.id)).agent_seen_ms == seen_ms


async def test_what_an_order_means_is_found_whatever_the_clock_says(
    kit: VerbsKit, clock: WrongClock
) -> None:
    """By a clock that ran ahead all of it would have expired, and nothing would be revoked."""
    task = await kit.open()
    lease = await kit.issue(task, ttl_ms=2_000)
    await asyncio.sleep(2.1)
    assert await kit.ledger.live.of(task.spec) == ([], 0)

    clock.shift_ms = -HOUR_MS
    found, _ = await kit.ledger.live.of(task.spec)

    assert [one.id for one in found] == [lease]


async def test_a_refused_renewal_frees_no_place_by_a_clock_that_disagrees(
    kit: VerbsKit, clock: WrongClock
) -> None:
    """Only that clock says that the lease has expired: it may be alive, and counts."""
    lease = await kit.issue(await kit.open(), ttl_ms=2_000)
    await asyncio.sleep(2.1)
    clock.shift_ms = -HOUR_MS

    with pytest.raises(UnavailableError, match="clock"):
        await kit.verbs.issuance.renew(kit.agent, lease, 60_000, "")

    assert await kit.counted("agent", "invoice-bot") == [lease]


@pytest.mark.parametrize("shift_ms", [-HOUR_MS, HOUR_MS])
async def test_a_full_quota_stays_full_while_its_clock_is_wrong(
    kit: VerbsKit, clock: WrongClock, shift_ms: int
) -> None:
    """A place has not run out because a server's clock jumped; and none is taken."""
    lease = await kit.issue(await kit.open())
    clock.shift_ms = shift_ms

    taking = kit.ledger.quotas.begin([Quota("agent", "invoice-bot", 5)], lease, 60_000)
    with pytest.raises(UnavailableError, match="clock"):
        await taking.refused_by()

    assert await kit.counted("agent", "invoice-bot") == [lease]


async def test_what_a_jump_claimed_is_free_again_when_the_clock_is_right(
    kit: VerbsKit, clock: WrongClock
) -> None:
    """A broker that dies with it must not hide an order for an hour."""
    task = await kit.open()
    await set_back(kit, HOUR_MS)
    clock.shift_ms = -HOUR_MS
    await kit.verbs.tasks.close(kit.agent, task.spec.id, TaskState.COMPLETED, "")
    bucket = bucket_of(task.spec.id)
    assert len(await kit.ledger.due.claim(bucket, limit=10, hide_ms=1)) == 1

    clock.shift_ms = 0

    assert len(await kit.ledger.due.claim(bucket, limit=10, hide_ms=1_000)) == 1


async def heard(kit: VerbsKit) -> list[dict[str, str]]:
    """Read what the outboxes tell resource servers."""
    entries = [entry for n in range(BUCKETS) for entry in await outbox(kit, n)]
    return [json.loads(entry.feed) for entry in entries if entry.feed]


async def outbox(kit: VerbsKit, bucket: int) -> list[OutboxEntry]:
    """Read an outbox."""
    return await FeedLog(kit.link, "jit").outboxes.page(bucket)


@pytest.mark.parametrize("away_ms", [6_000, HOUR_MS])
async def test_silence_does_not_count_while_nobody_listened(kit: VerbsKit, away_ms: int) -> None:
    """No broker looked for a while: an agent could not be heard, and gets its whole time again."""
    task = await kit.open(idle_ms=1_000)
    await set_back(kit, away_ms)
    node = kit.ledger.keys.of(task.spec.id).task(task.spec.id)
    seen_ms = SystemClock().now_ms() - away_ms
    await kit.link.read("HSET", node, "seen", seen_ms)
    await kit.link.read("ZADD", kit.ledger.keys.of(task.spec.id).due, 1, f"t:{task.spec.id}")

    await kit.reap()
    after_return = (await kit.ledger.tasks.view(task.spec.id)).state
    for _ in range(6):
        await asyncio.sleep(0.2)
        await kit.reap()

    assert after_return is TaskState.OPEN
    assert (await kit.ledger.tasks.view(task.spec.id)).ended_by == "idle"


async def test_silence_counts_while_somebody_listens(kit: VerbsKit) -> None:
    """A pause of the service that is shorter than a few seconds excuses nobody."""
    task = await kit.open(idle_ms=1_000)
    await set_back(kit, 3_000)
    node = kit.ledger.keys.of(task.spec.id).task(task.spec.id)
    await kit.link.read("HSET", node, "seen", SystemClock().now_ms() - 3_000)
    await kit.link.read("ZADD", kit.ledger.keys.of(task.spec.id).due, 1, f"t:{task.spec.id}")

    await kit.reap()

    assert (await kit.ledger.tasks.view(task.spec.id)).ended_by == "idle"


async def test_deadlines_and_expiry_wait_for_nobody(kit: VerbsKit) -> None:
    """Only silence is excused by the service's own absence."""
    late = await kit.open()
    lease = await kit.issue(late, ttl_ms=2_000)
    node = kit.ledger.keys.of(late.spec.id).task(late.spec.id)
    await kit.link.read("HSET", node, "deadline", SystemClock().now_ms() - 1_000)
    await kit.link.read("ZADD", kit.ledger.keys.of(late.spec.id).due, 1, f"t:{late.spec.id}")
    await set_back(kit, HOUR_MS)

    await kit.reap()

    assert (await kit.ledger.tasks.view(late.spec.id)).ended_by == "deadline"
    assert not (await kit.ledger.leases.view(lease)).is_alive
