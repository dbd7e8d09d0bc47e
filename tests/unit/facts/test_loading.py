"""A snapshot is built as what it was, quickly and with shared names."""

import gc

import pytest

from broker.facts.change import Change, DropThing, decode_changes, encode_changes
from broker.facts.loading import loaded
from tests.fakes.facts import ref, unrelate, world


def test_one_object_stands_for_each_name() -> None:
    """A million relationships would otherwise hold two million names."""
    read = decode_changes(encode_changes(world().changes()))

    tables = loaded(read)

    names = [r for edges in tables.above.values() for e in edges for r in (e.subject, e.object)]
    assert len({id(name) for name in names}) == len(set(names))


@pytest.mark.parametrize(
    "change", [DropThing(ref("ticket:T-1")), unrelate("agent:a member-of team:b")]
)
def test_what_takes_away_is_in_no_snapshot(change: Change) -> None:
    """It is damaged, or is none; and the collector runs again."""
    with pytest.raises(ValueError, match="in no snapshot"):
        loaded([*world().changes(), change])
    assert gc.isenabled()
