"""What has expired is found and swept; nothing else is."""

from broker.facts.checking import faults_of
from broker.facts.expiring import expired, sweep_of
from tests.fakes.facts import edge, relate, world

NOW = 1_000


def test_what_counts_no_more_is_swept_and_changes_no_decision() -> None:
    """It only makes room."""
    facts = world(
        relate("agent:invoice-bot assigned-to ticket:T-1", until=NOW),
        relate("agent:base-bot assigned-to ticket:T-1", until=NOW + 1),
    )

    sweep = sweep_of(facts, NOW, by="broker")

    assert sweep is not None
    assert faults_of(facts, sweep, now_ms=NOW) == ()
    after = facts.changed(sweep, 2)
    assert after.size[1] == facts.size[1] - 1
    for root in {each.subject for each in facts.relationships()}:
        assert after.slice([root], NOW).says_the_same(facts.slice([root], NOW))
    assert sweep_of(after, NOW, by="broker") is None


def test_a_sweep_is_bounded_and_may_wait() -> None:
    """So that people see for a while what there was."""
    facts = world(
        relate("agent:invoice-bot assigned-to ticket:T-1", until=NOW),
        relate("agent:base-bot assigned-to ticket:T-1", until=NOW),
    )

    first = sweep_of(facts, NOW, by="broker", limit=1)

    assert first is not None
    assert len(first.changes) == 1
    assert sweep_of(facts, NOW, by="broker", grace_ms=1) is None
    assert list(expired(facts, NOW - 1)) == []
    assert edge("agent:base-bot assigned-to ticket:T-1", until=NOW) in set(expired(facts, NOW))
