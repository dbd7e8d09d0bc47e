"""How many tasks a tree may have open, in the ledger, over every way to reach a Redis."""

import asyncio
from typing import Any

import pytest

from broker.errors import QuotaExceededError
from broker.model.task import TaskSpec
from broker.store.link import Link
from broker.store.task_ledger import Extension
from tests.fakes.ledger_kit import MINUTE, LedgerKit


@pytest.fixture
def kit(link: Link) -> LedgerKit:
    """A ledger."""
    return LedgerKit(link)


async def child(kit: LedgerKit, parent: TaskSpec, room: int = 0, **changes: Any) -> TaskSpec:
    """Open a child that allows so many tasks below itself."""
    return await kit.open(parent, rooms=(*parent.rooms, room), **changes)


async def test_a_task_bounds_all_that_is_open_below_it(kit: LedgerKit) -> None:
    """Grandchildren count like children, and the bound is the one of the task that states it."""
    root = await kit.open(rooms=(3,))
    middle = await child(kit, root)
    await child(kit, middle)
    await child(kit, middle)

    for parent in (root, middle):
        with pytest.raises(QuotaExceededError):
            await child(kit, parent)


async def test_the_nearest_and_the_farthest_bound_both_hold(kit: LedgerKit) -> None:
    """A branch fills up before its tree does, and a full tree leaves no branch any room."""
    root = await kit.open(rooms=(4,))
    narrow, wide = await child(kit, root, 1), await child(kit, root, 4)
    await child(kit, narrow)

    with pytest.raises(QuotaExceededError):
        await child(kit, narrow)
    await child(kit, wide)
    with pytest.raises(QuotaExceededError):
        await child(kit, wide)


async def test_what_ends_by_its_own_word_makes_room(kit: LedgerKit) -> None:
    """In every task above it, not in its parent alone."""
    root = await kit.open(rooms=(2,))
    middle = await child(kit, root)
    leaf = await child(kit, middle)

    await kit.close(leaf)

    await child(kit, middle)


async def test_what_has_died_of_age_makes_room(kit: LedgerKit) -> None:
    """Whether anybody has looked or not."""
    root = await kit.open(rooms=(1,))
    await child(kit, root, ttl_ms=MINUTE)
    await kit.pass_time(root.id, MINUTE)

    await child(kit, root)


async def test_what_was_extended_keeps_its_room(kit: LedgerKit) -> None:
    """Its new deadline counts, in every task above it."""
    root = await kit.open(rooms=(2,))
    middle = await child(kit, root)
    leaf = await child(kit, middle, ttl_ms=MINUTE)
    await kit.tasks.extend(await kit.tasks.view(leaf.id), Extension(5 * MINUTE, 0, "x"))
    await kit.pass_time(root.id, 2 * MINUTE)

    with pytest.raises(QuotaExceededError):
        await child(kit, middle)


async def test_fifty_openers_at_once_take_the_last_places_only(kit: LedgerKit) -> None:
    """Each opening is one script: nobody counts, then writes."""
    root = await kit.open(rooms=(5,))
    branches = [await child(kit, root) for _ in range(2)]

    async def race(number: int) -> bool:
        try:
            await child(kit, branches[number % 2])
        except QuotaExceededError:
            return False
        return True

    won = await asyncio.gather(*map(race, range(50)))

    assert sum(won) == 3


async def test_fifty_openers_at_once_take_no_more_children_than_the_parent_allows(
    kit: LedgerKit,
) -> None:
    """The parent's own bound, which is smaller than the installation's."""
    root = await kit.open()

    async def race(_: int) -> bool:
        try:
            await kit.open(root, siblings=4)
        except QuotaExceededError:
            return False
        return True

    won = await asyncio.gather(*map(race, range(50)))

    assert sum(won) == 4
    assert len(await kit.tree.children(root.id, None, 100)) == 4


async def test_a_repeat_takes_no_second_place(kit: LedgerKit) -> None:
    """The same opening again is answered with the task that it opened."""
    root = await kit.open(rooms=(1,))
    new = kit.new_task(root, rooms=(1, 0))

    first, again = await kit.tasks.open(new), await kit.tasks.open(new)

    assert (first, again) == ((new.spec.id, True), (new.spec.id, False))


async def test_a_forgotten_tree_leaves_no_count_behind(kit: LedgerKit) -> None:
    """What was counted is gone with the task that counted it."""
    root = await kit.open(rooms=(3,))
    leaf = await child(kit, root)
    await kit.close(root)

    await kit.tree.forget(leaf)
    await kit.tree.forget(root)

    key = kit.keys.of(root.id).open_below(root.id)
    assert await kit.link.read("ZRANGE", key, 0, -1) == []


async def test_a_tree_from_before_bounds_were_kept_grows_on(kit: LedgerKit) -> None:
    """Its record states none; nothing is counted, nothing is refused."""
    root = await kit.open()
    assert root.rooms == ()

    old = await kit.open(root)
    new = await child(kit, TaskSpec(**{**_members(old), "rooms": (0, 0)}))

    assert (await kit.tasks.view(new.id)).is_alive


def _members(spec: TaskSpec) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in spec.__struct_fields__}
