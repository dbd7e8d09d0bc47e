"""I7: a child within its parent is one whose every set is the intersection with its parent's."""

from dataclasses import dataclass
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.attenuation import Rights, excesses, explained, within
from broker.ids import TaskId
from broker.model.bounds import UNBOUNDED, Bounds
from broker.model.capability import Ceiling

SCOPES: Final = ("list", "read", "write")
AUDIENCES: Final = ("https://a.example", "https://b.example")
MOST: Final = 4
"""Larger numbers than any that is asked for here stand for "unbounded"."""

Atom = tuple[str, object]

ceilings = st.dictionaries(
    st.sampled_from(("orders", "reports")),
    st.frozensets(st.sampled_from(SCOPES), min_size=1),
    min_size=1,
).map(lambda lines: tuple(Ceiling(name, scopes) for name, scopes in lines.items()))
bounds = st.builds(
    Bounds,
    audiences=st.none() | st.frozensets(st.sampled_from(AUDIENCES), min_size=1).map(tuple),
    levels=st.none() | st.integers(0, MOST),
    children=st.none() | st.integers(1, MOST),
    below=st.none() | st.integers(1, MOST),
)
words = st.frozensets(st.sampled_from(("A", "B", "C")))
wishes = st.builds(Rights, ceiling=ceilings, bounds=bounds, tickets=words, resources=words)


@dataclass(frozen=True)
class Node:
    """A task of a tree: what it was asked to be, and what it may come to."""

    rights: Rights
    above: "Node | None"

    @property
    def line(self) -> "list[Node]":
        """From the root to itself."""
        return [*(self.above.line if self.above else ()), self]


def atoms(rights: Rights, depth: int) -> frozenset[Atom]:
    """Everything that a task at a depth may come to, one by one: what the oracle compares."""
    numbers = rights.bounds
    audiences = AUDIENCES if numbers.audiences is None else numbers.audiences
    return frozenset(
        [("may", (line.capability, scope)) for line in rights.ceiling for scope in line.scopes]
        + [("at", audience) for audience in audiences]
        + [("ticket", name) for name in rights.tickets]
        + [("resource", name) for name in rights.resources]
        + [("level", depth + below) for below in range(1, _most(numbers.levels, depth) + 1)]
        + [("child", number) for number in range(_most(numbers.children))]
        + [("below", number) for number in range(_most(numbers.below))]
    )


def _most(number: int | None, depth: int = 0) -> int:
    return MOST + 10 - depth if number is None else number


def opened(asked: Rights, parent: Node | None) -> Node | None:
    """Open a task as the broker does: None where the parent is narrower."""
    if parent is None:
        return Node(asked, None)
    if any(excesses(asked, parent.rights)):
        return None
    made = Rights(
        asked.ceiling, within(asked.bounds, parent.rights.bounds), asked.tickets, asked.resources
    )
    return Node(made, parent)


@given(
    root=wishes,
    wanted=st.lists(st.tuples(st.integers(0, 50), wishes), max_size=25),
)
def test_the_right_of_every_node_is_what_it_shares_with_each_ancestor(
    root: Rights, wanted: list[tuple[int, Rights]]
) -> None:
    """In random trees: right of a node = the intersection of all rights on its path."""
    nodes = [Node(root, None)]
    for pick, asked in wanted:
        child = opened(asked, nodes[pick % len(nodes)])
        nodes += [child] if child else []

    for node in nodes:
        rights = [atoms(each.rights, depth) for depth, each in enumerate(node.line)]
        assert rights[-1] == frozenset.intersection(*rights)


@given(asked=wishes, parent=wishes)
def test_a_child_is_refused_exactly_when_the_intersection_is_less_than_it(
    asked: Rights, parent: Rights
) -> None:
    """Neither more is refused nor less: the oracle knows sets and nothing else."""
    stated = Rights(
        asked.ceiling, within(asked.bounds, parent.bounds), asked.tickets, asked.resources
    )
    mine, theirs = atoms(stated, 1), atoms(parent, 0)
    has_room = parent.bounds.levels != 0

    assert bool(list(excesses(asked, parent))) != (has_room and mine & theirs == mine)


@given(line=st.lists(wishes, min_size=1, max_size=5), asked=wishes)
def test_an_explanation_names_the_first_ancestor_that_was_narrower(
    line: list[Rights], asked: Rights
) -> None:
    """Each thing that is beyond the parent is told once, with the task at which it was lost."""
    ids = [TaskId(f"task-{at}") for at in range(len(line))]

    told = explained(asked, list(zip(ids, line, strict=True)))

    assert len(told) == len(list(excesses(asked, line[-1])))
    for text in told:
        assert text.rpartition(" ")[2] in ids


def test_the_explanation_says_what_the_parent_has_instead() -> None:
    """In words that an operator can act on, and with the ancestor that narrowed it."""
    wide = Rights((Ceiling("orders", frozenset(SCOPES)),), UNBOUNDED, frozenset("A"), frozenset())
    narrow = Rights((Ceiling("orders", frozenset({"read"})),), UNBOUNDED, frozenset(), frozenset())
    line = [(TaskId("root"), wide), (TaskId("middle"), narrow), (TaskId("leaf"), narrow)]

    told = explained(wide, line)

    assert told == (
        (
            "ceiling orders list write within the parent's: it has orders read; "
            "first narrowed at middle"
        ),
        "tickets A within the parent's: it has none; first narrowed at middle",
    )


def test_two_lines_of_a_parent_do_not_add_up_to_one() -> None:
    """A token with both scopes is more than two tokens with one each."""
    apart = tuple(Ceiling("orders", frozenset({scope})) for scope in ("read", "write"))
    parent = Rights(apart, UNBOUNDED, frozenset(), frozenset())
    both = Rights(
        (Ceiling("orders", frozenset({"read", "write"})),), UNBOUNDED, frozenset(), frozenset()
    )

    assert [each.dimension for each in excesses(both, parent)] == ["ceiling"]
    assert list(excesses(parent, parent)) == []


@pytest.mark.parametrize(
    ("capability", "scope"),
    [
        ("Orders", "read"),
        ("orders ", "read"),
        ("orders", "READ"),
        ("orders", "r\u0435ad"),
        ("orders/", "read"),
        ("orders", "read*"),
        ("orders", ""),
    ],
)
def test_what_only_looks_like_the_parents_is_not_its(capability: str, scope: str) -> None:
    """Names are compared as they are: no case, no letters that look alike, no patterns."""
    parent = Rights((Ceiling("orders", frozenset({"read"})),), UNBOUNDED, frozenset(), frozenset())
    asked = Rights((Ceiling(capability, frozenset({scope})),), UNBOUNDED, frozenset(), frozenset())

    assert [each.dimension for each in excesses(asked, parent)] == ["ceiling"]


def test_a_long_list_is_counted_and_not_written_out() -> None:
    """An explanation stays short whatever was asked for."""
    many = frozenset(f"T-{number:03}" for number in range(64))
    line = (Ceiling("orders", frozenset({"read"})),)
    parent = Rights(line, UNBOUNDED, frozenset(), frozenset())

    told = explained(Rights(line, UNBOUNDED, many, frozenset()), [(TaskId("root"), parent)])

    assert told[0].startswith("tickets T-000 T-001 T-002 T-003 T-004 T-005 T-006 T-007 and 56 more")
