"""A change is taken back whole, or not at all and somebody is told why."""

import pytest
from hypothesis import given, settings

from broker.facts.change import Change, ChangeSet, DropThing, LiftHold
from broker.facts.checking import faults_of
from broker.facts.facts import Facts
from broker.facts.fault import WHOLE
from broker.facts.inverse import Inverse, States, inverse_of
from tests.fakes.fact_graphs import sets, worlds
from tests.fakes.facts import changes, hold, put, ref, relate, unrelate, world


def undone(before: Facts, change: ChangeSet, *later: Change, now_ms: int = 0) -> Inverse:
    """Take a change back after others."""
    after = before.changed(change, 2)
    now = after.changed(changes(*later), 3) if later else after
    states = States(before, after, now)
    return inverse_of(states, change, by="operator:b", reason="was wrong", now_ms=now_ms)


def told(facts: Facts) -> object:
    """Return all that the log says."""
    return set(facts.things()), set(facts.relationships()), dict(facts.held())


@settings(max_examples=100)
@given(worlds(), sets())
def test_what_is_taken_back_is_as_it_was_before(facts: Facts, change: ChangeSet) -> None:
    """Sources, marks, holds, and what a cascade took along."""
    if faults_of(facts, change):
        return

    found = undone(facts, change)

    if not found.faults:
        assert told(facts.changed(change, 2).changed(found.change, 3)) == told(facts)
    else:  # nothing was to do, or a held thing would have to go
        assert all(f.index == WHOLE or "held" in f.message for f in found.faults)


@pytest.mark.parametrize(
    "change",
    [
        changes(put("ticket:T-1", status="closed")),
        changes(DropThing(ref("ticket:T-1"), cascade=True)),
        changes(put("tool:new"), relate("workflow:monthly uses tool:new")),
        changes(unrelate("team:billing assigned-to ticket:T-1")),
        changes(hold("agent:base-bot")),
        changes(put("tool:sql", purpose="mine"), source="files"),
        changes(relate("team:billing assigned-to ticket:T-1", until=9), source="files"),
    ],
)
def test_every_kind_of_change_can_be_taken_back(change: ChangeSet) -> None:
    """Also what a source took over from people."""
    found = undone(world(), change)

    assert found.faults == ()
    assert told(world().changed(change, 2).changed(found.change, 3)) == told(world())


@pytest.mark.parametrize(
    ("change", "later"),
    [
        (put("ticket:T-1", status="closed"), put("ticket:T-1", status="closed", purpose="x")),
        (hold("tool:sql"), LiftHold(ref("tool:sql"))),
        (put("ticket:T-1", status="closed"), put("ticket:T-1")),
    ],
)
def test_what_somebody_has_taken_back_already_is_no_more_to_do(
    change: Change, later: Change
) -> None:
    """Or another change stands in the way; never is it overwritten."""
    found = undone(world(), changes(change), later)

    assert found.faults
    assert found.change.changes == ()


def test_a_later_change_stands_in_the_way_and_is_named() -> None:
    """With the change that cannot be taken back."""
    change = changes(put("tool:a"), put("ticket:T-1", status="closed"))

    found = undone(world(), change, put("ticket:T-1", status="closed", purpose="x"))

    assert [(f.index, f.field) for f in found.faults] == [(1, "thing")]
    assert "ticket:T-1 has been changed since" in found.faults[0].message


def test_what_would_point_at_nothing_stands_in_the_way() -> None:
    """A later relationship to what was put then."""
    change = changes(hold("tool:sql"), put("ticket:T-2"))

    found = undone(world(), change, relate("team:billing assigned-to ticket:T-2"))

    assert [fault.index for fault in found.faults] == [1]


def test_what_has_expired_meanwhile_is_not_related_again() -> None:
    """It would count no more, and cannot be made."""
    before = world(relate("team:billing assigned-to ticket:T-1", until=50))

    found = undone(before, changes(DropThing(ref("ticket:T-1"), cascade=True)), now_ms=60)

    assert found.faults == ()
    assert len(found.change.changes) == 2
