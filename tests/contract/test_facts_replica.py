"""The facts that a broker decides by: whole and recent, or nothing is given by them."""

import asyncio
from typing import Any

import pytest

from broker.errors import StoreUnavailableError, UnavailableError
from broker.facts_copy import FactsCopy, WentBackError
from broker.facts_replica import FACTS, FactsReplica
from broker.faultpoints import FaultPoints
from broker.gate import Gate
from broker.restoration import Restoration
from broker.store import facts_snapshots
from broker.store.facts_entry import Position
from broker.store.facts_rows import Head
from broker.store.floors import GRAPH
from broker.store.ledger import Ledger
from broker.store.limits import Limits
from broker.store.link import Link
from tests.fakes.clock import FakeClock
from tests.fakes.facts_kit import FactsKit, put_ticket, ticket
from tests.fakes.until import until

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)


class Stage:
    """One broker's copy, and what it reports to."""

    def __init__(self, link: Link) -> None:
        self.kit = FactsKit(link)
        self.ledger = Ledger.over(link, namespace="jit", buckets=4, limits=Limits())
        self.gate = Gate([FACTS])
        self.clock = FakeClock()
        self.told: list[tuple[int, int]] = []
        self.replica = self.another()

    def another(self) -> FactsReplica:
        """Make a copy."""
        return FactsReplica(
            self.ledger,
            Restoration(self.ledger),
            self.gate,
            clock=self.clock,
            faults=FaultPoints(),
            max_age_ms=5_000,
            told=lambda revision, age_ms: self.told.append((revision, age_ms)),
        )

    @property
    def reasons(self) -> str:
        """What stands in the way."""
        return "; ".join(f"{word}: {what}" for word, what, _ in self.gate.hindrances())

    async def go_back_to(self, end: Position) -> None:
        """Let the log lose everything after a revision."""
        keys = self.kit.keys.facts
        for note in await self.kit.log.history(limit=99):
            if note.revision > end.revision:
                await self.kit.link.read("XDEL", keys.log, f"{note.revision}-0")
        await self.kit.link.read("HSET", keys.head, "revision", end.revision, "digest", end.digest)


@pytest.fixture
def stage(link: Link) -> Stage:
    """A broker that has read nothing."""
    return Stage(link)


async def test_nothing_is_given_before_the_facts_were_read(stage: Stage) -> None:
    """Not even of a ledger that has none."""
    assert not stage.gate.is_open
    with pytest.raises(UnavailableError):
        _ = stage.replica.facts

    await stage.replica.follow()

    assert stage.gate.is_open
    assert stage.replica.revision == 0


async def test_a_copy_follows_what_others_append(stage: Stage) -> None:
    """Each look brings it to the end, however much came."""
    await stage.replica.follow()
    await stage.kit.filled(120)

    await stage.replica.follow()

    assert stage.replica.revision == 120
    assert stage.replica.facts.thing(ticket("T-120")) is not None
    assert stage.told[-1] == (120, 0)


async def test_what_was_appended_counts_everywhere_once_anybody_has_looked(stage: Stage) -> None:
    """Whoever appended it may have died before it raised the floors."""
    await stage.kit.filled(3)

    await stage.replica.follow()

    assert await stage.ledger.facts.floors.of_all(GRAPH) == [3] * 4


async def test_facts_that_were_not_confirmed_for_long_give_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger does not answer; while it is not for long the copy serves."""

    async def gone(*_: object) -> None:
        raise StoreUnavailableError("gone")

    await stage.replica.follow()
    with monkeypatch.context() as away:
        away.setattr(stage.ledger.facts, "after", gone)
        stage.clock.advance(4_000)
        await stage.replica.follow()
        assert stage.gate.is_open
        stage.clock.advance(2_000)
        await stage.replica.look()
        assert "last confirmed 6000 ms ago" in stage.reasons

    await stage.replica.follow()

    assert stage.gate.is_open
    assert stage.replica.age_ms == 0


async def test_a_damaged_log_gives_nothing_and_keeps_what_was_read(stage: Stage) -> None:
    """It is told until somebody mends it; nobody's ledger is cut for it."""
    await stage.kit.filled(2)
    await stage.replica.follow()
    await stage.kit.append(put_ticket("T-3"))
    await stage.kit.append(put_ticket("T-4"))
    await stage.kit.link.read("XDEL", stage.kit.keys.facts.log, "3-0")
    await stage.kit.link.read("XADD", stage.kit.keys.facts.log, "5-0", "x", "y")

    await stage.replica.follow()

    assert stage.reasons.startswith("facts: ")
    assert stage.replica.revision == 2
    record = await stage.ledger.control.read()
    assert record is None or record.suspicion is None


async def test_a_log_that_went_back_makes_the_whole_ledger_suspect(stage: Stage) -> None:
    """What was closed or ended since would count again: everything is cut."""
    await stage.ledger.control.create()
    end = await stage.kit.filled(2)
    await stage.kit.append(put_ticket("T-1", status="closed"))
    await stage.replica.follow()

    await stage.go_back_to(end)
    await stage.replica.follow()

    assert "another history" in stage.reasons
    record = await stage.ledger.control.read()
    assert record is not None
    assert record.suspicion is not None
    assert "facts log" in record.suspicion.why


async def test_whoever_starts_after_a_log_went_back_notices_by_the_buckets(stage: Stage) -> None:
    """They ask for a revision that the log had."""
    await stage.ledger.control.create()
    end = await stage.kit.filled(2)
    await stage.kit.filled_on(3)
    await stage.kit.log.settle(5)
    await stage.go_back_to(end)

    await stage.replica.follow()

    assert "ends at revision 2, and had 5" in stage.reasons
    record = await stage.ledger.control.read()
    assert record is not None
    assert record.suspicion is not None


async def test_a_log_that_was_let_go_on_is_followed_again(stage: Stage) -> None:
    """By whoever saw it go back and whoever did not; the numbers are new ones."""
    end = await stage.kit.filled(2)
    await stage.kit.append(put_ticket("T-1", status="closed"))
    await stage.replica.follow()
    blind = FactsCopy(stage.ledger.facts, stage.ledger.snapshots)
    await blind.follow()
    await stage.go_back_to(end)
    with pytest.raises(WentBackError):
        await FactsCopy.follow(stage.replica._copy)  # noqa: SLF001 - it sees the log as it is

    await stage.ledger.facts.restart("operator:alice", "restored")
    await stage.replica.follow()
    await blind.follow()

    assert stage.gate.is_open
    assert stage.replica.revision == blind.end.revision == 1_003
    thing = stage.replica.facts.thing(ticket("T-1"))
    assert thing is not None
    assert thing.status == "open"


async def test_whoever_slept_for_long_begins_with_a_snapshot(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it missed is not in the log any more."""
    monkeypatch.setattr(facts_snapshots, "KEPT", 3)
    await stage.kit.filled(2)
    await stage.replica.follow()
    await stage.kit.filled_on(10)
    loaded = await stage.kit.snapshots.load()
    await stage.kit.snapshots.write(loaded.facts, loaded.end, loaded.head)
    await stage.kit.snapshots.tidy()

    await stage.replica.follow()

    assert stage.gate.is_open
    assert stage.replica.revision == 12
    assert all(stage.replica.facts.thing(ticket(f"T-{n}")) for n in range(1, 13))


async def test_what_each_revision_changed_is_remembered_for_a_while(stage: Stage) -> None:
    """One by one, in their order; what was not followed here is not known here."""
    await stage.kit.filled(3)
    await stage.replica.follow()
    await stage.kit.filled_on(3)
    await stage.replica.follow()

    steps = stage.replica.steps(3, 6)

    assert steps is not None
    assert [(s.before.revision, s.after.revision) for s in steps] == [(3, 4), (4, 5), (5, 6)]
    assert [s.changes for s in steps] == [(put_ticket(f"T-{n}"),) for n in (4, 5, 6)]
    assert steps[1].before.thing(ticket("T-5")) is None
    assert steps[1].after.thing(ticket("T-5")) is not None
    assert steps[1].after.thing(ticket("T-6")) is None
    assert stage.replica.steps(6, 6) == ()
    assert stage.replica.steps(2, 6) is None
    assert stage.replica.steps(3, 7) is None


async def test_a_snapshot_is_written_when_it_is_due(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By any broker that follows, beside what else it does."""
    monkeypatch.setattr(facts_snapshots, "LONGEST_TAIL", 5)
    await stage.kit.filled(5)
    replicas = [stage.replica, stage.another()]

    await asyncio.gather(*(replica.follow() for replica in replicas))
    await until(lambda: all(replica._writing.done() for replica in replicas if replica._writing))  # noqa: SLF001

    head = await stage.kit.log.head()
    assert head.snapshot == stage.replica.end
    await asyncio.gather(*(replica.stop() for replica in replicas))


async def test_whoever_changes_facts_confirms_them_by_that(stage: Stage) -> None:
    """However many wait for a turn: as long as changes go through here, the copy is not old."""
    await stage.replica.follow()
    stage.clock.advance(4_000)
    await stage.kit.append(put_ticket("T-1"))

    await stage.replica.newest()
    stage.clock.advance(4_000)
    await stage.replica.look()

    assert stage.replica.age_ms == 4_000
    assert stage.gate.is_open


async def test_a_look_that_began_earlier_and_ends_later_makes_nothing_older(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was confirmed last stands."""
    follow, gate = FactsCopy.follow, asyncio.Event()

    async def slow(copy: FactsCopy) -> Head:
        if not gate.is_set():
            await gate.wait()
        return await follow(copy)

    monkeypatch.setattr(FactsCopy, "follow", slow)
    looking = asyncio.create_task(stage.replica.follow())
    await asyncio.sleep(0)
    stage.clock.advance(3_000)
    newest = asyncio.create_task(stage.replica.newest())
    await asyncio.sleep(0)
    gate.set()
    await newest
    await looking

    assert stage.replica.age_ms == 0


async def test_those_who_ask_at_the_same_time_share_a_look(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each gets what was there when it asked, and the log is not read a hundred times."""
    await stage.replica.follow()
    looks, after = 0, stage.ledger.facts.after

    async def counted(*args: Any, **more: Any) -> Any:
        nonlocal looks
        looks += 1
        return await after(*args, **more)

    monkeypatch.setattr(stage.ledger.facts, "after", counted)
    first = asyncio.create_task(stage.replica.newest())
    await asyncio.sleep(0)
    await stage.kit.append(put_ticket("T-1"))

    found = await asyncio.gather(*(stage.replica.newest() for _ in range(100)))

    assert {end.revision for _, end in found} == {1}
    assert looks <= 6
    await first


async def test_who_waited_for_a_look_that_failed_looks_itself(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure is nobody's answer but of whoever looked."""
    await stage.replica.follow()
    fails, after = [True, True], stage.ledger.facts.after

    async def failing(*args: Any, **more: Any) -> Any:
        if fails:
            fails.pop()
            raise StoreUnavailableError("gone")
        return await after(*args, **more)

    monkeypatch.setattr(stage.ledger.facts, "after", failing)

    found = await asyncio.gather(
        *(stage.replica.newest() for _ in range(4)), return_exceptions=True
    )

    assert [isinstance(each, StoreUnavailableError) for each in found] == [True] * 2 + [False] * 2
