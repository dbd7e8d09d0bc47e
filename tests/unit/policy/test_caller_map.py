import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import InvalidRequestError
from broker.policy.caller_map import MAX_ENTRIES, flatten

plain_keys = st.text(min_size=1).filter(lambda key: "=" not in key and not key.startswith("__"))
plain_maps = st.dictionaries(plain_keys, st.text(), max_size=5)


def test_a_map_becomes_texts() -> None:
    """Each entry is one text; booleans are written as policies write them."""
    assert flatten({"run": "7", "n": 3, "dry": True}, field="labels") == {
        "run=7",
        "n=3",
        "dry=true",
    }


@pytest.mark.parametrize("key", ["__entity", "__extn", "__expr", "__anything"])
@pytest.mark.parametrize("depth", range(6))
@pytest.mark.parametrize("is_in_list", [False, True])
def test_a_reserved_key_is_refused_at_every_depth(
    key: str, depth: int, *, is_in_list: bool
) -> None:
    """No caller can smuggle in what Cedar reads as an entity, however deep it lies."""
    value: object = {key: {"type": "Role", "id": "admin"}}
    for _ in range(depth):
        value = {"x": [value]} if is_in_list else {"x": value}

    with pytest.raises(InvalidRequestError, match="begins with") as caught:
        flatten(value, field="labels")

    assert caught.value.field == "labels"


def test_depth_does_not_exhaust_the_stack() -> None:
    """The search for reserved keys goes as deep as any caller nests."""
    value: object = {"__entity": {}}
    for _ in range(100_000):
        value = {"x": value}

    with pytest.raises(InvalidRequestError, match="begins with"):
        flatten(value, field="labels")


@pytest.mark.parametrize("value", [1.5, None, [], {}, ["a"], {"a": "b"}, b"x"])
def test_a_value_that_is_not_plain_is_refused(value: object) -> None:
    """Only texts, whole numbers and booleans are asserted."""
    with pytest.raises(InvalidRequestError, match="not a text"):
        flatten({"key": value}, field="labels")


@pytest.mark.parametrize("key", ["", "a=b", "=", 3])
def test_a_key_that_would_blur_into_its_value_is_refused(key: object) -> None:
    """``{"a=b": "c"}`` and ``{"a": "b=c"}`` would otherwise be the same to policy."""
    with pytest.raises(InvalidRequestError, match="rename"):
        flatten({key: "c"}, field="labels")


@pytest.mark.parametrize(("count", "is_taken"), [(MAX_ENTRIES, True), (MAX_ENTRIES + 1, False)])
def test_entries_are_bounded(count: int, *, is_taken: bool) -> None:
    """The bound itself is taken, one more is not."""
    entries = {str(number): "" for number in range(count)}

    if is_taken:
        assert len(flatten(entries, field="labels")) == count
    else:
        with pytest.raises(InvalidRequestError, match="send fewer"):
            flatten(entries, field="labels")


@given(plain_maps, plain_maps)
def test_no_two_maps_of_texts_look_the_same(one: dict[str, str], two: dict[str, str]) -> None:
    """Policy can tell any two sets of labels apart."""
    assert (flatten(one, field="f") == flatten(two, field="f")) is (one == two)
