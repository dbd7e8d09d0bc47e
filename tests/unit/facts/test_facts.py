"""Everything at one revision: what is known, what stands, what counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.facts.base import Base, tenant_thing
from broker.facts.change import Change, DropThing, LiftHold, decode_changes, encode_changes
from broker.facts.checking import faults_of
from broker.facts.facts import HELD_ELSEWHERE, Facts
from broker.model.fact import Hold, tenant_ref
from tests.fakes.fact_graphs import worlds
from tests.fakes.facts import (
    ACME,
    base,
    changes,
    edge,
    hold,
    put,
    ref,
    relate,
    thing,
    unrelate,
    world,
)

NOW = 1_000_000


def rebuilt(facts: Facts) -> Facts:
    """Write everything down, in pieces, and build it anew."""
    all_of_it = tuple(facts.changes())
    pieces = [encode_changes(all_of_it[at : at + 3]) for at in range(0, len(all_of_it), 3)]
    return Facts.at(facts.revision, (c for piece in pieces for c in decode_changes(piece)), base())


def test_a_change_makes_another_copy() -> None:
    """Who still reads the earlier one sees nothing of it."""
    before = world()
    after = before.changed(changes(put("agent:new"), relate("agent:new member-of team:billing")), 2)

    assert (before.revision, after.revision) == (1, 2)
    assert before.thing(ref("agent:new")) is None
    assert ref("agent:new") not in before.below(ref("team:billing"))
    assert after.thing(ref("agent:new")) == thing("agent:new")
    assert ref("agent:new") in after.below(ref("team:billing"))


def test_what_is_written_down_is_built_as_it_was() -> None:
    """Sources, marks and holds included."""
    facts = world(hold("agent:invoice-bot"))
    facts = facts.changed(changes(put("dataset:declared"), source="files"), 2)
    facts = facts.changed(changes(put("dataset:declared", purpose="edited")), 3)

    again = rebuilt(facts)

    assert set(again.things()) == set(facts.things())
    assert set(again.relationships()) == set(facts.relationships())
    assert dict(again.held()) == dict(facts.held())
    assert again.size == facts.size
    assert again.owned(ref("person:ann")) == facts.owned(ref("person:ann"))


def test_the_bundle_is_below_the_log() -> None:
    """Its agents, teams and memberships are there, and count."""
    facts = world()

    assert facts.thing(ref("agent:base-bot")) is not None
    assert facts.parents(ref("agent:base-bot"), NOW) == (ref("team:/finance"),)
    assert facts.below(ref("team:/finance")) == (ref("agent:base-bot"),)
    assert facts.agent("base-bot") == facts.thing(ref("agent:base-bot"))


def test_another_bundle_leaves_the_log_as_it_is() -> None:
    """What went with the old one is unknown, and what stood on it counts no more."""
    facts = world(relate("agent:base-bot assigned-to ticket:T-1"), hold("agent:base-bot"))

    over = facts.over(Base.of_tenants(ACME))

    assert over.thing(ref("agent:base-bot")) is None
    assert not over.stands(ref("agent:base-bot"))
    assert over.parents(ref("agent:base-bot"), NOW) == ()
    assert over.thing(ref("ticket:T-1")) is not None
    assert over.over(base()).thing(ref("agent:base-bot")) == facts.thing(ref("agent:base-bot"))


def test_an_agent_whose_name_the_bundle_gives_to_another_tenant_is_nobody() -> None:
    """Two agents of one name would be one entity to policy."""
    facts = world()
    taken = facts.over(
        Base([tenant_thing("acme"), tenant_thing("globex"), thing("agent:invoice-bot", "globex")])
    )

    assert taken.thing(ref("agent:invoice-bot")) is None
    assert taken.parents(ref("agent:invoice-bot"), NOW) == ()
    assert taken.agent("invoice-bot") == thing("agent:invoice-bot", "globex")


def moved(name: str = "invoice-bot") -> Base:
    """Return a bundle that has an agent in globex."""
    return Base([tenant_thing("acme"), tenant_thing("globex"), thing(f"agent:{name}", "globex")])


def test_a_hold_goes_with_an_agent_to_another_tenant() -> None:
    """There it is to be seen and lifted, and no more where the agent was.

    By whom and why is that tenant's (I16).
    """
    held = world(hold("agent:invoice-bot"))
    after = held.over(moved())
    here, gone = ref("agent:invoice-bot", "globex"), ref("agent:invoice-bot")

    there = after.thing(here)
    assert there is not None
    assert there.hold == Hold(HELD_ELSEWHERE, HELD_ELSEWHERE, 1_000)
    assert not after.stands(here)
    assert (after.hold(here), after.hold(gone)) == (there.hold, None)
    assert faults_of(after, changes(LiftHold(gone)))
    assert not faults_of(after, changes(LiftHold(here)))
    lifted = after.changed(changes(LiftHold(here)), 2)
    assert lifted.stands(here)
    assert list(lifted.held()) == []
    assert lifted.over(base()).stands(gone)


def test_a_hold_on_an_agent_that_is_nowhere_waits_for_its_name() -> None:
    """It is still to be lifted where it was given, until somebody has the name."""
    held = Facts(base=moved()).changed(changes(hold("agent:invoice-bot", "globex")), 1)
    nowhere = held.over(Base.of_tenants("acme", "globex"))

    assert not faults_of(nowhere, changes(LiftHold(ref("agent:invoice-bot", "globex"))))
    assert faults_of(nowhere, changes(LiftHold(ref("agent:invoice-bot"))))
    anew = nowhere.changed(changes(put("person:ann"), put("agent:invoice-bot")), 2)
    assert not anew.stands(ref("agent:invoice-bot"))


@given(worlds(), st.sampled_from(["a", "b", "base-bot"]))
def test_whatever_tenant_an_agent_is_given_it_stays_as_held_as_it_was(
    facts: Facts, name: str
) -> None:
    """And coming back changes nothing either; a copy built from a snapshot says the same."""
    before = facts.thing(ref(f"agent:{name}"))

    for copy in (facts, Facts.at(facts.revision, facts.changes(), facts.base)):
        there = copy.over(moved(name)).agent(name)
        assert there is not None
        assert there.tenant == "globex"
        assert (there.hold is None) == (before is None or before.hold is None)
        assert copy.over(moved(name)).over(facts.base).thing(ref(f"agent:{name}")) == before


def test_nothing_is_known_in_a_tenant_that_the_bundle_has_given_up() -> None:
    """What is in the log of it can still be dropped."""
    facts = world().over(Base.of_tenants("globex"))
    drop = changes(DropThing(ref("tool:sql"), cascade=True))

    assert list(facts.things()) == [tenant_thing("globex")]
    assert facts.agent("invoice-bot") is None
    assert facts.slice([ref("ticket:T-1")], NOW).things == {}
    assert faults_of(facts, drop) == ()
    assert facts.changed(drop, 2).logged(ref("tool:sql")) is None


@pytest.mark.parametrize(
    "change",
    [
        hold("team:billing"),
        hold("ticket:T-1"),
        put("ticket:T-1", status="closed"),
        DropThing(ref("ticket:T-1"), cascade=True),
        DropThing(ref("ticket:T-1")),
        unrelate("team:billing assigned-to ticket:T-1"),
    ],
)
def test_what_does_not_stand_passes_nothing_on(change: Change) -> None:
    """Neither what leads to it nor what leads on from it counts."""
    before = world()
    after = before.changed(changes(change), 2)

    assert before.parents(ref("team:billing"), NOW) == (ref("ticket:T-1"),)
    assert after.parents(ref("team:billing"), NOW) == ()


def test_a_held_thing_is_still_visible() -> None:
    """With who held it, so that policy and people can say why."""
    facts = world(hold("agent:base-bot"), hold("agent:invoice-bot"))

    for text in ("agent:base-bot", "agent:invoice-bot"):
        held = facts.thing(ref(text))
        assert held is not None
        assert held.hold == hold(text).hold
        assert facts.parents(ref(text), NOW) == ()


def test_putting_a_thing_does_not_lift_its_hold() -> None:
    """Only lifting does; nor does forgetting the thing and putting it anew."""
    facts = world(hold("agent:invoice-bot"))
    again = facts.changed(changes(put("agent:invoice-bot", risk="low")), 2)
    anew = again.changed(changes(DropThing(ref("agent:invoice-bot"), cascade=True)), 3)
    anew = anew.changed(changes(put("agent:invoice-bot")), 4)

    assert not again.stands(ref("agent:invoice-bot"))
    assert not anew.stands(ref("agent:invoice-bot"))
    assert anew.changed(changes(LiftHold(ref("agent:invoice-bot"))), 5).stands(
        ref("agent:invoice-bot")
    )


def test_a_tenant_is_known_and_can_be_held() -> None:
    """As one thing; what is in it is judged by who asks."""
    facts = world()
    held = facts.changed(changes(hold(f"tenant:{ACME}")), 2)

    assert facts.tenant_hold(ACME) is None
    assert facts.stands(tenant_ref(ACME))
    assert held.tenant_hold(ACME) == hold(f"tenant:{ACME}").hold
    assert not held.stands(tenant_ref(ACME))


def test_an_expired_relationship_counts_no_more() -> None:
    """At its very instant."""
    facts = world(relate("agent:invoice-bot runs workflow:monthly", until=NOW))

    assert ref("workflow:monthly") in facts.parents(ref("agent:invoice-bot"), NOW - 1)
    assert ref("workflow:monthly") not in facts.parents(ref("agent:invoice-bot"), NOW)


def test_two_relations_to_one_thing_end_one_by_one() -> None:
    """It is below for as long as one is left."""
    facts = world(put("dataset:x"), put("resource:r"), relate("dataset:x part-of resource:r"))
    facts = facts.changed(changes(relate("dataset:x part-of resource:r", until=9)), 2)
    assert (
        facts.size
        == world(put("dataset:x"), put("resource:r"))
        .changed(changes(relate("dataset:x part-of resource:r")), 2)
        .size
    )

    gone = facts.changed(changes(unrelate("dataset:x part-of resource:r")), 3)

    assert facts.below(ref("resource:r")) == (ref("dataset:x"),)
    assert gone.below(ref("resource:r")) == ()


def test_what_people_change_of_a_source_stays_the_sources_and_is_marked() -> None:
    """So that drift shows; declaring it anew takes the mark away."""
    declared = world().changed(
        changes(put("dataset:d"), relate("ticket:T-1 concerns dataset:d"), source="files"), 2
    )
    edited = declared.changed(
        changes(put("dataset:d", purpose="x"), relate("ticket:T-1 concerns dataset:d", until=9)), 3
    )
    again = edited.changed(changes(put("dataset:d"), source="files"), 4)
    key = edge("ticket:T-1 concerns dataset:d").key

    assert declared.thing(ref("dataset:d")) == thing("dataset:d", source="files")
    assert edited.thing(ref("dataset:d")) == thing(
        "dataset:d", purpose="x", source="files", edited=True
    )
    after = edited.relationship(key)
    assert after is not None
    assert (after.source, after.edited, after.expires_at_ms) == ("files", True, 9)
    assert again.thing(ref("dataset:d")) == thing("dataset:d", source="files")


def test_an_exact_set_is_taken_as_it_is_written() -> None:
    """Marks and sources included: that is how a change is rolled back."""
    record = put("dataset:d", source="files", edited=True)

    facts = world().changed(changes(record, exact=True), 2)

    assert facts.thing(ref("dataset:d")) == record.thing


@pytest.mark.parametrize(
    ("text", "owner", "stands"),
    [
        ("agent:invoice-bot", "person:ann", True),
        ("agent:base-bot", "person:billing@acme.example", True),
        ("dataset:invoices", None, True),
        ("agent:nobody", None, False),
    ],
)
def test_an_owner_must_stand(text: str, owner: str | None, stands: bool) -> None:  # noqa: FBT001  # a table
    """A free text of agents.yaml may name somebody whom nobody registered."""
    facts = world()

    assert facts.owner_of(ref(text)) == (ref(owner) if owner else None)
    assert facts.owner_stands(ref(text)) is stands


@pytest.mark.parametrize("gone", ["person:ann", "person:billing@acme.example"])
def test_who_is_gone_answers_for_nothing(gone: str) -> None:
    """Also the person whom a free text names, once registered."""
    facts = world(put(gone, status="gone"))
    owned = facts.owned(ref(gone))

    assert owned
    assert not any(facts.owner_stands(each) for each in owned)


def test_an_owner_that_is_nobody_does_not_stand() -> None:
    """A reference that leads nowhere is no yes."""
    facts = world().changed(changes(put("agent:x", owner="team:nowhere")), 2)

    assert not facts.owner_stands(ref("agent:x"))
