"""Both ways, each by the shortest way, with the relationships that lead there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.facts.facts import Facts
from broker.facts.reach import path_between, reach_above, reach_below
from broker.model.fact import Ref
from tests.fakes.fact_graphs import NOW, REFS, worlds
from tests.fakes.facts import edge, hold, ref, relate, world

WAY = (
    edge("agent:invoice-bot member-of team:billing"),
    edge("team:billing assigned-to ticket:T-1"),
    edge("ticket:T-1 concerns dataset:invoices"),
)


def test_the_way_is_told_from_both_ends() -> None:
    """From the subject up to the object, whichever was asked for."""
    facts = world()
    bot, data = ref("agent:invoice-bot"), ref("dataset:invoices")

    above = {at.ref: at.path for at in reach_above(facts, bot, NOW).found}
    below = {at.ref: at.path for at in reach_below(facts, data, NOW).found}

    assert above[data] == below[bot] == path_between(facts, bot, data, NOW) == WAY
    assert ref("tool:sql") not in above


def test_the_shortest_way_is_told() -> None:
    """A direct one rather than by a team."""
    facts = world(relate("agent:invoice-bot assigned-to ticket:T-1"))

    path = path_between(facts, ref("agent:invoice-bot"), ref("ticket:T-1"), NOW)

    assert path == (edge("agent:invoice-bot assigned-to ticket:T-1"),)


@pytest.mark.parametrize("change", [hold("team:billing"), hold("ticket:T-1")])
def test_no_way_leads_over_what_does_not_stand(change: object) -> None:
    """Nor does one over what has expired."""
    facts = world(change)  # type: ignore[arg-type]  # a table's

    assert path_between(facts, ref("agent:invoice-bot"), ref("dataset:ledger"), NOW) is None


def test_a_thing_is_in_itself() -> None:
    """As policy has it."""
    assert path_between(world(), ref("tool:sql"), ref("tool:sql"), NOW) == ()


@given(worlds(), st.sampled_from(REFS))
def test_reaching_is_being_in_the_slice(facts: Facts, root: Ref) -> None:
    """People are shown what decisions see."""
    cut = facts.slice([root], NOW)

    above = reach_above(facts, root, NOW)

    assert above.is_whole
    assert {at.ref for at in above.found} == set(cut.things) - {root}


@given(worlds(), st.sampled_from(REFS), st.sampled_from(REFS))
def test_what_reaches_is_what_is_reached(facts: Facts, one: Ref, other: Ref) -> None:
    """The two ways agree."""
    up = {at.ref for at in reach_above(facts, one, NOW).found}
    down = {at.ref for at in reach_below(facts, other, NOW).found}

    assert (other in up) == (one in down)


def test_a_part_says_that_it_is_one() -> None:
    """Nearest first."""
    part = reach_above(world(), ref("agent:invoice-bot"), NOW, limit=2)
    whole = reach_above(world(), ref("agent:invoice-bot"), NOW, limit=5)

    assert [at.ref for at in part.found] == [ref("team:billing"), ref("person:ann")]
    assert not part.is_whole
    assert (len(whole.found), whole.is_whole) == (5, True)
