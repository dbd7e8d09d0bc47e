"""A mapping that shares what did not change."""

from hypothesis import given
from hypothesis import strategies as st

from broker.facts.shards import Shards

ENTRIES = st.dictionaries(st.integers(0, 5_000), st.integers())


@given(ENTRIES, st.dictionaries(st.integers(0, 5_000), st.none() | st.integers()))
def test_it_is_a_dictionary_that_is_never_changed(
    entries: dict[int, int], changes: dict[int, int | None]
) -> None:
    """What a dictionary would have, before and after."""
    before = Shards(entries.items())
    after = before.updated(changes)
    expected = {k: v for k, v in {**entries, **changes}.items() if v is not None}

    assert dict(before.items()) == entries
    assert dict(after.items()) == expected
    assert (len(before), len(after)) == (len(entries), len(expected))
    assert sorted(after.values()) == sorted(expected.values())
    assert all(
        (key in after, after.get(key)) == (key in expected, expected.get(key)) for key in changes
    )
