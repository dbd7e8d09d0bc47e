"""Tasks in the ledger, over every way to reach a Redis."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from broker.errors import (
    IdempotencyConflictError,
    NotFoundError,
    QuotaExceededError,
    StaleFactsError,
    TaskClosedError,
    UnavailableError,
)
from broker.ids import bucket_of
from broker.model.task import TaskState
from broker.store.limits import Limits
from broker.store.link import Link
from broker.store.task_ledger import Extension
from broker.store.task_tree import Index
from tests.fakes.ledger_kit import MINUTE, LedgerKit


@pytest.fixture
def kit(link: Link) -> LedgerKit:
    """A ledger."""
    return LedgerKit(link)


async def test_an_open_task_is_alive_until_its_deadline(kit: LedgerKit) -> None:
    """The judge compares the deadline itself; no sweep is needed."""
    task = await kit.open(ttl_ms=10 * MINUTE)

    before = await kit.tasks.view(task.id)
    await kit.pass_time(task.id, 10 * MINUTE)
    after = await kit.tasks.view(task.id)

    assert before.is_alive
    assert before.deadline_ms - before.opened_at_ms == 10 * MINUTE
    assert not after.is_alive
    assert after.state is TaskState.OPEN
    assert after.ended_by == "deadline"


async def test_opening_twice_under_one_key_opens_once(kit: LedgerKit) -> None:
    """The repeat names another id, and is answered with the first."""
    first, second = kit.new_task(key="k", digest="d"), None
    opened, is_new = await kit.tasks.open(first)
    bucket = bucket_of(opened)
    while second is None or bucket_of(second.spec.id) != bucket:
        second = kit.new_task(key="k", digest="d")

    again, is_new_again = await kit.tasks.open(second)

    assert (is_new, is_new_again) == (True, False)
    assert again == opened
    with pytest.raises(NotFoundError):
        await kit.tasks.view(second.spec.id)


async def test_another_request_under_the_same_key_is_a_conflict(kit: LedgerKit) -> None:
    """The digest tells the requests apart."""
    first = kit.new_task(key="k", digest="d")
    await kit.tasks.open(first)
    other = first
    while other.spec.id == first.spec.id or bucket_of(other.spec.id) != bucket_of(first.spec.id):
        other = kit.new_task(key="k", digest="another")

    with pytest.raises(IdempotencyConflictError):
        await kit.tasks.open(other)


async def test_a_child_can_be_opened_under_a_key_that_belongs_in_its_own_bucket(
    kit: LedgerKit,
) -> None:
    """Where the key is bound to its request is where it is remembered what came of it."""
    root = await kit.open()
    key = next(k for n in range(100) if kit.ids.bucket_for(k := f"k{n}") == bucket_of(root.id))
    new = kit.new_task(root, key=key, digest="d")

    first = await kit.tasks.open(new)
    again = await kit.tasks.open(kit.new_task(root, key=key, digest="d"))

    assert first == (new.spec.id, True)
    assert again == (new.spec.id, False)
    with pytest.raises(IdempotencyConflictError):
        await kit.tasks.open(kit.new_task(root, key=key, digest="another"))


async def test_opening_the_same_id_again_changes_nothing(kit: LedgerKit) -> None:
    """So a caller whose answer was lost may send the very same opening again."""
    new = kit.new_task()

    first = await kit.tasks.open(new)
    second = await kit.tasks.open(new)

    assert first == (new.spec.id, True)
    assert second == (new.spec.id, False)
    assert [event["type"] for event in await kit.told(new.spec.id)] == ["task.opened"]


async def test_closing_a_task_kills_every_descendant_at_once(kit: LedgerKit) -> None:
    """One write on the root; the judge walks the path of each."""
    line = await kit.chain(5)

    await kit.close(line[0])

    for task in line:
        assert not (await kit.tasks.view(task.id)).is_alive
    assert (await kit.tasks.view(line[3].id)).state is TaskState.OPEN


@pytest.mark.parametrize("level", [0, 1, 2])
async def test_a_closed_ancestor_at_any_level_refuses_a_new_child(
    kit: LedgerKit, level: int
) -> None:
    """Not only the parent is looked at."""
    line = await kit.chain(3)

    await kit.close(line[level])

    with pytest.raises(TaskClosedError):
        await kit.open(line[2])


async def test_closing_leaves_ancestors_and_siblings_alive(kit: LedgerKit) -> None:
    """A child's end is not its parent's."""
    root = await kit.open()
    child, sibling = await kit.open(root), await kit.open(root)

    await kit.close(child)

    assert (await kit.tasks.view(root.id)).is_alive
    assert (await kit.tasks.view(sibling.id)).is_alive


async def test_a_child_never_outlives_its_ancestors(kit: LedgerKit) -> None:
    """Its deadline is clipped to theirs (I7)."""
    root = await kit.open(ttl_ms=2 * MINUTE)

    child = await kit.open(root, ttl_ms=30 * MINUTE)

    views = await kit.tasks.view(child.id), await kit.tasks.view(root.id)
    assert views[0].deadline_ms == views[1].deadline_ms


@pytest.mark.parametrize("is_at_home", [True, False])
async def test_a_childs_key_opens_one_child_wherever_it_is_bound(
    kit: LedgerKit, *, is_at_home: bool
) -> None:
    """The key's own bucket may be the parent's, by chance, or another one."""
    root = await kit.open()
    key = next(
        key
        for key in map(str, range(100))
        if (kit.ids.bucket_for(key) == bucket_of(root.id)) is is_at_home
    )

    first = await kit.tasks.open(kit.new_task(root, key=key, digest="d"))
    again = await kit.tasks.open(kit.new_task(root, key=key, digest="d"))

    assert (first[1], again) == (True, (first[0], False))
    with pytest.raises(IdempotencyConflictError):
        await kit.tasks.open(kit.new_task(root, key=key, digest="other"))
    with pytest.raises(IdempotencyConflictError):
        await kit.tasks.open(kit.new_task(await kit.open(), key=key, digest="other"))


async def test_the_first_ending_stands(kit: LedgerKit) -> None:
    """A second close, with another outcome, changes nothing and tells nothing."""
    task = await kit.open()
    await kit.close(task)
    first = await kit.tasks.view(task.id)

    await kit.tasks.close(task.path, TaskState.CANCELLED, ended_by="revoked", closed_by="other")

    assert await kit.tasks.view(task.id) == first
    assert [e["type"] for e in await kit.told(task.id)] == ["task.opened", "task.closed"]


async def test_a_task_that_was_never_opened_is_not_found(kit: LedgerKit) -> None:
    """Neither shown nor closed."""
    absent = kit.ids.root_task()

    with pytest.raises(NotFoundError):
        await kit.tasks.view(absent)
    with pytest.raises(NotFoundError):
        await kit.tasks.close((absent,), TaskState.FAILED, ended_by="x", closed_by="x")


async def test_one_of_many_instances_wins_the_claim(kit: LedgerKit) -> None:
    """Thirty-two race for one handle; the winner may repeat, the others find it spent."""
    spec = await kit.open(instance="", claim_hash="h")
    task = await kit.tasks.view(spec.id)

    async def attempt(number: int) -> int | None:
        try:
            await kit.tasks.claim(task, "h", f"pod-{number}")
        except NotFoundError:
            return None
        return number

    winners = [n for n in await asyncio.gather(*(attempt(n) for n in range(32))) if n is not None]

    assert len(winners) == 1
    assert (await kit.tasks.view(spec.id)).instance == f"pod-{winners[0]}"
    await kit.tasks.claim(task, "h", f"pod-{winners[0]}")


async def test_a_wrong_handle_claims_nothing(kit: LedgerKit) -> None:
    """It looks like an absent task."""
    spec = await kit.open(instance="", claim_hash="h")
    task = await kit.tasks.view(spec.id)

    for handle in ("", "x"):
        with pytest.raises(NotFoundError):
            await kit.tasks.claim(task, handle, "pod-1")


async def test_a_replaced_handle_is_dead_at_once(kit: LedgerKit) -> None:
    """There are never two live secrets for one task."""
    spec = await kit.open(instance="", claim_hash="old")
    task = await kit.tasks.view(spec.id)

    assert await kit.tasks.replace_handle(task, "new")

    with pytest.raises(NotFoundError):
        await kit.tasks.claim(task, "old", "pod-1")
    await kit.tasks.claim(task, "new", "pod-1")
    assert not await kit.tasks.replace_handle(task, "newer")


async def test_a_beat_of_a_child_keeps_its_ancestors_from_falling_silent(kit: LedgerKit) -> None:
    """Activity in a child counts for everything above it."""
    line = await kit.chain(3)
    await kit.pass_time(line[0].id, 4 * MINUTE)

    await kit.tasks.beat(await kit.tasks.view(line[2].id), by_agent=True)
    await kit.pass_time(line[0].id, 2 * MINUTE)

    assert not await kit.tree.sweep(line[0].path)
    assert (await kit.tasks.view(line[0].id)).is_alive


async def test_a_silent_task_is_swept_just_after_its_idle_timeout_not_before(
    kit: LedgerKit,
) -> None:
    """The boundary, looked at from both sides."""
    task = await kit.open(idle_ms=MINUTE)

    await kit.pass_time(task.id, MINUTE - 5_000)
    early = await kit.tree.sweep(task.path)
    await kit.pass_time(task.id, 5_000)
    late = await kit.tree.sweep(task.path)

    assert (early, late) == (False, True)
    view = await kit.tasks.view(task.id)
    assert (view.state, view.ended_by) == (TaskState.CANCELLED, "idle")


async def test_a_silent_opener_ends_the_task_though_its_agent_is_busy(kit: LedgerKit) -> None:
    """The opener has a timeout of its own."""
    task = await kit.open(opener_timeout_ms=MINUTE)
    await kit.pass_time(task.id, MINUTE)

    await kit.tasks.beat(await kit.tasks.view(task.id), by_agent=True)

    assert await kit.tree.sweep(task.path)
    assert (await kit.tasks.view(task.id)).ended_by == "opener-silent"


async def test_a_lost_activity_value_is_set_to_now_and_told(kit: LedgerKit) -> None:
    """It is never read as silent since the beginning."""
    task = await kit.open(idle_ms=MINUTE)
    await kit.link.read("HDEL", kit.keys.of(task.id).task(task.id), "seen")
    await kit.pass_time(task.id, 30 * 1000)

    swept = await kit.tree.sweep(task.path)

    assert not swept
    assert "task.activity-lost" in [event["type"] for event in await kit.told(task.id)]


async def test_an_extension_never_passes_the_last_deadline_nor_the_parents(kit: LedgerKit) -> None:
    """Ask for a day, get what is left of the hour; a child gets its parent's."""
    root = await kit.open(ttl_ms=MINUTE)
    child = await kit.open(root, ttl_ms=MINUTE)
    opened = await kit.tasks.view(root.id)

    await kit.tasks.extend(await kit.tasks.view(child.id), Extension(24 * 60 * MINUTE, 0, "x"))
    child_view = await kit.tasks.view(child.id)
    await kit.tasks.extend(opened, Extension(24 * 60 * MINUTE, 0, "x"))

    assert child_view.deadline_ms == opened.deadline_ms
    assert (await kit.tasks.view(root.id)).deadline_ms == opened.opened_at_ms + 60 * MINUTE


async def test_an_extension_never_takes_time_away(kit: LedgerKit) -> None:
    """Children and leases rest on the deadline: ending it sooner is what ending is for (I7)."""
    root = await kit.open(ttl_ms=30 * MINUTE)
    child = await kit.open(root, ttl_ms=20 * MINUTE)

    await kit.tasks.extend(await kit.tasks.view(root.id), Extension(MINUTE, 0, "x"))

    views = await kit.tasks.view(root.id), await kit.tasks.view(child.id)
    assert views[0].deadline_ms - views[0].opened_at_ms == 30 * MINUTE
    assert views[1].deadline_ms <= views[0].deadline_ms


async def test_an_extension_under_one_key_is_made_once(kit: LedgerKit) -> None:
    """A repeat moves and tells nothing; another request under the key is refused (I10)."""
    task = await kit.open(ttl_ms=MINUTE)
    view = await kit.tasks.view(task.id)
    extension = Extension(2 * MINUTE, 0, "x", "k", "d")
    await kit.tasks.extend(view, extension)
    once = (await kit.tasks.view(task.id)).deadline_ms
    await kit.pass_time(task.id, MINUTE // 2)

    await kit.tasks.extend(view, extension)
    with pytest.raises(IdempotencyConflictError):
        await kit.tasks.extend(view, replace(extension, digest="other"))

    assert (await kit.tasks.view(task.id)).deadline_ms == once
    assert [event["type"] for event in await kit.told(task.id)].count("task.extended") == 1
    await kit.tasks.extend(view, replace(extension, key="k2"))
    assert (await kit.tasks.view(task.id)).deadline_ms > once


async def test_a_repeated_extension_of_an_ended_task_says_that_it_has_ended(kit: LedgerKit) -> None:
    """What ended it came later."""
    task = await kit.open()
    view = await kit.tasks.view(task.id)
    extension = Extension(2 * MINUTE, 0, "x", "k", "d")
    await kit.tasks.extend(view, extension)
    await kit.close(task)

    with pytest.raises(TaskClosedError):
        await kit.tasks.extend(view, extension)


async def test_an_ended_task_neither_beats_nor_grows(kit: LedgerKit) -> None:
    """No verb brings it back."""
    task = await kit.open()
    view = await kit.tasks.view(task.id)
    await kit.close(task)

    with pytest.raises(TaskClosedError):
        await kit.tasks.beat(view, by_agent=True)
    with pytest.raises(TaskClosedError):
        await kit.tasks.extend(view, Extension(MINUTE, 0, "x"))


async def test_opening_on_older_facts_is_refused(kit: LedgerKit) -> None:
    """A revision reaches every bucket before it is published (I15)."""
    await kit.control.publish("{}", "digest", "operator:alice")

    with pytest.raises(StaleFactsError):
        await kit.open(facts=0)
    await kit.open(facts=1)


async def test_a_full_outbox_refuses_to_open_but_not_to_close(link: Link) -> None:
    """Taking away goes on whatever lags behind (I5)."""
    kit = LedgerKit(link, buckets=1, limits=Limits(outbox=1))
    task = await kit.open()

    with pytest.raises(UnavailableError):
        await kit.open()
    await kit.close(task)

    assert not (await kit.tasks.view(task.id)).is_alive


async def test_a_task_has_no_more_children_than_allowed(link: Link) -> None:
    """The bound is the parent's, and no child is written beyond it."""
    kit = LedgerKit(link, limits=Limits(children=2))
    root = await kit.open()
    await kit.open(root)
    await kit.open(root)

    with pytest.raises(QuotaExceededError):
        await kit.open(root)

    assert len(await kit.tree.children(root.id, None, 10)) == 2


async def test_the_clock_of_a_bucket_never_goes_back(kit: LedgerKit) -> None:
    """What a later time has judged dead stays dead when the server's clock is set back."""
    task = await kit.open()
    await kit.pass_time(task.id, 60 * 60 * 1000)

    child = kit.new_task()
    while bucket_of(child.spec.id) != bucket_of(task.id):
        child = kit.new_task()
    await kit.tasks.open(child)

    opened = (await kit.tasks.view(child.spec.id)).opened_at_ms
    assert opened >= (await kit.tasks.view(task.id)).opened_at_ms + 60 * 60 * 1000


async def test_a_forgotten_task_leaves_nothing_behind(kit: LedgerKit) -> None:
    """Records, index entries, its place among its siblings; an open task is never forgotten."""
    root = await kit.open()
    child = await kit.open(root)
    await kit.grant(child)
    await kit.close(child)

    await kit.tree.forget(child)
    await kit.tree.forget(root)

    assert await kit.tree.spec(child.id) is None
    assert await kit.tree.spec(root.id) == root
    assert await kit.tree.children(root.id, None, 10) == []
    listed = await kit.tree.newest(bucket_of(root.id), Index("tenant", "acme"), None, 0, 10)
    assert [task for task, _ in listed] == [root.id]


async def test_outbox_numbers_are_dense(kit: LedgerKit) -> None:
    """A reader sees that nothing is missing."""
    line = await kit.chain(3)
    for task in line:
        await kit.close(task)

    entries = await kit.link.read("XRANGE", kit.keys.of(line[0].id).out, "-", "+")

    assert [entry for entry, _ in entries] == [f"{n}-0" for n in range(1, 7)]


async def test_a_childs_key_that_lives_where_its_parent_does_opens_the_child_once(
    kit: LedgerKit,
) -> None:
    """One key in several is bound in the very bucket that the child is opened in."""
    parent = await kit.open()
    bucket = bucket_of(parent.id)
    keys = (f"key-{number}" for number in itertools.count())
    key = next(key for key in keys if kit.ids.bucket_for(key) == bucket)
    child = kit.new_task(parent, key=key, digest="same")

    opened = await kit.tasks.open(child)
    again = await kit.tasks.open(kit.new_task(parent, key=key, digest="same"))

    assert opened == (child.spec.id, True)
    assert again == (child.spec.id, False)
