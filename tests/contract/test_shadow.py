"""A candidate beside what is published: what it would do is known, and nothing else happens."""

from collections import Counter
from pathlib import Path

import pytest

from broker.facts.facts import Facts
from broker.policy.query import Query
from broker.shadow import AT_ONCE, FAILED, MISSED, NOW_GRANTED, NOW_REFUSED, SAME, WAITING, Shadow
from broker.store import shadow_ledger
from broker.store.link import Link
from broker.store.shadow_ledger import Difference, ShadowLedger
from tests.fakes.candidates import Candidate
from tests.fakes.clock import FakeClock
from tests.fakes.facts import changes, hold
from tests.fakes.ledger_kit import LedgerKit
from tests.fakes.policy import QUERY, in_task
from tests.fakes.redis_servers import SingleServer
from tests.fakes.replace import replace

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)

FREEZE = '@id("freeze")\nforbid (principal, action, resource);\n'


class Counted:
    """Metrics of one broker."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()

    def shadowed(self, outcome: str, count: int) -> None:
        """Count."""
        self.outcomes[outcome] += count


class Stage:
    """One broker's shadow, and the ledger that it follows."""

    def __init__(self, link: Link, folder: Path) -> None:
        self.ledger = ShadowLedger(link, LedgerKit(link).keys)
        self.metrics = Counted()
        self.clock = FakeClock()
        self.facts = Facts()
        self.shadow = Shadow(self.ledger, lambda: self.facts, self.metrics, self.clock)
        self.candidate = Candidate(folder)

    async def start(self, id_: str = "c-1") -> None:
        """Let the candidate decide, as the command does."""
        bundle = self.candidate.bundle()
        text = bundle.to_bytes().decode()
        await self.ledger.start(id_, bundle.digest, text, by="operator:alice", reason="a test")
        await self.shadow.tick()

    async def outcomes(self) -> dict[str, int]:
        """Return what all brokers have counted."""
        return dict((await self.ledger.counts()).outcomes)


@pytest.fixture
def stage(link: Link, tmp_path: Path) -> Stage:
    """No candidate decides."""
    return Stage(link, tmp_path)


def query(agent: str = "invoice-bot") -> Query:
    """Ask what the shipped policies permit."""
    return replace(in_task(QUERY, agent=agent), principal=replace(QUERY.principal, name=agent))


async def test_without_a_candidate_nothing_is_kept_and_nothing_counted(stage: Stage) -> None:
    """The usual state costs nothing."""
    stage.shadow.saw(query(), is_permit=True)
    await stage.shadow.tick()

    assert await stage.outcomes() == {}
    assert await stage.ledger.record() is None


async def test_only_what_would_go_the_other_way_is_named(stage: Stage) -> None:
    """The same answers are a number; differences say who, for what and in which direction."""
    await stage.start()
    stage.shadow.saw(query(), is_permit=True)
    stage.shadow.saw(query(), is_permit=False)

    await stage.shadow.tick()

    counts = await stage.ledger.counts()
    assert counts.outcomes == {SAME: 1, NOW_GRANTED: 1}
    assert counts.differences == {Difference(NOW_GRANTED, "invoice-bot", "orders-api"): 1}
    assert stage.metrics.outcomes == {SAME: 1, NOW_GRANTED: 1}


async def test_the_candidate_decides_by_its_own_policies_and_registry(stage: Stage) -> None:
    """Who is nobody to it is refused."""
    stage.candidate.agent("invoice-bot", status="suspended")
    await stage.start()
    stage.shadow.saw(query(), is_permit=True)
    await stage.shadow.tick()

    stage.candidate.write("policies/50.cedar", FREEZE)
    await stage.start("c-2")
    stage.shadow.saw(query("helper-bot"), is_permit=True)
    await stage.shadow.tick()

    assert (await stage.ledger.counts()).differences == {
        Difference(NOW_REFUSED, "helper-bot", "orders-api"): 1
    }


async def test_it_decides_by_the_facts_that_the_live_policies_decide_by(stage: Stage) -> None:
    """As they change: an agent that is held would be refused by it, too."""
    await stage.start()
    stage.shadow.saw(query(), is_permit=True)
    await stage.shadow.tick()
    stage.facts = stage.facts.changed(changes(hold("agent:invoice-bot")), 1)

    stage.shadow.saw(query(), is_permit=True)
    await stage.shadow.tick()

    assert await stage.outcomes() == {SAME: 1, NOW_REFUSED: 1}


async def test_all_brokers_count_together_and_none_twice(stage: Stage, link: Link) -> None:
    """What was told is not told again."""
    await stage.start()
    other = Shadow(ShadowLedger(link, LedgerKit(link).keys), Facts, Counted(), FakeClock())
    await other.tick()
    for shadow in (stage.shadow, other):
        shadow.saw(query(), is_permit=False)
        await shadow.tick()
        await shadow.tick()

    assert await stage.outcomes() == {NOW_GRANTED: 2}


async def test_what_is_too_much_is_missed_and_said_so(stage: Stage) -> None:
    """Memory and work are bounded, whatever is asked."""
    await stage.start()
    for _ in range(WAITING + 7):
        stage.shadow.saw(query(), is_permit=True)

    await stage.shadow.tick()

    assert await stage.outcomes() == {SAME: AT_ONCE, MISSED: 7}


async def test_a_candidate_that_cannot_be_read_fails_and_harms_nobody(stage: Stage) -> None:
    """It passed where it was started; by this version it is none."""
    await stage.ledger.start("c-1", "d", "{}", by="operator:alice", reason="")
    await stage.shadow.tick()
    stage.shadow.saw(query(), is_permit=True)

    await stage.shadow.tick()

    assert await stage.outcomes() == {FAILED: 1}


async def test_a_ledger_that_is_away_harms_nobody(stage: Stage, single: SingleServer) -> None:
    """What was seen meanwhile waits, as much of it as there is room for."""
    await stage.start()
    single.kill()

    stage.shadow.saw(query(), is_permit=True)
    await stage.shadow.tick()

    single.start()


async def test_a_stopped_candidate_decides_no_more_and_its_counts_stay(stage: Stage) -> None:
    """A new one begins at nothing."""
    await stage.start()
    stage.shadow.saw(query(), is_permit=False)
    await stage.shadow.tick()

    assert await stage.ledger.stop()
    await stage.shadow.tick()
    stage.shadow.saw(query(), is_permit=False)
    await stage.shadow.tick()

    assert not await stage.ledger.stop()
    record = await stage.ledger.record()
    assert record is not None
    assert record.stopped_ms >= record.at_ms > 0
    assert await stage.outcomes() == {NOW_GRANTED: 1}
    await stage.start("c-2")
    assert await stage.outcomes() == {}


async def test_counts_of_another_candidate_are_not_taken(stage: Stage) -> None:
    """A broker that has not heard of the new one yet spoils nothing."""
    await stage.start("c-2")

    await stage.ledger.note("c-1", {SAME: 5}, {})

    assert await stage.outcomes() == {}


async def test_so_many_are_counted_by_name_and_the_rest_together(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the ledger is bounded."""
    monkeypatch.setattr(shadow_ledger, "NAMES", 3)
    await stage.start()
    many = {Difference(NOW_REFUSED, f"agent-{number}", "c"): 1 for number in range(10)}

    await stage.ledger.note("c-1", {SAME: 1}, many)

    found = (await stage.ledger.counts()).differences
    assert sum(found.values()) == 10
    assert found[Difference(NOW_REFUSED, "*", "*")] == 8


async def test_the_candidate_reads_the_clock_of_its_broker(stage: Stage) -> None:
    """As the policies do beside which it decides."""
    noon = stage.clock.now_ms() // 1_000 + 3_600
    stage.candidate.write(
        "policies/50.cedar",
        f'@id("late") forbid (principal, action, resource)'
        f" when {{ context.time.epochSeconds >= {noon} }};",
    )
    await stage.start()
    for advance_ms in (0, 3_700_000):
        stage.clock.advance(advance_ms)
        stage.shadow.saw(query(), is_permit=True)
        await stage.shadow.tick()

    assert await stage.outcomes() == {SAME: 1, NOW_REFUSED: 1}
