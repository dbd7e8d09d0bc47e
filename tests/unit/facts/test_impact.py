"""Whoever may be decided otherwise is found; never fewer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.facts import impact
from broker.facts.base import Base, tenant_thing
from broker.facts.change import ChangeSet, DropThing, LiftHold
from broker.facts.checking import faults_of
from broker.facts.facts import Facts
from broker.facts.impact import EVERYTHING, Impact, impact_of, impact_of_all
from tests.fakes.fact_graphs import NOW, all_refs, sets, worlds
from tests.fakes.facts import changes, hold, put, ref, relate, thing, unrelate, world


def differing(before: Facts, after: Facts) -> set[object]:
    """Find the roots that have another slice, the slow way: by making all, now and later."""
    return {
        root
        for root in all_refs(before) | all_refs(after)
        for now_ms in (NOW, NOW + 10, 10**13)
        if not before.slice([root], now_ms).says_the_same(after.slice([root], now_ms))
    }


@settings(max_examples=100)
@given(worlds(), sets())
def test_every_root_whose_slice_differs_is_in_the_impact(facts: Facts, change: ChangeSet) -> None:
    """Whatever the change is, even one that checking would refuse."""
    after = facts.changed(change, 99)

    found = impact_of(facts, after, change)

    assert [root for root in differing(facts, after) if not found.touches(root)] == []


@settings(max_examples=50)
@given(worlds(), st.lists(sets(), min_size=2, max_size=4))
def test_many_changes_have_the_impact_of_what_they_come_to(
    facts: Facts, several: list[ChangeSet]
) -> None:
    """Whoever catches up sees no less than who followed."""
    after = facts
    done = []
    for change in several:
        if not faults_of(after, change):
            after = after.changed(change, after.revision + 1)
            done.append(change)

    found = impact_of_all(facts, after, done)

    assert [root for root in differing(facts, after) if not found.touches(root)] == []


@settings(max_examples=100)
@given(worlds(), sets(), st.sampled_from(["a", "b"]))
def test_so_it_is_where_the_bundle_has_given_an_agent_to_another_tenant(
    facts: Facts, change: ChangeSet, name: str
) -> None:
    """Holding and lifting by the name that it had counts where it is."""
    old = facts.base
    tenants = [tenant_thing("acme"), tenant_thing("globex"), thing(f"agent:{name}", "globex")]
    before = facts.over(Base(tenants, [], old.about))
    after = before.changed(change, 99)

    found = impact_of(before, after, change)

    assert [root for root in differing(before, after) if not found.touches(root)] == []


def test_a_lift_that_crossed_a_move_is_seen_where_the_agent_is() -> None:
    """It was ordered while the agent was still in the other tenant."""
    tenants = [tenant_thing("acme"), tenant_thing("globex"), thing("agent:invoice-bot", "globex")]
    before = world(hold("agent:invoice-bot")).over(Base(tenants))
    change = changes(LiftHold(ref("agent:invoice-bot")))
    after = before.changed(change, 2)

    assert after.stands(ref("agent:invoice-bot", "globex"))
    assert impact_of(before, after, change).agents == {"invoice-bot"}


def test_a_change_above_reaches_everybody_below_and_nobody_else() -> None:
    """By kind, and the capabilities that are about what is touched."""
    before = world()
    change = changes(hold("dataset:ledger"))

    found = impact_of(before, before.changed(change, 2), change)

    assert found == Impact(
        agents=frozenset({"invoice-bot"}),
        teams=frozenset({ref("team:billing")}),
        tickets=frozenset({ref("ticket:T-1")}),
        datasets=frozenset({ref("dataset:invoices"), ref("dataset:ledger")}),
        capabilities=frozenset({"invoices-read"}),
    )


def test_who_reached_what_is_gone_is_found() -> None:
    """The way is no more to be seen afterwards."""
    before = world()
    change = changes(DropThing(ref("dataset:invoices"), cascade=True))

    found = impact_of(before, before.changed(change, 2), change)

    assert found.agents == {"invoice-bot"}


def test_an_owner_reaches_its_agents() -> None:
    """Also those of the bundle that name it freely."""
    before = world(put("person:billing@acme.example"))
    change = changes(put("person:billing@acme.example", status="gone"))

    found = impact_of(before, before.changed(change, 2), change)

    assert found.agents == {"base-bot"}


def test_a_held_tenant_is_everything_in_it() -> None:
    """And nothing in another."""
    before = world()
    change = changes(hold("tenant:acme"))

    found = impact_of(before, before.changed(change, 2), change)

    assert found.tenants == {"acme"}
    assert found.touches(ref("agent:base-bot"))
    assert not found.touches(ref("agent:other", "globex"))


@pytest.mark.parametrize(
    "change",
    [
        changes(put("ticket:T-1")),
        changes(relate("team:billing assigned-to ticket:T-1")),
        changes(unrelate("agent:invoice-bot assigned-to ticket:T-1")),
    ],
)
def test_what_comes_to_nothing_touches_nobody(change: ChangeSet) -> None:
    """Declaring the same again looks at no lease."""
    before = world()

    assert impact_of(before, before.changed(change, 2), change) == Impact()


def test_another_bundle_or_too_much_is_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unsure is never nobody."""
    before = world()
    change = changes(hold("dataset:ledger"))
    after = before.changed(change, 2)

    assert impact_of(before, after.over(Base()), change) is EVERYTHING
    monkeypatch.setattr(impact, "MAX_REACHED", 3)
    assert impact_of(before, after, change) is EVERYTHING
    assert EVERYTHING.touches(ref("tool:whatever", "globex"))


def test_two_impacts_together_are_both() -> None:
    """Nothing of either is lost."""
    one = Impact(agents=frozenset({"a"}), tickets=frozenset({ref("ticket:t")}))
    other = Impact(agents=frozenset({"b"}), everything=True)

    both = one | other

    assert (both.everything, both.agents, both.tickets) == (True, {"a", "b"}, one.tickets)
