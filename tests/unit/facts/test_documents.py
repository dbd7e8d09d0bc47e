"""What files declare comes true, and nothing that they do not speak for is touched."""

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.facts.change import DropThing, Relate, Unrelate
from broker.facts.checking import faults_of
from broker.facts.documents import Declaration, Difference, differences
from broker.facts.facts import Facts
from tests.fakes.fact_graphs import puts, relates, worlds
from tests.fakes.facts import changes, edge, hold, put, ref, relate, thing, world

FILES = Declaration(
    "files",
    "acme",
    (thing("dataset:one"), thing("dataset:two")),
    (edge("dataset:one part-of dataset:two"), edge("ticket:T-1 concerns dataset:one")),
)


def compared(facts: Facts, *declared: Declaration) -> Difference:
    """Return the only difference."""
    (found,) = differences(facts, declared)
    return found


def applied(facts: Facts, *declared: Declaration) -> Facts:
    """Apply the only difference."""
    change = compared(facts, *declared).change("operator:a", "apply")
    assert faults_of(facts, change) == ()
    return facts.changed(change, facts.revision + 1)


def test_what_is_declared_comes_true_and_then_nothing_is_left_to_do() -> None:
    """With its source, so that it can go again."""
    facts = applied(world(), FILES)

    assert facts.thing(ref("dataset:one")) == thing("dataset:one", source="files")
    assert compared(facts, FILES).is_empty
    assert ref("dataset:two") in facts.slice([ref("ticket:T-1")], 1).things


def test_what_is_no_longer_declared_goes_and_takes_along_what_hung_on_it() -> None:
    """What others lose by it is told before."""
    facts = applied(world(), FILES)
    facts = facts.changed(changes(relate("dataset:invoices part-of dataset:two")), 9)
    fewer = Declaration("files", "acme", (thing("dataset:one"),), ())

    found = compared(facts, fewer)
    after = applied(facts, fewer)

    assert found.dropped == (thing("dataset:two", source="files"),)
    assert found.lost_with == (edge("dataset:invoices part-of dataset:two"),)
    assert after.thing(ref("dataset:two")) is None
    assert compared(after, fewer).is_empty
    assert after.size == (world().size[0] + 1, world().size[1])


def test_what_people_changed_since_is_shown_as_drift_and_taken_back() -> None:
    """Content or mark: a source's word is its own."""
    facts = applied(world(), FILES)
    drifted = facts.changed(
        changes(put("dataset:one", status="retired"), relate("ticket:T-1 concerns dataset:one")), 9
    )

    found = compared(drifted, FILES)

    assert found.drifted == (ref("dataset:one"), edge("ticket:T-1 concerns dataset:one").key)
    assert [after.ref for _, after in found.put] == [ref("dataset:one")]
    assert set(applied(drifted, FILES).things()) == set(facts.things())
    assert set(applied(drifted, FILES).relationships()) == set(facts.relationships())


def test_what_people_made_is_left_alone_until_it_is_declared() -> None:
    """Then it is taken over, and said to be."""
    facts = applied(world(put("dataset:mine")), FILES)
    more = Declaration("files", "acme", (*FILES.things, thing("dataset:mine")), FILES.relationships)

    found = compared(facts, more)

    assert facts.thing(ref("dataset:mine")) == thing("dataset:mine")
    assert found.taken_over == (ref("dataset:mine"),)
    assert applied(facts, more).thing(ref("dataset:mine")) == thing("dataset:mine", source="files")


def test_what_another_source_declares_is_a_fault_of_the_change() -> None:
    """Two files that fight over one thing come to no rest."""
    facts = applied(world(), FILES)

    change = compared(facts, Declaration("other", "acme", FILES.things)).change("o:a", "r")

    assert {fault.index for fault in faults_of(facts, change)} == {0, 1}


def test_a_file_of_one_tenant_takes_nothing_from_another() -> None:
    """Although the source is the same."""
    there = Declaration("files", "globex", (thing("dataset:far", "globex"),))
    facts = applied(world(), FILES, there)

    found = compared(facts, Declaration("files", "acme"))

    assert {each.tenant for each in found.dropped} == {"acme"}
    assert applied(facts, Declaration("files", "acme")).thing(ref("dataset:far", "globex"))


def test_sources_are_compared_one_by_one() -> None:
    """Each has a set of changes of its own."""
    other = Declaration("crm", "acme", (thing("ticket:C-1"),))

    found = differences(world(), (FILES, other))

    assert [each.source for each in found] == ["crm", "files"]


def test_a_hold_is_no_difference() -> None:
    """Files do not speak of holds, and do not lift them."""
    facts = applied(world(), FILES).changed(changes(hold("dataset:one")), 9)

    assert compared(facts, FILES).is_empty


def test_what_goes_with_its_thing_is_not_ended_twice() -> None:
    """A cascade and an end of the same relationship would be one too many."""
    facts = applied(world(), FILES)

    change = compared(facts, Declaration("files", "acme")).change("operator:a", "r")

    assert {type(each) for each in change.changes} == {DropThing}


@settings(max_examples=50)
@given(
    worlds(),
    st.lists(puts(), max_size=4, unique_by=lambda p: p.thing.ref),
    st.lists(relates(), max_size=4, unique_by=lambda r: r.relationship.key),
)
def test_applying_what_may_be_leaves_nothing_to_do(
    facts: Facts, things: list[object], edges: list[object]
) -> None:
    """Whatever was there before."""
    declared = Declaration(
        "files",
        "acme",
        tuple(each.thing for each in things),  # type: ignore[attr-defined]  # puts
        tuple(each.relationship for each in edges),  # type: ignore[attr-defined]  # relates
    )
    change = compared(facts, declared).change("operator:a", "apply")
    if not faults_of(facts, change):
        facts = facts.changed(change, 9)
        assert compared(facts, declared).is_empty
        assert not compared(facts, declared).drifted


def test_only_puts_and_relates_have_what_is_declared() -> None:
    """And what is no longer declared between things that stay is ended by itself."""
    facts = applied(world(), FILES)
    less = Declaration("files", "acme", FILES.things, FILES.relationships[:1])

    change = compared(facts, less).change("operator:a", "r")

    assert change.changes == (Unrelate(*FILES.relationships[1].key),)
    assert change.source == "files"
    assert not any(isinstance(each, Relate) for each in change.changes)
