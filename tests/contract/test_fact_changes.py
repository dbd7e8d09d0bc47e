"""Changing facts through a broker: checked, in every bucket, and only then acknowledged."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from broker.clock import SystemClock
from broker.errors import (
    IdempotencyConflictError,
    InvalidRequestError,
    StoreUnavailableError,
    SupersededError,
)
from broker.fact_changes import MOST, FactChanges
from broker.facts.facts import Facts
from broker.facts_copy import FactsCopy
from broker.faultpoints import FaultPoints
from broker.idempotency import Repeatable
from broker.store.facts_entry import START, Position
from broker.store.facts_log import FactsLog
from broker.store.facts_snapshots import FactsSnapshots
from broker.store.link import Link, Reply, Script, Value
from tests.chaos.facts_process import refusal
from tests.fakes.facts_kit import BASE, FactsKit, concerns, hold, put_dataset, put_ticket, ticket


class Broker:
    """One broker's way to change facts."""

    def __init__(self, kit: FactsKit, link: Link, *, gap_ms: int = 0) -> None:
        self.log = FactsLog(link, kit.keys, kit.ids, gap_ms=gap_ms)
        self.copy = FactsCopy(self.log, FactsSnapshots(link, kit.keys, kit.ids, self.log))
        self.changes = FactChanges(
            self.log, self.newest, refusal=refusal, clock=SystemClock(), faults=FaultPoints()
        )

    async def newest(self) -> tuple[Facts, Position]:
        """Follow the log."""
        await self.copy.follow()
        return self.copy.facts.over(BASE), self.copy.end


@pytest.fixture
def kit(link: Link) -> FactsKit:
    """An empty log."""
    return FactsKit(link)


@pytest.fixture
def broker(kit: FactsKit) -> Broker:
    """A broker over it."""
    return Broker(kit, kit.link)


async def test_what_is_acknowledged_counts_in_every_bucket_and_here(
    kit: FactsKit, broker: Broker
) -> None:
    """Nothing is granted on what was before, anywhere."""
    revision = await broker.changes.apply(put_ticket("T-1"))

    assert revision == 1
    assert await kit.graph_floors() == ["1"] * 4
    assert broker.copy.end.revision == 1
    assert broker.copy.facts.thing(ticket("T-1")) is not None


async def test_what_comes_at_the_same_time_is_one_revision(kit: FactsKit, broker: Broker) -> None:
    """Each in its turn, on what those before it leave; each caller is told on its own."""
    changes = [put_dataset("orders"), put_ticket("T-1"), concerns("T-1", "orders"), hold("T-1")]
    bad = concerns("T-1", "nobody-knows")

    done = await asyncio.gather(
        *(broker.changes.apply(change) for change in (*changes, bad)), return_exceptions=True
    )

    assert done[:4] == [1, 1, 1, 1]
    assert isinstance(done[4], InvalidRequestError)
    assert "nobody-knows" in str(done[4])
    (entry,) = await kit.log.since(0)
    assert list(entry.parts) == changes
    assert len(await kit.events()) == 4


async def test_who_comes_within_the_pause_goes_along(kit: FactsKit) -> None:
    """Nothing could be appended sooner, so nobody waits longer for it."""
    broker = Broker(kit, kit.link, gap_ms=1_000)
    await broker.changes.apply(put_ticket("T-0"))

    async def late(number: int) -> int:
        await asyncio.sleep(number / 1000)
        return await broker.changes.apply(put_ticket(f"T-{number}"))

    assert await asyncio.gather(*(late(number) for number in range(1, 101, 5))) == [2] * 20


async def test_a_thousand_at_once_are_a_few_revisions(kit: FactsKit, broker: Broker) -> None:
    """Each is taken, and told which one it is in."""
    done = await asyncio.gather(
        *(broker.changes.apply(put_ticket(f"T-{number}")) for number in range(1_000))
    )

    assert set(done) == set(range(1, 1_000 // MOST + 1))
    facts = await kit.loaded()
    assert all(facts.thing(ticket(f"T-{number}")) for number in range(1_000))
    assert await kit.graph_floors() == [str(max(done))] * 4


async def test_a_broker_decides_by_a_change_before_it_counts_elsewhere(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So no decision that begins here is overtaken by what was made here."""
    here: list[int] = []
    settle = broker.log.settle

    async def settled(revision: int) -> None:
        here.append(broker.copy.end.revision)
        await settle(revision)

    monkeypatch.setattr(broker.log, "settle", settled)

    await broker.changes.apply(put_ticket("T-1"))
    await broker.changes.apply(put_ticket("T-2"))

    assert here == [1, 2]


async def test_what_is_wrong_alone_appends_nothing(kit: FactsKit, broker: Broker) -> None:
    """And the caller has every fault."""
    with pytest.raises(InvalidRequestError, match=r"(?s)T-1.*orders|orders.*T-1"):
        await broker.changes.apply(concerns("T-1", "orders"))

    assert (await kit.log.head()).end == START


async def test_sets_that_belong_together_are_made_together_or_not_at_all(
    kit: FactsKit, broker: Broker
) -> None:
    """In one revision, each on what those before it leave; one that cannot be keeps all out."""
    parts = [put_dataset("orders"), put_ticket("T-1"), concerns("T-1", "orders")]

    with pytest.raises(InvalidRequestError, match="nobody-knows"):
        await broker.changes.apply_all([*parts, concerns("T-1", "nobody-knows")], base=0)
    assert (await kit.log.head()).end == START
    with pytest.raises(SupersededError):
        await broker.changes.apply_all(parts, base=1)

    assert await broker.changes.apply_all(parts, base=0) == 1
    (entry,) = await kit.log.since(0)
    assert list(entry.parts) == parts


async def test_brokers_that_overtake_each_other_lose_nothing(kit: FactsKit) -> None:
    """Whoever is too late checks again, on what the others made."""
    brokers = [Broker(kit, kit.link, gap_ms=5) for _ in range(3)]
    names = [f"T-{number}" for number in range(30)]

    await asyncio.gather(
        *(brokers[number % 3].changes.apply(put_ticket(name)) for number, name in enumerate(names))
    )

    facts = await kit.loaded()
    assert all(facts.thing(ticket(name)) for name in names)
    revisions = [note.revision for note in await kit.log.history(limit=99)]
    assert revisions == list(range(len(revisions), 0, -1))


async def test_a_base_that_stands_no_more_is_refused(kit: FactsKit, broker: Broker) -> None:
    """Also when what overtook it came to the same broker at the same time."""
    await kit.append(put_ticket("T-1"))

    first, second = await asyncio.gather(
        broker.changes.apply(put_ticket("T-2"), base=1),
        broker.changes.apply(put_ticket("T-3"), base=1),
        return_exceptions=True,
    )

    assert first == 2
    assert isinstance(second, SupersededError)
    with pytest.raises(SupersededError):
        await broker.changes.apply(put_ticket("T-3"), base=1)
    assert (await kit.log.head()).revision == 2


async def test_the_same_request_is_made_once(kit: FactsKit, broker: Broker) -> None:
    """Later, at another broker, twice at the same moment; not under another's key (I10)."""
    same = Repeatable("key", "digest")
    both = await asyncio.gather(
        broker.changes.apply(put_ticket("T-1"), same=same),
        broker.changes.apply(put_ticket("T-1"), same=same),
    )
    await broker.changes.apply(put_ticket("T-2"))
    other = Broker(kit, kit.link)

    again = await other.changes.apply(put_ticket("T-1"), same=same)

    assert [*both, again] == [1, 1, 1]
    assert await other.changes.done(same) == 1
    assert await other.changes.done(Repeatable("another", "digest")) == 0
    with pytest.raises(IdempotencyConflictError):
        await other.changes.apply(put_ticket("T-9"), same=Repeatable("key", "other"))
    assert (await kit.log.head()).revision == 2


class Deaf:
    """A link that loses the answers of some scripts, or does not reach a bucket."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.losing: set[str] = set()
        self.lame = ""
        self.lost = 0

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Value] = ()) -> Reply:
        """Run a script."""
        if self.lame and keys[0].startswith(self.lame):
            raise StoreUnavailableError("gone")
        reply = await self._link.run(script, keys, args)
        if script.name in self.losing:
            self.losing.discard(script.name)
            self.lost += 1
            raise StoreUnavailableError("no answer")
        return reply

    async def read(self, *command: Value) -> Reply:
        """Run a command."""
        return await self._link.read(*command)


async def test_a_lost_answer_does_not_make_a_change_twice(kit: FactsKit) -> None:
    """It is asked for again, under the same operation."""
    deaf = Deaf(kit.link)
    broker = Broker(kit, deaf)  # type: ignore[arg-type] # all that is used of a link
    deaf.losing = {"facts_append"}

    assert await broker.changes.apply(put_ticket("T-1")) == 1

    assert deaf.lost == 1
    assert (await kit.log.head()).revision == 1
    assert len(await kit.events()) == 1


async def test_what_does_not_count_everywhere_is_not_acknowledged(kit: FactsKit) -> None:
    """It is made all the same, and counts when anybody reaches the bucket again."""
    deaf = Deaf(kit.link)
    broker = Broker(kit, deaf)  # type: ignore[arg-type] # all that is used of a link
    same = Repeatable("key", "digest")
    deaf.lame = kit.keys.buckets[2].prefix

    with pytest.raises(StoreUnavailableError):
        await broker.changes.apply(put_ticket("T-1"), same=same)
    assert await kit.graph_floors() == ["1", "1", None, "1"]
    deaf.lame = ""

    assert await broker.changes.apply(put_ticket("T-1"), same=same) == 1
    assert await kit.graph_floors() == ["1"] * 4
    assert (await kit.log.head()).revision == 1


async def test_a_caller_that_goes_keeps_nobody_else_from_an_answer(
    kit: FactsKit, broker: Broker
) -> None:
    """Its change is made, or not; the others are told."""
    gone = asyncio.create_task(broker.changes.apply(put_ticket("T-1")))
    other = asyncio.create_task(broker.changes.apply(put_ticket("T-2")))
    await asyncio.sleep(0)

    gone.cancel()
    with suppress(asyncio.CancelledError):
        await gone

    assert await other >= 1
    assert (await kit.loaded()).thing(ticket("T-2")) is not None


async def test_a_broker_that_stops_leaves_nobody_waiting(kit: FactsKit) -> None:
    """Whoever has no answer yet is told that nobody knows."""
    broker = Broker(kit, kit.link, gap_ms=60_000)
    await broker.changes.apply(put_ticket("T-1"))
    waiting = asyncio.create_task(broker.changes.apply(put_ticket("T-2")))
    await asyncio.sleep(0.05)
    late = asyncio.create_task(broker.changes.apply(put_ticket("T-3")))
    await asyncio.sleep(0)

    await broker.changes.stop()

    for task in (waiting, late):
        with pytest.raises(StoreUnavailableError):
            await task
    assert (await kit.log.head()).revision == 1


async def test_more_than_fit_into_one_revision_go_into_several(
    kit: FactsKit, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order in which they came."""
    monkeypatch.setattr("broker.fact_changes.MOST", 4)

    done = await asyncio.gather(
        *(broker.changes.apply(put_ticket(f"T-{number}")) for number in range(10))
    )

    assert done == [1] * 4 + [2] * 4 + [3] * 2
    assert (await kit.log.head()).revision == 3
