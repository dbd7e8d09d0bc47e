"""What may stand to what, and what stands."""

import pytest

from broker.facts.relations import JOINS, SHAPES, crosses_tenants, may_join, stands_by_itself
from broker.model.fact import Hold, Relation, ThingKind
from tests.fakes.facts import edge, ref, thing


def test_every_relation_joins_something() -> None:
    """A word without a meaning would be refused for ever."""
    assert set(JOINS) == set(Relation)
    assert all(JOINS.values())


def test_everything_but_a_tenant_can_be_put() -> None:
    """Tenants are the bundle's."""
    assert set(SHAPES) == set(ThingKind) - {ThingKind.TENANT}


@pytest.mark.parametrize(
    "text",
    [
        "agent:a assigned-to ticket:t",
        "team:x assigned-to ticket:t",
        "ticket:t concerns tool:s",
        "dataset:d part-of resource:r",
        "agent:a acts-for person:p",
    ],
)
def test_what_goes_together_goes_one_way_only(text: str) -> None:
    """The other way round would lead from a ticket to agents."""
    one = edge(text)

    assert may_join(one.subject, one.relation, one.object)
    if one.subject.kind is ThingKind.DATASET:
        return
    assert not may_join(one.object, one.relation, one.subject)


def test_only_part_of_leads_from_a_kind_back_to_it() -> None:
    """So that looking for circles along it alone is enough."""
    pairs = {
        pair
        for relation, each in JOINS.items()
        if relation is not Relation.PART_OF
        for pair in each
    }
    above = {kind: {o for s, o in pairs if s is kind} for kind in ThingKind}
    reached = dict(above)
    for _ in ThingKind:
        reached = {k: v | {o for each in v for o in above[each]} for k, v in reached.items()}

    assert all(kind not in found for kind, found in reached.items())


@pytest.mark.parametrize(
    ("subject", "object_", "crosses"),
    [
        (ref("agent:a"), ref("team:x"), False),
        (ref("agent:a"), ref("team:/x"), False),
        (ref("team:/x"), ref("team:/y"), False),
        (ref("team:/x"), ref("ticket:t"), True),
        (ref("agent:a"), ref("ticket:t", "globex"), True),
    ],
)
def test_nothing_leads_into_another_tenant(subject: object, object_: object, crosses: bool) -> None:  # noqa: FBT001  # a table
    """A shared team has members of every tenant, so it reaches into none."""
    assert crosses_tenants(subject, object_) is crosses  # type: ignore[arg-type]  # a table's


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("agent:a", "suspended"),
        ("agent:a", "retired"),
        ("person:p", "gone"),
        ("ticket:t", "closed"),
        ("dataset:d", "retired"),
        ("dataset:d", "whatever"),
        ("dataset:d", ""),
    ],
)
def test_only_the_one_word_stands(text: str, status: str) -> None:
    """Whatever else a status says, it is no yes."""
    assert stands_by_itself(thing(text))
    assert not stands_by_itself(thing(text, status=status))


def test_what_is_held_does_not_stand() -> None:
    """Whatever its status says."""
    held = Hold("odd", "operator:alice", 1)

    assert not stands_by_itself(thing("agent:a", hold=held))
    assert not stands_by_itself(thing("team:x", hold=held))
