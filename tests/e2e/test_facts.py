"""Facts that change while access is given: every decision reads the newest, and none starves."""

import asyncio

import pytest

from broker.clock import SystemClock
from broker.fact_changes import FactChanges
from broker.facts.change import ChangeSet, HoldThing, LiftHold, PutThing
from broker.faultpoints import FaultPoints
from broker.governance.bundle import Bundle
from broker.model.fact import Hold, Ref, Thing, ThingKind
from broker.publishing import Publishing
from tests.chaos.facts_process import refusal
from tests.fakes.cast import AGENT
from tests.fakes.until import until
from tests.fakes.world import OPERATOR_AT_WORK, World


def changes_at(world: World, at: int = 0) -> FactChanges:
    """Change facts by one of the brokers."""
    broker = world.running[at].broker
    return FactChanges(
        broker.ledger.facts,
        broker.replica.newest_facts,
        refusal=refusal,
        clock=SystemClock(),
        faults=FaultPoints(),
    )


def ticket(name: str, status: str = "open") -> ChangeSet:
    """Put a ticket."""
    thing = Thing(kind=ThingKind.TICKET, tenant="acme", name=name, status=status)
    return ChangeSet("operator:test", "a test", (PutThing(thing),))


async def test_readiness_and_metrics_tell_the_revision_of_the_facts(world: World) -> None:
    """And how long ago it was the newest."""
    await changes_at(world).apply(ticket("T-1"))
    await world.refresh()

    shown = (await world.get(None, "/readyz"))["facts"]
    metrics = (await world.get(None, "/metrics")).raw.decode()

    assert shown["revision"] == 1
    assert 0 <= shown["age_ms"] <= 5_000
    assert "jit_facts_revision 1.0" in metrics


async def test_a_change_counts_at_once_at_every_broker(worlds: World) -> None:
    """Whoever has not looked yet is told by the ledger, and decides again (I15)."""
    task = await worlds.open(at=1)
    revision = await changes_at(worlds, 0).apply(ticket("T-1"))

    await worlds.issue(task["id"], at=1)

    assert worlds.running[0].broker.replica.published.graph == revision
    assert worlds.running[1].broker.replica.published.graph == revision


async def test_a_held_agent_is_in_the_facts_of_every_decision_from_then_on(worlds: World) -> None:
    """What is declared in agents.yaml can be held like anything else: then it gets nothing."""
    task = (await worlds.open())["id"]
    ref = Ref(ThingKind.AGENT, "acme", AGENT.name)
    hold = HoldThing(ref, Hold("odd", "operator:test", 1))
    await changes_at(worlds, 0).apply(ChangeSet("operator:test", "a test", (hold,)))

    await worlds.refresh()

    for running in worlds.running:
        assert not running.broker.replica.published.facts.stands(ref)
        assert not running.broker.replica.facts.stands(ref)
    for at in (0, 1):
        assert (await worlds.ask(task, at=at)).status == 403
    lift = ChangeSet("operator:test", "a test", (LiftHold(ref),))
    await changes_at(worlds, 1).apply(lift)
    await worlds.refresh()
    anew = (await worlds.open())["id"]
    assert (await worlds.ask(anew)).status == 201


async def test_a_held_agent_gets_nothing_from_any_broker(worlds: World) -> None:
    """Whoever has not heard of it yet asks again before it gives anything."""
    task = await worlds.open(at=1)
    ref = Ref(ThingKind.AGENT, "acme", AGENT.name)
    hold = HoldThing(ref, Hold("odd", "operator:test", 1))
    await changes_at(worlds, 0).apply(ChangeSet("operator:test", "a test", (hold,)))

    assert (await worlds.ask(task["id"], at=1)).status == 403


class Storm:
    """Changes facts as fast as it goes, fifty callers at a time, until it is over."""

    def __init__(self) -> None:
        self.made = 0
        self.is_over = False

    async def rage(self, changes: FactChanges, source: str) -> None:
        """Go on at one broker."""
        await asyncio.gather(*(self._caller(changes, f"{source}-{each}") for each in range(50)))

    async def _caller(self, changes: FactChanges, name: str) -> None:
        while not self.is_over:
            status = "open" if self.made % 2 else "closed"
            await changes.apply(ticket(name, status))
            self.made += 1


async def test_a_storm_of_changes_starves_nobody(worlds: World) -> None:
    """Credentials are issued all the while, by both brokers; none is refused for it."""
    tasks = [(await worlds.open(at=at))["id"] for at in (0, 1)]
    storm = Storm()
    winds = [asyncio.create_task(storm.rage(changes_at(worlds, at), f"T{at}")) for at in (0, 1)]

    statuses = [(await worlds.ask(tasks[number % 2], at=number % 2)).status for number in range(40)]
    await until(lambda: storm.made > 200)
    storm.is_over = True
    await asyncio.gather(*winds)

    assert statuses == [201] * 40
    revision = (await worlds.broker.ledger.facts.head()).revision
    assert revision < storm.made / 4
    facts, _ = await worlds.broker.replica.newest_facts()
    assert facts.size[0] == 100


async def test_damaged_facts_give_nothing_and_take_away_all_the_same(world: World) -> None:
    """Until they are mended (I5)."""
    task = await world.open()
    issued = await world.issue(task["id"])
    await changes_at(world).apply(ticket("T-1"))
    keys = world.broker.ledger.keys.facts
    world.single.ask("XADD", keys.log, "2-0", "x", "y")

    told = await world.until_refusing("facts")

    assert "facts log" in told
    assert (await world.ask(task["id"])).status == 503
    assert (await world.revoke(credential=issued["id"])).status == 200
    assert not await world.is_active(issued["access_token"])
    world.single.ask("XDEL", keys.log, "2-0")
    await world.until_ready()
    assert (await world.ask(task["id"])).status == 201


@pytest.mark.parametrize("is_restarted", [False, True], ids=["running", "restarted"])
async def test_facts_that_went_back_count_for_nothing(
    worlds: World,
    is_restarted: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A ticket that was closed since the backup is open again.

    No decision reads it until an operator has looked; and no number means two things.
    """
    changes = changes_at(worlds)
    await changes.apply(ticket("T-1"))
    task = await worlds.open()
    issued = await worlds.issue(task["id"])
    backup = worlds.single.back_up()
    seen = await changes.apply(ticket("T-1", status="closed"))
    await worlds.refresh()
    if is_restarted:
        await worlds.stop()
    facts_only = {name: value for name, value in backup.items() if b":facts:" in name}
    worlds.single.restore({**worlds.single.back_up(), **facts_only})
    for _ in range(2 if is_restarted else 0):
        await worlds.start(gives=False)

    for at in (0, 1):
        told = await worlds.until_refusing("ledger", at=at)
        assert "not trusted" in told
        assert (await worlds.ask(task["id"], at=at)).status == 503
        assert not await worlds.is_active(issued["access_token"], at=at)

    bundle = await asyncio.to_thread(Bundle.from_files, worlds.config.settings().bundle)
    async with worlds.installation() as found:
        publishing = Publishing(found, by=OPERATOR_AT_WORK)
        await publishing.publish(bundle, reason="restored", accepts=True)
    for at in (0, 1):
        await worlds.until_ready(at=at)
    anew = await worlds.open()
    assert (await worlds.ask(anew["id"], at=1)).status == 201
    for running in worlds.running:
        assert running.broker.replica.published.graph > seen + 900
