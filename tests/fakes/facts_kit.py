"""Short ways to changes of facts, and a log without a pause between revisions."""

from typing import Final

from broker.facts.base import Base
from broker.facts.change import ChangeSet, HoldThing, PutThing, Relate
from broker.facts.facts import Facts
from broker.ids import IdFactory
from broker.model.fact import Hold, Ref, Relation, Relationship, Thing, ThingKind
from broker.store.facts_entry import START, FactsEntry, Position
from broker.store.facts_log import FactsLog
from broker.store.facts_snapshots import FactsSnapshots
from broker.store.keyspace import Keyspace
from broker.store.link import Link

BASE: Final = Base.of_tenants("acme", "globex")
"""What the bundle declares in these tests: two tenants."""


def ticket(name: str, tenant: str = "acme") -> Ref:
    """Name a ticket."""
    return Ref(ThingKind.TICKET, tenant, name)


def dataset(name: str, tenant: str = "acme") -> Ref:
    """Name a dataset."""
    return Ref(ThingKind.DATASET, tenant, name)


def put_ticket(*names: str, status: str = "open", by: str = "operator:alice") -> ChangeSet:
    """Put tickets of acme."""
    things = (
        Thing(kind=ThingKind.TICKET, tenant="acme", name=name, status=status) for name in names
    )
    return ChangeSet(by, "a test", tuple(map(PutThing, things)))


def put_dataset(name: str) -> ChangeSet:
    """Put a dataset of acme."""
    thing = Thing(kind=ThingKind.DATASET, tenant="acme", name=name, status="active")
    return ChangeSet("operator:alice", "a test", (PutThing(thing),))


def concerns(of: str, about: str) -> ChangeSet:
    """Let a ticket concern a dataset."""
    edge = Relationship(ticket(of), Relation.CONCERNS, dataset(about))
    return ChangeSet("operator:alice", "a test", (Relate(edge),))


def hold(name: str) -> ChangeSet:
    """Hold a ticket."""
    change = HoldThing(ticket(name), Hold("a test", "operator:alice", 1))
    return ChangeSet("operator:alice", "a test", (change,))


class FactsKit:
    """The log of a ledger, its snapshots, and what is in them."""

    def __init__(self, link: Link, *, buckets: int = 4, gap_ms: int = 0) -> None:
        self.link = link
        self.keys = Keyspace("jit", buckets)
        self.ids = IdFactory(buckets)
        self.log = FactsLog(link, self.keys, self.ids, gap_ms=gap_ms)
        self.snapshots = FactsSnapshots(link, self.keys, self.ids, self.log)

    async def append(self, *parts: ChangeSet) -> FactsEntry:
        """Append changes to whatever is there."""
        return await self.log.append(parts, base=(await self.log.head()).end)

    async def filled(self, revisions: int) -> Position:
        """Append tickets, one to a revision; return the end."""
        end = START
        for number in range(1, revisions + 1):
            end = (await self.append(put_ticket(f"T-{number}"))).position
        return end

    async def filled_on(self, revisions: int) -> None:
        """Append more tickets."""
        for _ in range(revisions):
            revision = (await self.log.head()).revision
            await self.append(put_ticket(f"T-{revision + 1}"))

    async def loaded(self) -> Facts:
        """Load what is there, over tenants."""
        return (await self.snapshots.load()).facts.over(BASE)

    async def graph_floors(self) -> list[str | None]:
        """Read the floor of each bucket."""
        return [await self.link.read("HGET", bucket.meta, "graph") for bucket in self.keys.buckets]

    async def events(self) -> list[dict[str, str]]:
        """Read the outbox of bucket 00."""
        entries = await self.link.read("XRANGE", self.keys.buckets[0].out, "-", "+")
        return [dict(zip(flat[::2], flat[1::2], strict=True)) for _, flat in entries]
