"""What a decision may depend on is in the slice; all of it, or there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import TooManyFactsError
from broker.facts import slices
from broker.facts.facts import Facts
from broker.facts.review import review_ends_ms
from broker.model.fact import Ref
from tests.fakes.fact_graphs import NOW, REFS, worlds
from tests.fakes.facts import changes, hold, put, ref, relate, unrelate, world

BOT = ref("agent:invoice-bot")


def closure(facts: Facts, roots: list[Ref], now_ms: int) -> dict[Ref, set[Ref]]:
    """Find the parents above roots the slow way: over all relationships until nothing is new."""
    counting: dict[Ref, set[Ref]] = {}
    for edge in facts.relationships():
        both_stand = facts.stands(edge.subject) and facts.stands(edge.object)
        if both_stand and (not edge.expires_at_ms or now_ms < edge.expires_at_ms):
            counting.setdefault(edge.subject, set()).add(edge.object)
    found = {ref for ref in roots if facts.thing(ref) is not None}
    while True:
        more = found | {o for ref in found for o in counting.get(ref, ())}
        if more == found:
            return {ref: counting.get(ref, set()) for ref in found}
        found = more


def test_a_slice_has_what_is_above_and_nothing_else() -> None:
    """An agent's team, ticket and data; not another's tool."""
    cut = world().slice([BOT], NOW)

    assert set(cut.things) == {
        BOT,
        ref("team:billing"),
        ref("person:ann"),
        ref("ticket:T-1"),
        ref("dataset:invoices"),
        ref("dataset:ledger"),
    }
    assert cut.parents[ref("dataset:invoices")] == (ref("dataset:ledger"),)
    assert cut.owners == {BOT: True}


@given(worlds(), st.lists(st.sampled_from(REFS), min_size=1, max_size=3))
def test_a_slice_is_what_the_whole_graph_says(facts: Facts, roots: list[Ref]) -> None:
    """However it is connected, expired, held and gone."""
    cut = facts.slice(roots, NOW)

    assert {ref: set(above) for ref, above in cut.parents.items()} == closure(facts, roots, NOW)
    assert cut.things == {ref: facts.thing(ref) for ref in cut.parents}


@given(worlds(), st.sampled_from(REFS), st.integers(0, NOW + 10))
def test_nothing_changes_before_its_instant(facts: Facts, root: Ref, now_ms: int) -> None:
    """And what is said to last for ever does."""
    cut = facts.slice([root], now_ms)
    last = (cut.until_ms or 10**13) - 1

    assert cut.until_ms == 0 or cut.until_ms > now_ms
    assert facts.slice([root], last).says_the_same(cut)


def test_a_root_that_does_not_stand_is_there_without_parents() -> None:
    """So that policy can see that it is held."""
    cut = world(hold("agent:invoice-bot")).slice([BOT], NOW)

    assert cut.things[BOT].hold is not None
    assert cut.parents == {BOT: ()}


def test_an_unknown_root_is_not_there() -> None:
    """Nothing is made up for it."""
    cut = world().slice([ref("agent:nobody")], NOW)

    assert (cut.things, cut.parents, cut.until_ms) == ({}, {}, 0)


def test_the_first_instant_that_matters_is_told() -> None:
    """An expiry above, or the review of an agent."""
    facts = world()
    bot = facts.thing(BOT)
    assert bot is not None
    review_ms = review_ends_ms(bot)

    assert facts.slice([BOT], NOW).until_ms == review_ms
    assert facts.slice([BOT], review_ms).until_ms == 0
    expiring = world(relate("ticket:T-1 concerns dataset:ledger", until=NOW + 5))
    assert expiring.slice([BOT], NOW).until_ms == NOW + 5
    assert expiring.slice([ref("workflow:monthly")], NOW).until_ms == 0


@pytest.mark.parametrize(
    ("name", "bound", "fits"),
    [("MAX_THINGS", 5, 6), ("MAX_EDGES", 4, 5), ("MAX_DEPTH", 3, 4)],
)
def test_what_is_too_much_is_refused_and_never_cut(
    monkeypatch: pytest.MonkeyPatch, name: str, bound: int, fits: int
) -> None:
    """A cut-off slice could permit what the whole forbids."""
    monkeypatch.setattr(slices, name, fits)
    assert world().slice([BOT], NOW).things

    monkeypatch.setattr(slices, name, bound)
    with pytest.raises(TooManyFactsError):
        world().slice([BOT], NOW)


def test_a_circle_that_should_not_be_there_ends_all_the_same() -> None:
    """The slice does not hang on what checking would have refused."""
    facts = world().changed(changes(relate("dataset:ledger part-of dataset:invoices")), 2)

    assert ref("dataset:ledger") in facts.slice([BOT], NOW).things


def test_the_same_is_said_in_whatever_order() -> None:
    """The revision, and when something was related, are no difference."""
    facts = world(put("dataset:x"))
    one = facts.changed(changes(relate("ticket:T-1 concerns dataset:x")), 2)
    other = one.changed(changes(unrelate("ticket:T-1 concerns dataset:invoices")), 3)
    back = other.changed(changes(relate("ticket:T-1 concerns dataset:invoices")), 4)

    assert back.slice([BOT], NOW).says_the_same(one.slice([BOT], NOW))
    assert not other.slice([BOT], NOW).says_the_same(one.slice([BOT], NOW))
