"""Several sources are planned in the order in which they need each other."""

from broker.facts.documents import Declaration
from broker.facts.planning import planned
from tests.fakes.facts import edge, thing, world


def declared(source: str, *names: str, edges: tuple[str, ...] = (), owner: str = "") -> Declaration:
    """Let a source declare things and relationships of acme."""
    more = {"owner": owner} if owner else {}
    things = tuple(thing(name, **more) for name in names)
    return Declaration(source, "acme", things, tuple(map(edge, edges)))


def order(*declarations: Declaration) -> list[str]:
    """Tell in which order the sources come."""
    return [each.difference.source for each in planned(world(), declarations, "me", "why")]


def test_sources_come_by_name() -> None:
    """If none needs another: the same files make the same plan."""
    assert order(declared("b", "ticket:B"), declared("a", "ticket:A")) == ["a", "b"]


def test_a_source_comes_after_what_it_names() -> None:
    """As the end of a relationship, or as an owner, by any number of steps."""
    first = declared("a", "ticket:A", owner="person:pat")
    second = declared("b", "person:pat", edges=("person:pat entitled-to dataset:new",))
    third = declared("c", "dataset:new")

    assert order(first, second, third) == ["c", "b", "a"]


def test_sources_that_need_each_other_come_by_name() -> None:
    """What the first one lacks is a fault of it, and no endless search."""
    one = declared("a", "ticket:A", edges=("ticket:A concerns dataset:new",))
    other = declared("b", "dataset:new", edges=("ticket:A concerns dataset:ledger",))

    assert order(other, one) == ["a", "b"]


def test_each_is_compared_with_what_those_before_it_leave() -> None:
    """What a source's thing took along with it is not ended once more by another."""
    made = [
        declared("a", "dataset:new"),
        declared("b", "ticket:B", edges=("ticket:B concerns dataset:new",)),
    ]
    facts = world()
    for part in planned(facts, made, "me", "why"):
        facts = facts.changed(part.change, facts.revision + 1)

    gone = [Declaration("a", "acme"), declared("b", "ticket:B")]
    first, second = planned(facts, gone, "me", "why")

    assert [str(each.ref) for each in first.difference.dropped] == ["dataset:new"]
    assert second.difference.is_empty
