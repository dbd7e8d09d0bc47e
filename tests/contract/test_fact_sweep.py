"""What has expired leaves the log, whoever else is at it."""

import asyncio

import pytest

from broker.clock import SystemClock
from broker.errors import StoreUnavailableError
from broker.fact_changes import FactChanges
from broker.fact_sweep import GRACE_MS, FactSweep
from broker.facts.change import ChangeSet, Relate
from broker.facts.facts import Facts
from broker.facts_copy import FactsCopy
from broker.faultpoints import FaultPoints
from broker.gate import Gate, Hindrance
from broker.model.fact import Relation, Relationship
from broker.store.facts_entry import Position
from broker.store.link import Link
from tests.chaos.facts_process import refusal
from tests.fakes.clock import FakeClock
from tests.fakes.facts_kit import BASE, FactsKit, dataset, put_dataset, put_ticket, ticket

UNTIL_MS = SystemClock().now_ms() + 3_600_000


class Broker:
    """One broker, whose clock is ahead."""

    def __init__(self, kit: FactsKit, at_ms: int) -> None:
        self.copy = FactsCopy(kit.log, kit.snapshots)
        self.changes = FactChanges(
            kit.log, self.newest, refusal=refusal, clock=SystemClock(), faults=FaultPoints()
        )
        self.gate = Gate([])
        self.sweep = FactSweep(
            lambda: self.copy.facts.over(BASE), self.changes.apply, self.gate, FakeClock(at_ms)
        )

    async def newest(self) -> tuple[Facts, Position]:
        """Follow the log."""
        await self.copy.follow()
        return self.copy.facts.over(BASE), self.copy.end


@pytest.fixture
async def kit(link: Link) -> FactsKit:
    """A log in which a ticket concerns one dataset for a while and another one for good."""
    kit = FactsKit(link)
    ends = [(dataset("brief"), UNTIL_MS), (dataset("lasting"), 0)]
    edges = (Relationship(ticket("T-1"), Relation.CONCERNS, end, until) for end, until in ends)
    related = ChangeSet("operator:alice", "a test", tuple(map(Relate, edges)))
    await kit.append(put_ticket("T-1"), put_dataset("brief"), put_dataset("lasting"), related)
    return kit


async def test_what_expired_is_swept_after_its_grace(kit: FactsKit) -> None:
    """And what lasts stays."""
    early, late = Broker(kit, UNTIL_MS + GRACE_MS - 1), Broker(kit, UNTIL_MS + GRACE_MS)
    for broker in (early, late):
        await broker.newest()

    await early.sweep.tick()
    assert (await kit.loaded()).size[1] == 2
    await late.sweep.tick()

    (left,) = (await kit.loaded()).above(ticket("T-1"))
    assert left.object == dataset("lasting")
    assert (await kit.log.head()).revision == 2


async def test_two_brokers_at_it_sweep_once(kit: FactsKit) -> None:
    """The second finds nothing left to end."""
    brokers = [Broker(kit, UNTIL_MS + GRACE_MS) for _ in range(2)]
    for broker in brokers:
        await broker.newest()

    await asyncio.gather(*(broker.sweep.tick() for broker in brokers))

    assert (await kit.log.head()).revision == 2
    assert (await kit.loaded()).size[1] == 1


async def test_a_broker_that_gives_no_access_takes_no_facts_away(kit: FactsKit) -> None:
    """Its clock may be what is wrong."""
    broker = Broker(kit, UNTIL_MS + GRACE_MS)
    await broker.newest()
    broker.gate.report("clock", Hindrance("clock", "hours ahead"))

    await broker.sweep.tick()

    assert (await kit.log.head()).revision == 1


async def test_what_cannot_be_done_now_is_no_error(kit: FactsKit) -> None:
    """Facts that were never read, a ledger that is gone: the next tick comes."""
    unread = Broker(kit, UNTIL_MS + GRACE_MS)
    await unread.sweep.tick()

    async def fail(_change: ChangeSet) -> int:
        raise StoreUnavailableError("gone")

    await unread.newest()
    clock = FakeClock(UNTIL_MS + GRACE_MS)
    await FactSweep(lambda: unread.copy.facts, fail, Gate([]), clock).tick()

    assert (await kit.log.head()).revision == 1
