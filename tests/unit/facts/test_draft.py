"""Changing a copy and building one anew come to the same."""

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.facts.change import ChangeSet
from broker.facts.facts import Facts
from tests.fakes.fact_graphs import all_refs, sets, worlds
from tests.fakes.facts import base


def everything(facts: Facts) -> object:
    """Return all that can be asked of facts, without order."""
    refs = all_refs(facts)
    return (
        set(facts.things()),
        set(facts.relationships()),
        dict(facts.held()),
        facts.size,
        {ref: set(facts.below(ref)) for ref in refs if facts.below(ref)},
        {ref: set(facts.owned(ref)) for ref in refs if facts.owned(ref)},
        {ref: facts.agent(ref.name) for ref in refs},
        {ref: facts.hold(ref) for ref in refs},
    )


@settings(max_examples=60)
@given(worlds(), st.lists(sets(), max_size=4))
def test_a_changed_copy_is_what_is_built_from_scratch(
    facts: Facts, several: list[ChangeSet]
) -> None:
    """Every index, whatever was changed, in whatever order, checked or not."""
    for change in several:
        facts = facts.changed(change, facts.revision + 1)

    again = Facts.at(facts.revision, facts.changes(), base())

    assert everything(again) == everything(facts)


@settings(max_examples=30)
@given(worlds(), sets())
def test_what_was_before_stays_as_it_was(facts: Facts, change: ChangeSet) -> None:
    """A decision that has begun goes on with what it has read."""
    before = everything(facts)

    facts.changed(change, 99)

    assert everything(facts) == before


@settings(max_examples=30)
@given(worlds())
def test_below_and_above_say_the_same(facts: Facts) -> None:
    """Each subject once."""
    pairs = {(edge.subject, edge.object) for edge in facts.relationships()}
    below = [(s, ref) for ref in all_refs(facts) for s in facts.below(ref)]

    assert len(below) == len(set(below))
    assert set(below) == pairs
