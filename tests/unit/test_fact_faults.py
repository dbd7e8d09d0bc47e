"""Each fault names the member of the request that it is in."""

import pytest

from broker.fact_faults import member_faults
from broker.facts.base import Base
from broker.facts.change import Change, ChangeSet, DropThing, LiftHold, Unrelate
from broker.facts.checking import faults_of
from broker.facts.facts import Facts
from tests.fakes.facts import edge, hold, put, ref, relate


def members(*changes: Change, source: str = "") -> list[str]:
    """Name the members of all faults of a change."""
    facts = Facts(0, Base.of_tenants("acme"))
    facts = facts.changed(ChangeSet("x", "y", (put("person:ann"), put("ticket:T-1"))), 1)
    change = ChangeSet("operator:olga", "INC-7", changes, source)
    return [fault.field for fault in member_faults(faults_of(facts, change, now_ms=9), change)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (put("agent:a", owner="person:zoe"), "changes[0].thing.owner"),
        (put("agent:a", status="asleep"), "changes[0].thing.status"),
        (put("agent:a", identities=("only-one",)), "changes[0].thing.identities[0]"),
        (put("ticket:T-9", "nosuch"), "changes[0].tenant"),
        (put("ticket:-"), "changes[0].thing.ref"),
        (DropThing(ref("ticket:T-9")), "changes[0].ref"),
        (hold("ticket:T-9"), "changes[0].ref"),
        (LiftHold(ref("ticket:T-1")), "changes[0].ref"),
        (relate("person:ann assigned-to ticket:T-1"), "changes[0].relationship.relation"),
        (relate("agent:a assigned-to ticket:T-1"), "changes[0].relationship.subject"),
        (
            relate("person:ann entitled-to dataset:d", until=5),
            "changes[0].relationship.expires_at",
        ),
        (Unrelate(*edge("person:ann acts-for person:ann").key), "changes[0].relationship"),
    ],
)
def test_a_fault_is_told_where_the_request_has_it(change: Change, expected: str) -> None:
    """In the words of the API, not of the log."""
    assert expected in members(change)


def test_faults_of_the_whole_are_told_by_its_own_members() -> None:
    """And each change by its number."""
    assert "source" in members(put("ticket:T-2"), source="bundle")
    assert members(put("ticket:T-2"), hold("ticket:T-3"), hold("ticket:T-4")) == [
        "changes[1].ref",
        "changes[2].ref",
    ]


def test_every_fault_says_what_to_do() -> None:
    """What is wrong, a colon, and the fix."""
    facts = Facts(0, Base.of_tenants("acme"))
    change = ChangeSet("operator:olga", "INC-7", (hold("ticket:T-9"),))
    [fault] = member_faults(faults_of(facts, change), change)

    assert fault.detail == "ticket:T-9 is unknown: put it in the same set or before"
