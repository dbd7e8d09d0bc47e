"""Everything that is wrong with a set of changes is found, each with its place and what to do."""

from itertools import pairwise

import pytest

from broker.facts import checking
from broker.facts.base import Base
from broker.facts.change import Change, DropThing, LiftHold, PutThing
from broker.facts.checking import faults_of
from broker.facts.fault import MAX_FAULTS, WHOLE
from broker.model.fact import Hold, Thing, ThingKind
from tests.fakes.facts import changes, hold, put, ref, relate, thing, unrelate, world

NOW = 1_000_000


def told(*each: Change, source: str = "", **more: object) -> list[tuple[int, str]]:
    """Return where faults are found."""
    found = faults_of(world(), changes(*each, source=source), now_ms=NOW, **more)
    assert all(fault.message and fault.remedy for fault in found)
    return [(fault.index, fault.field) for fault in found]


@pytest.mark.parametrize(
    "change",
    [
        put("agent:new"),
        put("ticket:T-1", status="closed"),
        put("team:x", owner="team:/finance"),
        DropThing(ref("tool:sql"), cascade=True),
        relate("agent:base-bot assigned-to ticket:T-1", until=NOW + 1),
        relate("agent:invoice-bot member-of team:/finance"),
        relate("team:billing assigned-to ticket:T-1", until=NOW + 1),
        unrelate("team:billing assigned-to ticket:T-1"),
        hold("agent:base-bot"),
        hold("team:/finance"),
        hold("tenant:globex"),
    ],
)
def test_what_may_be_has_no_fault(change: Change) -> None:
    """Things of the bundle may be held and related."""
    assert told(change) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (put("dataset:a:b"), "thing.name"),
        (put("dataset:-a"), "thing.name"),
        (put("dataset:" + "a" * 129), "thing.name"),
        (put("dataset:a\n"), "thing.name"),
        (put("dataset:ä"), "thing.name"),
        (put("dataset:a", tenant="elsewhere"), "thing.tenant"),
        (put("dataset:a", tenant="no tenant"), "thing.tenant"),
        (put("dataset:a", tenant=""), "thing.tenant"),
        (put("team:/new"), "thing.kind"),
        (put("tenant:acme"), "thing.kind"),
        (put("agent:a", status=""), "thing.status"),
        (put("agent:a", owner=""), "thing.owner"),
        (put("agent:a", purpose=""), "thing.purpose"),
        (put("agent:a", status="open"), "thing.status"),
        (put("agent:a", owner="ann@acme.example"), "thing.owner"),
        (put("agent:a", owner="ticket:T-1"), "thing.owner"),
        (put("agent:a", owner="person:nobody"), "thing.owner"),
        (put("agent:a", purpose="a\u202eb"), "thing.purpose"),
        (put("agent:a", purpose="x" * 201), "thing.purpose"),
        (put("agent:a", risk="extreme"), "thing.risk"),
        (put("agent:a", review_by="2030-02-30"), "thing.review_by"),
        (put("agent:a", review_by="20300201"), "thing.review_by"),
        (put("agent:a", quota=-1), "thing.quota"),
        (put("agent:a", identities=("https://issuer",)), "thing.identities[0]"),
        (put("agent:a", identities=("https://issuer a*b",)), "thing.identities[0]"),
        (put("agent:a", identities=("https://issuer *",)), "thing.identities[0]"),
        (put("agent:a", identities=("i s",) * 33), "thing.identities"),
        (put("dataset:d", risk="low"), "thing.risk"),
        (put("dataset:d", data_class="very secret"), "thing.data_class"),
        (put("dataset:d", hold=Hold("r", "b", 1)), "thing.hold"),
        (put("agent:base-bot"), "thing"),
        (put("agent:invoice-bot", tenant="globex"), "thing.name"),
        (DropThing(ref("agent:base-bot")), "ref"),
        (DropThing(ref("agent:nobody")), "ref"),
        (DropThing(ref("ticket:T-1")), "ref"),
        (DropThing(ref("person:ann"), cascade=True), "ref"),
        (relate("ticket:T-1 assigned-to agent:invoice-bot"), "relationship.relation"),
        (relate("agent:nobody assigned-to ticket:T-1"), "relationship.subject"),
        (relate("agent:invoice-bot assigned-to ticket:T-2"), "relationship.object"),
        (relate("team:/finance assigned-to ticket:T-1"), "relationship.object"),
        (relate("agent:base-bot member-of team:/finance"), "relationship"),
        (relate("agent:base-bot assigned-to ticket:T-1", until=NOW), "relationship.expires_at_ms"),
        (relate("agent:base-bot assigned-to ticket:T-1", until=-1), "relationship.expires_at_ms"),
        (relate("dataset:ledger part-of dataset:invoices"), "relationship.object"),
        (relate("dataset:ledger part-of dataset:ledger"), "relationship.object"),
        (unrelate("agent:invoice-bot assigned-to ticket:T-1"), "subject"),
        (unrelate("agent:base-bot member-of team:/finance"), "subject"),
        (hold("agent:nobody"), "ref"),
        (LiftHold(ref("agent:invoice-bot")), "ref"),
    ],
)
def test_each_fault_is_found_where_it_is(change: Change, field: str) -> None:
    """By index and field, whatever stands before it."""
    found = told(hold("tool:sql"), change)

    assert (1, field) in found
    assert all(index == 1 for index, _ in found)


def test_all_faults_are_told_at_once() -> None:
    """Nobody mends the first to learn of the second."""
    found = told(
        put("agent:a", status="odd", risk="odd"),
        relate("agent:nobody assigned-to ticket:none"),
        hold("tool:sql"),
        DropThing(ref("workflow:none")),
    )

    assert found == [
        (0, "thing.status"),
        (0, "thing.risk"),
        (1, "relationship.subject"),
        (1, "relationship.object"),
        (3, "ref"),
    ]


def test_what_depends_on_the_order_is_refused() -> None:
    """A set means what it says, in whatever order it is read."""
    found = told(
        put("ticket:T-1"),
        DropThing(ref("ticket:T-1"), cascade=True),
        hold("agent:invoice-bot"),
        LiftHold(ref("agent:invoice-bot")),
        relate("agent:invoice-bot assigned-to ticket:T-1"),
        unrelate("agent:invoice-bot assigned-to ticket:T-1"),
    )

    assert {(1, "ref"), (3, "ref"), (5, "subject")} <= set(found)


def chain(kind: str, steps: int) -> list[Change]:
    """Put things that are each part of the next one."""
    names = [f"{kind}:{kind}-{n}" for n in range(steps + 1)]
    links = [relate(f"{one} part-of {next_}") for one, next_ in pairwise(names)]
    return [*map(put, names), *links]


def test_a_chain_that_no_decision_could_follow_is_refused_at_the_door() -> None:
    """Whichever of its links makes it too long: 32 are good, of whatever relations they are."""
    facts = world().changed(
        changes(*chain("team", 14), *chain("dataset", 15), put("ticket:new")), 2
    )
    facts = facts.changed(changes(relate("team:team-14 assigned-to ticket:new")), 3)
    links = [
        relate("ticket:new concerns dataset:dataset-0"),
        relate("agent:invoice-bot member-of team:team-0"),
        put("team:lowest"),
        relate("team:lowest part-of team:team-0"),
    ]

    assert faults_of(facts, changes(*links[:2]), now_ms=NOW) == ()
    found = faults_of(
        facts, changes(*links, relate("agent:base-bot member-of team:lowest")), now_ms=NOW
    )
    assert {(each.index, each.field) for each in found} == {
        (0, "relationship.object"),
        (3, "relationship.object"),
        (4, "relationship.object"),
    }
    assert found[0].message == "would be one of 33 relationships one after the other"
    facts.changed(changes(*links), 4).slice([ref("agent:invoice-bot")], NOW)


def test_what_is_too_long_already_can_be_renewed() -> None:
    """A rule that came later stops nobody from giving a link another end."""
    facts = world().changed(changes(*chain("team", 40)), 2)
    kept = relate("team:team-3 part-of team:team-4", until=NOW + 5)

    assert faults_of(facts, changes(kept), now_ms=NOW) == ()
    found = faults_of(facts, changes(*chain("dataset", 33)), now_ms=NOW)
    assert len(found) == 33


def test_a_retired_agent_stays_retired() -> None:
    """Whoever puts it, source or hand; only the very change that retired it can be taken back."""
    ended = changes(put("agent:invoice-bot", status="retired"))
    facts = world().changed(ended, 2)

    def told_of(change: Change, *, source: str = "", exact: bool = False) -> list[str]:
        found = faults_of(facts, changes(change, source=source, exact=exact), now_ms=NOW)
        return [fault.field for fault in found]

    for status in ("active", "suspended"):
        assert told_of(put("agent:invoice-bot", status=status)) == ["thing.status"]
    assert told_of(put("agent:invoice-bot"), source="desk") == ["thing.status"]
    assert told_of(put("agent:invoice-bot", status="retired", purpose="was")) == []
    assert told_of(put("agent:invoice-bot"), exact=True) == []
    [lifted] = faults_of(facts, changes(LiftHold(ref("agent:invoice-bot"))), now_ms=NOW)
    assert lifted.message == "agent:invoice-bot is not held but retired"


def test_a_set_of_its_own_can_bring_what_it_needs() -> None:
    """Things and what relates them, and a drop with what stood in its way."""
    assert not told(
        relate("agent:a assigned-to ticket:new"), put("ticket:new"), put("agent:a"), put("tool:t")
    )
    assert not told(
        DropThing(ref("tool:sql")), unrelate("workflow:monthly uses tool:sql"), hold("ticket:T-1")
    )
    assert not told(
        put("person:bob"),
        put("agent:invoice-bot", owner="person:bob"),
        DropThing(ref("person:ann"), cascade=True),
    )


def test_what_a_set_drops_it_cannot_relate() -> None:
    """Not even when the drop would take the relationship with it."""
    found = told(
        DropThing(ref("ticket:T-1"), cascade=True),
        relate("agent:invoice-bot assigned-to ticket:T-1"),
    )

    assert (1, "relationship.object") in found


def test_the_owner_of_an_agent_of_the_bundle_is_not_dropped() -> None:
    """Its going would be forgotten with the record."""
    facts = world(put("person:billing@acme.example", status="gone"))

    (fault,) = faults_of(facts, changes(DropThing(ref("person:billing@acme.example"))), now_ms=NOW)

    assert (fault.field, "base-bot" in fault.message) == ("ref", True)


def test_nobody_inherits_what_a_former_one_of_the_name_was_in() -> None:
    """An agent that the bundle gave up left its assignments behind."""
    before = world(relate("agent:base-bot assigned-to ticket:T-1"))
    facts = before.over(Base.of_tenants("acme", "globex"))
    assigned = unrelate("agent:base-bot assigned-to ticket:T-1")

    (fault,) = faults_of(facts, changes(put("agent:base-bot")))

    assert (fault.field, "base-bot assigned-to" in fault.message) == ("thing", True)
    assert faults_of(facts, changes(put("agent:base-bot"), assigned)) == ()


def test_a_held_thing_is_not_dropped() -> None:
    """Put anew it would stand."""
    (fault,) = faults_of(world(hold("tool:sql")), changes(DropThing(ref("tool:sql"), cascade=True)))

    assert fault.message == "is held"


def test_a_circle_is_found_however_long_and_only_its_new_links_are_named() -> None:
    """A link that hangs on it is right."""
    links = [relate(f"dataset:d{at} part-of dataset:d{at + 1}") for at in range(5_000)]
    things = [put(f"dataset:d{at}") for at in range(5_002)]

    found = told(
        *things,
        *links,
        relate("dataset:d5001 part-of dataset:d0"),
        relate("dataset:d4000 part-of dataset:d3998"),
    )

    circle = [len(things) + 3998, len(things) + 3999, len(things) + 5001]
    assert found == [(index, "relationship.object") for index in circle]


def test_a_source_leaves_alone_what_another_declares_and_people_need_not() -> None:
    """Two sets of files that fight over one record would never come to rest."""
    facts = world().changed(
        changes(put("tool:t"), relate("workflow:monthly uses tool:t"), source="one"), 2
    )
    wanted = (
        put("tool:t", purpose="x"),
        relate("workflow:monthly uses tool:t", until=NOW + 1),
    )

    assert [f.index for f in faults_of(facts, changes(*wanted, source="two"))] == [0, 1]
    assert not faults_of(facts, changes(*wanted, source="one"))
    assert not faults_of(facts, changes(*wanted))
    assert not faults_of(facts, changes(put("tool:sql"), source="two"))


@pytest.mark.parametrize("source", ["bundle", "no source", "-x", "a" * 65])
def test_a_source_has_a_name_of_its_own(source: str) -> None:
    """The bundle's is taken."""
    assert told(put("tool:t"), source=source) == [(WHOLE, "source")]


def test_the_set_itself_says_who_and_why() -> None:
    """And changes something."""
    found = faults_of(world(), changes().__class__("", "a\0b", ()))

    assert [(fault.index, fault.field) for fault in found] == [
        (WHOLE, "by"),
        (WHOLE, "reason"),
        (WHOLE, "changes"),
    ]


def test_too_many_changes_are_not_even_looked_at() -> None:
    """One fault says so."""
    assert told(put("tool:a"), put("tool:b"), limit=1) == [(WHOLE, "changes")]


def test_the_facts_do_not_grow_beyond_their_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Becoming smaller is never refused for size."""
    things, relationships = world().size
    monkeypatch.setattr(checking, "MAX_THINGS", things)
    monkeypatch.setattr(checking, "MAX_RELATIONSHIPS", relationships)

    assert told(put("tool:t")) == [(WHOLE, "changes")]
    assert told(relate("agent:base-bot assigned-to ticket:T-1")) == [(WHOLE, "changes")]
    monkeypatch.setattr(checking, "MAX_RELATIONSHIPS", 1)
    assert told(unrelate("team:billing assigned-to ticket:T-1")) == []


def test_one_thing_is_not_in_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each change that makes it too wide is named."""
    monkeypatch.setattr(checking, "MAX_DIRECT", 2)

    found = told(relate("agent:invoice-bot assigned-to ticket:T-1"))

    assert found == [(0, "relationship.subject")]


def test_two_agents_of_one_name_are_refused_in_one_set_too() -> None:
    """Agents are known by their names alone, whatever their tenant."""
    found = told(put("agent:twin"), put("person:ann", "globex"), put("agent:twin", "globex"))

    assert found == [(0, "thing.name"), (2, "thing.name")]


def test_the_list_of_faults_is_bounded_and_says_how_many_more() -> None:
    """A large import that is all wrong is not answered with megabytes."""
    found = faults_of(world(), changes(*(put(f"tool:t{at}", status="x") for at in range(1_200))))

    assert len(found) == MAX_FAULTS + 1
    assert found[-1].message == "200 more faults"


def test_what_is_shown_of_a_fault_has_no_control_characters() -> None:
    """Names come from outside."""
    bad = PutThing(Thing(kind=ThingKind.TOOL, tenant="acme", name="a\n\x1b[31m", status="x\ny"))

    (*found,) = faults_of(world(), changes(bad, hold("tool:\x1b")))

    assert found
    assert all(str(fault).isprintable() for fault in found)


def test_a_thing_of_another_kind_is_not_told_to_be_an_agent() -> None:
    """Names are taken once only among agents."""
    assert not told(put("dataset:invoice-bot"), put("dataset:base-bot"))
    assert thing("dataset:invoice-bot").ref != ref("agent:invoice-bot")
