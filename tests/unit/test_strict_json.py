import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import strict_json
from broker.errors import InvalidRequestError

LIMIT = 64 * 1024


def refusal_of(data: bytes) -> str:
    """Return the message with which a text is refused."""
    with pytest.raises(InvalidRequestError) as caught:
        strict_json.loads(data, max_bytes=LIMIT, field="body")
    assert caught.value.field == "body"
    return str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":2}',
        b'[{"x":{"b":1,"b":1}}]',
    ],
)
def test_b17_duplicate_names_are_refused(data: bytes) -> None:
    """Equal names are refused at any depth, however they are spelled: parsers differ about them."""
    assert "repeats a name" in refusal_of(data)


@pytest.mark.parametrize("data", [b"NaN", b"[Infinity]", b'{"a":-Infinity}'])
def test_b17_names_of_no_number_are_refused(data: bytes) -> None:
    """NaN and the infinities are not JSON."""
    assert "NaN" in refusal_of(data)


@pytest.mark.parametrize("data", [b"1e999", b"-1e999", b"[1" + b"0" * 400 + b".0]"])
def test_numbers_that_overflow_to_infinity_are_refused(data: bytes) -> None:
    """A number that a float cannot hold is refused, not rounded to infinity."""
    assert "too large" in refusal_of(data)


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63)])
def test_integers_of_64_bits_are_read_exactly(value: int) -> None:
    """The outermost integers come out as they went in."""
    assert strict_json.loads(str(value).encode(), max_bytes=LIMIT) == value


@pytest.mark.parametrize("value", [str(2**63), str(-(2**63) - 1), "1" * 25, "9" * 4000])
def test_integers_beyond_64_bits_are_refused(value: str) -> None:
    """No integer becomes a float, and no time is spent on long ones."""
    assert "64 bits" in refusal_of(value.encode())


@pytest.mark.parametrize(
    "data",
    [
        json.dumps({"a": 1}).encode("utf-16"),
        json.dumps({"a": 1}).encode("utf-16-le"),
        json.dumps({"a": 1}).encode("utf-32"),
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xc0\xaf"}',
    ],
)
def test_only_utf8_is_read(data: bytes) -> None:
    """Other encodings, overlong forms and encoded surrogates are refused."""
    refusal_of(data)


def test_a_byte_order_mark_is_refused() -> None:
    """A mark before the text is refused with words that say so."""
    assert "byte order mark" in refusal_of(b"\xef\xbb\xbf{}")


@pytest.mark.parametrize(
    "data", [b'"\\ud800"', b'["\\udc00x"]', b'{"\\ud800":1}', b'{"a":"\\uDfFf"}']
)
def test_f17_lone_surrogates_are_refused(data: bytes) -> None:
    """An escape that is half a character is refused, in values and in names."""
    assert "stands alone" in refusal_of(data)


def test_a_pair_of_surrogates_is_one_character() -> None:
    """Escaped astral characters are well-formed JSON."""
    assert strict_json.loads(b'"\\ud83d\\ude00"', max_bytes=LIMIT) == "\U0001f600"


@pytest.mark.parametrize("levels", [15, 16])
def test_nesting_up_to_the_bound_is_read(levels: int) -> None:
    """Sixteen levels are read."""
    assert strict_json.loads(b"[" * levels + b"]" * levels, max_bytes=LIMIT) is not None


@pytest.mark.parametrize("levels", [17, 2000])
def test_nesting_beyond_the_bound_is_refused(levels: int) -> None:
    """Seventeen levels and many more are refused, before a parser recurses."""
    assert "nested" in refusal_of(b"[" * levels + b"]" * levels)
    assert "nested" in refusal_of(b'{"a":' * levels + b"1" + b"}" * levels)


def test_brackets_inside_strings_do_not_nest() -> None:
    """Only structure counts towards the depth."""
    text = "[{" * 200 + '\\"' * 3
    data = json.dumps([text, text]).encode()
    assert strict_json.loads(data, max_bytes=LIMIT) == [text, text]


def test_many_escaped_quotes_in_an_open_string_cost_no_quadratic_time() -> None:
    """The depth scan passes a hostile text once (a quadratic scan would run into the timeout)."""
    data = b"[" * 16 + b"{" + b'"' + b'\\"' * 400_000
    with pytest.raises(InvalidRequestError):
        strict_json.loads(data, max_bytes=len(data))


@pytest.mark.parametrize(("size", "is_read"), [(9, True), (10, True), (11, False)])
def test_the_size_is_bounded_by_the_caller(size: int, *, is_read: bool) -> None:
    """Just under and at the bound are read, just above is not."""
    data = b'"' + b"x" * (size - 2) + b'"'
    if is_read:
        assert strict_json.loads(data, max_bytes=10) == "x" * (size - 2)
    else:
        with pytest.raises(InvalidRequestError, match="at most 10"):
            strict_json.loads(data, max_bytes=10)


@pytest.mark.parametrize(
    "data", [b"", b" ", b"{}x", b"{'a':1}", b"[1,]", b"01", b'"\n"', b"\xc2\xa0{}", b"// {}", b"+1"]
)
def test_what_is_not_json_is_refused(data: bytes) -> None:
    """The usual leniencies are not taken."""
    assert "not JSON at line" in refusal_of(data)


def test_only_objects_pass_where_one_is_wanted() -> None:
    """``loads_object`` refuses other values and names the fix."""
    assert strict_json.loads_object(b'{"a":1}', max_bytes=LIMIT) == {"a": 1}
    with pytest.raises(InvalidRequestError, match="not a JSON object"):
        strict_json.loads_object(b"[]", max_bytes=LIMIT)


@pytest.mark.parametrize(
    "data",
    [b'{"canary7":1,"canary7":2}', b'{"a": canary7}', b"canary7\xff", b'["canary7\\ud800"]'],
)
def test_i13_an_error_keeps_nothing_of_the_input(data: bytes) -> None:
    """Neither the message nor the chain of causes holds what was sent."""
    with pytest.raises(InvalidRequestError) as caught:
        strict_json.loads(data, max_bytes=LIMIT)
    assert "canary7" not in str(caught.value)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(JSON, st.booleans())
def test_what_the_standard_library_writes_is_read_back(value: object, ascii_only: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    """Strictness refuses nothing that an honest writer writes."""
    data = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert strict_json.loads(data, max_bytes=100_000) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_as_the_standard_library_does_or_refused(data: bytes) -> None:
    """No input escapes with another error, and none is read differently."""
    try:
        value = strict_json.loads(data, max_bytes=LIMIT)
    except InvalidRequestError:
        return
    assert json.loads(data) == value
