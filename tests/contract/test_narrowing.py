"""Where a change can be felt: nobody who can feel it is left out, and empty indexes cost little."""

import asyncio

import pytest

from broker import narrowing
from broker.affected import EVERYTHING, NOTHING, Affected
from broker.errors import StoreUnavailableError
from broker.lease_walk import EVER_MS
from broker.narrowing import Narrowing, Walk
from broker.store import scripts
from broker.store.link import Link, Reply, Script, Value
from broker.store.task_tree import EVERY_TASK, Index
from broker.touched import Touched
from tests.fakes.verbs_kit import BUCKETS, VerbsKit

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)


@pytest.fixture
def kit(link: Link) -> VerbsKit:
    """Nothing opened yet."""
    return VerbsKit(link)


def tickets(*names: str) -> Affected:
    """Say that tickets changed."""
    return Affected(frozenset(Index("ticket", f"acme/{name}") for name in names))


async def walks(kit: VerbsKit, affected: Affected) -> set[Walk]:
    """Return what would be walked, in whatever bucket."""
    narrow = Narrowing(kit.ledger.tree)
    found = [await narrow.walks(bucket, affected) for bucket in range(BUCKETS)]
    return {walk for each in found for walk in each}


async def forget_since_when(kit: VerbsKit) -> None:
    """Let the tasks that stand be from before they were listed by what they name."""
    for bucket in kit.ledger.keys.buckets:
        now = int(await kit.link.read("HGET", bucket.meta, "now") or 0)
        await kit.link.read("HSET", bucket.meta, "named", now + 1)


async def test_of_a_thousand_indexes_those_with_tasks_are_walked(kit: VerbsKit) -> None:
    """The others are looked up, in a script or two."""
    await kit.open(tickets=("T-7",))
    affected = tickets(*(f"T-{number}" for number in range(1_200)))

    assert await walks(kit, affected) == {(Index("ticket", "acme/T-7"), EVER_MS)}
    assert await walks(kit, tickets("T-8")) == set()
    assert await walks(kit, NOTHING) == set()


async def test_older_tasks_are_walked_for_what_is_found_by_name(kit: VerbsKit) -> None:
    """They are in no index of what they name; an agent's they are in."""
    task = await kit.open(tickets=("T-7",))
    await forget_since_when(kit)

    assert await walks(kit, tickets("T-8")) == {(EVERY_TASK, task.opened_at_ms)}
    agent = Affected(frozenset({Index("agent", "invoice-bot")}))
    assert await walks(kit, agent) == {(Index("agent", "invoice-bot"), EVER_MS)}


async def test_too_many_walks_are_one_of_everything(
    kit: VerbsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As is what may concern everything."""
    monkeypatch.setattr(narrowing, "MOST_WALKS", 1)
    await kit.open(tickets=("T-1", "T-2"))

    assert (EVERY_TASK, EVER_MS) in await walks(kit, tickets("T-1", "T-2"))
    assert await walks(kit, EVERYTHING) == {(EVERY_TASK, EVER_MS)}


class Counting:
    """A link that counts the looks, and can be made to fail."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.looks = 0
        self.is_gone = False

    async def run(self, script: Script, keys: list[str], args: list[Value] = ()) -> Reply:  # type: ignore[assignment]
        """Run a script."""
        if script is scripts.INDEX_FILLED:
            self.looks += 1
        if self.is_gone:
            raise StoreUnavailableError("gone")
        return await self._link.run(script, keys, args)


async def test_whoever_asks_at_the_same_time_is_answered_together(kit: VerbsKit) -> None:
    """Each for itself, by a few looks at each bucket."""
    await kit.open(tickets=("T-7",))
    tree, link = kit.ledger.tree, Counting(kit.link)
    tree._link = link  # type: ignore[assignment]  # noqa: SLF001 - to count
    touched = Touched(tree, BUCKETS)

    found = await asyncio.gather(*(touched.any(tickets(f"T-{n}")) for n in range(100)))

    assert found == [number == 7 for number in range(100)]
    assert link.looks <= 2 * BUCKETS
    assert await touched.any(EVERYTHING)
    assert not await touched.any(NOTHING)


async def test_whom_nobody_can_answer_is_told_so_and_the_next_one_is_answered(
    kit: VerbsKit,
) -> None:
    """A silent bucket might have had one."""
    tree, link = kit.ledger.tree, Counting(kit.link)
    tree._link = link  # type: ignore[assignment]  # noqa: SLF001 - to fail
    touched, link.is_gone = Touched(tree, BUCKETS), True

    found = await asyncio.gather(
        *(touched.any(tickets(name)) for name in ("T-1", "T-2")), return_exceptions=True
    )
    link.is_gone = False

    assert [type(each) for each in found] == [StoreUnavailableError] * 2
    assert not await touched.any(tickets("T-1"))


async def test_older_tasks_may_name_anything(kit: VerbsKit) -> None:
    """So a change of a ticket may touch one."""
    await kit.open()
    touched = Touched(kit.ledger.tree, BUCKETS)
    assert not await touched.any(tickets("T-1"))

    await forget_since_when(kit)

    assert await touched.any(tickets("T-1"))
