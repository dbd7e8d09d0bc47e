"""Deciding again: whatever fails, races or dies, nothing refused lives and nothing else dies."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from broker import reevaluation
from broker.errors import StoreUnavailableError
from broker.governance.published import Published
from broker.ids import LeaseId
from broker.model.decision import Decision, Deny, Trace
from broker.model.redecision import NO_LONGER
from broker.model.requests import IssueCredential
from broker.policy.engine import DenyReason, Engine
from broker.policy.explanation import Explanation
from broker.policy.query import Query
from broker.reassessment import Patience
from broker.store.floors import FACTS, Floors
from broker.store.link import Link
from broker.store.redo_ledger import HIDE_MS, Marks
from tests.fakes.candidates import REVISION, Candidate
from tests.fakes.replace import replace
from tests.fakes.until import PATIENCE_S
from tests.fakes.verbs_kit import BUCKETS, VerbsKit

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)

FREEZE = """
@id("freeze")
forbid (principal, action, resource);
"""


class Faltering:
    """An engine that has no answer for a while, and then those of another."""

    def __init__(self, engine: Engine, falters: int) -> None:
        self._engine = engine
        self.falters = falters

    @property
    def version(self) -> str:
        """As the other's."""
        return self._engine.version

    def decide(self, query: Query) -> Decision:
        """Fail, so many times."""
        if self.falters:
            self.falters -= 1
            return Deny(DenyReason.ENGINE_ERROR, Trace("", 0, errors=("it hiccups",)))
        return self._engine.decide(query)

    def explain(self, query: Query) -> Explanation:
        """Ask the other."""
        return self._engine.explain(query)


class Changing:
    """A ledger with live leases, and facts that a test changes."""

    def __init__(self, link: Link, folder: Path, patience: Patience | None = None) -> None:
        self.kit = VerbsKit(link, patience=patience)
        self.candidate = Candidate(folder)
        self.floors = Floors(link, self.kit.ledger.keys, self.kit.ledger.ids)

    async def given(self, count: int = 3) -> list[str]:
        """Issue some credentials, in as many tasks."""
        return [await self.kit.issue(await self.kit.open()) for _ in range(count)]

    async def raised(self) -> None:
        """Say in every bucket that there are newer facts."""
        await self.floors.raise_all(FACTS, REVISION)

    def in_force(self, published: Published | None = None) -> None:
        """Let this broker have them."""
        self.kit.replica.published = published or self.candidate.published()

    async def redecide(self) -> None:
        """Do what is due, to its end."""
        await self.kit.reap()
        await self.kit.verbs.redeciders.reevaluation.rested()
        await self.kit.reap()

    async def dead(self, leases: Sequence[str]) -> dict[str, str]:
        """Name those that are dead, and what ended them."""
        seen = [await self.kit.ledger.leases.view(LeaseId(lease)) for lease in leases]
        return {each.spec.id: each.ended_by for each in seen if not each.is_alive}

    async def waiting(self) -> list[int]:
        """Name the buckets that are not done."""
        views = [await self.kit.ledger.redo.view(bucket) for bucket in range(BUCKETS)]
        return [n for n, seen in enumerate(views) if not seen.redone.covers(seen.floors)]


@pytest.fixture
def changing(link: Link, tmp_path: Path) -> Changing:
    """Nothing granted yet."""
    return Changing(link, tmp_path)


async def test_what_is_refused_ends_and_the_marks_move(changing: Changing) -> None:
    """Every bucket says by which facts it was looked at."""
    leases = await changing.given()
    changing.candidate.write("policies/50-test.cedar", FREEZE)
    await changing.raised()
    changing.in_force()

    await changing.redecide()

    assert await changing.dead(leases) == dict.fromkeys(leases, NO_LONGER)
    assert await changing.waiting() == []
    assert await changing.kit.counted("agent", "invoice-bot") == []


async def test_by_older_facts_nothing_is_decided_again(changing: Changing) -> None:
    """The floors are raised before the facts are there: whoever has not got them waits."""
    leases = await changing.given()
    changing.candidate.write("policies/50-test.cedar", FREEZE)
    await changing.raised()
    for bucket in range(BUCKETS):
        await changing.kit.verbs.reaper.reap(bucket)
    assert await changing.dead(leases) == {}
    assert await changing.waiting() == list(range(BUCKETS))

    changing.in_force()
    await changing.kit.verbs.redeciders.reevaluation.rested()

    assert set(await changing.dead(leases)) == set(leases)


async def test_a_broker_that_dies_leaves_its_work_to_the_next(
    changing: Changing, link: Link, tmp_path: Path
) -> None:
    """Its claim runs out by itself, and soon."""
    leases = await changing.given()
    changing.candidate.write("policies/50-test.cedar", FREEZE)
    await changing.raised()
    for bucket in range(BUCKETS):
        await changing.kit.verbs.reaper.reap(bucket)
    await changing.kit.verbs.redeciders.stop()  # it has begun, and waits for the facts
    other = Changing(link, tmp_path / "other")
    other.in_force(changing.candidate.published())

    for bucket in other.kit.ledger.keys.buckets:
        now = int(await link.read("HGET", bucket.meta, "now"))
        await link.read("HSET", bucket.meta, "now", now + HIDE_MS + 100)
    await other.redecide()

    assert set(await other.dead(leases)) == set(leases)
    assert await other.waiting() == []


async def test_an_engine_that_hiccups_ends_nothing(changing: Changing) -> None:
    """It is asked again, and has an answer then."""
    leases = await changing.given()
    published = changing.candidate.published()
    engine = Faltering(published.engine, falters=2)
    await changing.raised()
    changing.in_force(replace(published, engine=engine))

    await changing.redecide()

    assert engine.falters == 0
    assert await changing.dead(leases) == {}
    assert await changing.waiting() == []


async def test_what_an_engine_never_answers_ends(link: Link, tmp_path: Path) -> None:
    """Unsure means no (I5), after a while."""
    changing = Changing(link, tmp_path, Patience(undecided_s=0.5))
    leases = await changing.given()
    published = changing.candidate.published()
    await changing.raised()
    changing.in_force(replace(published, engine=Faltering(published.engine, falters=10**6)))

    await changing.redecide()

    assert await changing.dead(leases) == dict.fromkeys(leases, NO_LONGER)
    seen = await changing.kit.ledger.leases.view(LeaseId(leases[0]))
    assert seen.why is not None
    assert seen.why.reason == "engine-error"


async def test_a_record_that_cannot_be_read_ends_and_holds_up_no_other(
    changing: Changing,
) -> None:
    """Nobody can say that it would be granted."""
    leases = await changing.given()
    bad = LeaseId(leases[0])
    where = changing.kit.ledger.keys.of(bad).lease(bad)
    await changing.kit.link.read("HSET", where, "asked", "{")
    await changing.raised()
    changing.in_force()

    await changing.redecide()

    assert await changing.dead(leases) == {bad: NO_LONGER}
    assert await changing.waiting() == []


async def test_what_was_renewed_since_it_was_looked_at_is_left(changing: Changing) -> None:
    """Its newest generation was decided by facts that are no older."""
    (lease,) = await changing.given(1)
    kit = changing.kit
    held = await kit.ledger.leases.view(LeaseId(lease))
    await kit.verbs.issuance.renew(kit.agent, LeaseId(lease), 120_000, "")
    reassessment = kit.verbs.redeciders.reevaluation._reassessment  # noqa: SLF001 - a race, made by hand
    (found,) = await kit.ledger.held.of_leases([(held.spec.id, held.spec.task)])
    task = await kit.ledger.tree.spec(held.spec.task)
    assert task is not None
    changing.candidate.write("policies/50-test.cedar", FREEZE)
    changing.in_force()

    older = replace(found, generation=1)
    await reassessment.carry_out(int(lease[2:4], 16), [(older, task)])  # type: ignore[list-item]

    assert await changing.dead([lease]) == {}


async def test_asking_goes_on_while_it_is_decided_again(changing: Changing) -> None:
    """What comes while a bucket is walked was decided by the new facts, and lives."""
    await changing.given(20)
    changing.candidate.agent("report-bot", status="suspended")
    await changing.raised()
    changing.in_force()
    walking = asyncio.create_task(changing.redecide())

    later = await changing.given(5)
    await walking

    assert await changing.dead(later) == {}
    assert await changing.waiting() == []


async def test_a_broker_is_at_a_few_buckets_and_leaves_the_others_to_whoever_looks(
    changing: Changing, link: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two brokers share the work: what one leaves is due for the other at once."""
    monkeypatch.setattr(reevaluation, "AT_ONCE", 2)
    leases = await changing.given(12)
    changing.candidate.write("policies/50-test.cedar", FREEZE)
    await changing.raised()
    other = Changing(link, tmp_path / "other")
    for bucket in range(BUCKETS):
        await changing.kit.verbs.reaper.reap(bucket)  # it waits for the facts, with two
    other.in_force(changing.candidate.published())

    await other.redecide()

    assert len(await changing.waiting()) == 2
    changing.in_force()
    await changing.redecide()
    assert await changing.waiting() == []
    assert await changing.dead(leases) == dict.fromkeys(leases, NO_LONGER)


async def test_when_it_is_done_with_some_it_asks_for_those_it_left(
    changing: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It need not wait for the next tick."""
    monkeypatch.setattr(reevaluation, "AT_ONCE", 1)
    reaper = changing.kit.verbs.reaper
    changing.kit.due = lambda buckets: [reaper.start(bucket) for bucket in buckets]
    await changing.raised()
    for bucket in range(BUCKETS):
        await reaper.reap(bucket)  # the first one waits for the facts

    changing.in_force()

    async with asyncio.timeout(PATIENCE_S):
        while await changing.waiting():  # noqa: ASYNC110 - what changes is in Redis
            await asyncio.sleep(0.01)


async def test_what_is_opened_after_a_change_is_not_walked(changing: Changing) -> None:
    """It was decided by the new facts; so a walk has an end, however fast tasks are opened."""
    before = await changing.given(3)
    await changing.raised()
    changing.in_force()
    for bucket in changing.kit.ledger.keys.buckets:
        raised = int(await changing.kit.link.read("HGET", bucket.meta, "raised"))
        await changing.kit.link.read("HSET", bucket.meta, "now", raised + 10)
    later = await changing.given(3)

    await changing.redecide()

    line = 'jit_reevaluation_leases_total{outcome="kept"} 3.0'
    assert line in changing.kit.exposition()
    assert await changing.dead([*before, *later]) == {}
    assert await changing.waiting() == []


async def test_everything_is_decided_again_while_requests_come(changing: Changing) -> None:
    """It gives way, and comes to its end."""
    leases = await changing.given(5)
    changing.candidate.write("policies/50-test.cedar", FREEZE)
    await changing.raised()
    changing.in_force()
    redeciding = asyncio.create_task(changing.redecide())
    while not redeciding.done():
        changing.kit.pace.came()
        await asyncio.sleep(0.001)

    assert await changing.dead(leases) == dict.fromkeys(leases, NO_LONGER)
    assert await changing.waiting() == []


async def test_time_alone_brings_a_lease_back(changing: Changing) -> None:
    """When its answer said so; where it is still granted it stays."""
    kit = changing.kit
    task = await kit.open()
    lease = LeaseId(await kit.issue(task))
    bucket = int(lease[2:4], 16)
    due = kit.ledger.keys.of(lease).due
    member = f"c:{lease}:{task.spec.id}"
    await kit.link.read("ZADD", due, 1, member)

    await kit.reap()

    assert await changing.dead([lease]) == {}
    assert await kit.link.read("ZSCORE", due, member) is None
    changing.candidate.write("policies/50-test.cedar", FREEZE)
    changing.in_force()
    await kit.link.read("ZADD", due, 1, member)
    await kit.verbs.reaper.reap(bucket)
    assert await changing.dead([lease]) == {lease: NO_LONGER}


async def test_a_dead_lease_that_time_brings_back_is_forgotten(changing: Changing) -> None:
    """Its doubt ends with it; one that is not there at all is no work either."""
    kit = changing.kit
    task = await kit.open()
    lease = LeaseId(await kit.issue(task))
    due = kit.ledger.keys.of(lease).due
    await kit.link.read("ZADD", due, 1, f"c:{lease}:{task.spec.id}")
    await kit.ledger.leases.end([(lease, task.spec.id)], "revoked")
    assert await kit.link.read("ZSCORE", due, f"c:{lease}:{task.spec.id}") is None
    await kit.link.read("ZADD", due, 1, f"c:{lease}:{task.spec.id}")

    await kit.reap()

    assert await kit.link.read("ZSCORE", due, f"c:{lease}:{task.spec.id}") is None


async def test_a_store_that_is_gone_leaves_it_to_be_repeated(
    changing: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is marked that was not done."""
    leases = await changing.given()
    changing.candidate.write("policies/50-test.cedar", FREEZE)
    await changing.raised()
    changing.in_force()

    async def fail(*_: object) -> list[LeaseId]:
        raise StoreUnavailableError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(changing.kit.ledger.leases.__class__, "refuse", fail)
        await changing.redecide()
    assert await changing.dead(leases) == {}
    assert await changing.waiting() != []

    async with asyncio.timeout(PATIENCE_S):
        while await changing.waiting():
            await changing.redecide()
            await asyncio.sleep(HIDE_MS / 10_000)
    assert set(await changing.dead(leases)) == set(leases)


async def test_what_is_done_is_counted(changing: Changing) -> None:
    """By outcome, and how long each bucket took."""
    task = await changing.kit.open()
    await changing.kit.issue(task)
    request = IssueCredential("reports-read", frozenset({"reports:read"}), 60_000)
    await changing.kit.verbs.issuance.issue(changing.kit.agent, task.spec.id, request, "")
    changing.candidate.drop_capability("reports-read")
    await changing.raised()
    changing.in_force()

    await changing.redecide()

    told = changing.kit.exposition()
    assert 'jit_reevaluation_leases_total{outcome="kept"} 1.0' in told
    assert 'jit_reevaluation_leases_total{outcome="ended"} 1.0' in told
    assert f"jit_reevaluation_lag_seconds_count {BUCKETS}.0" in told
    assert (await changing.kit.ledger.redo.view(0)).redone == Marks(REVISION, 0)
