from collections.abc import Callable

import pytest

from broker import text
from broker.errors import InvalidRequestError

INVISIBLE = {
    "NUL": "\x00",
    "newline": "\n",
    "delete": "\x7f",
    "C1 control": "\x85",
    "soft hyphen": "\xad",
    "combining grapheme joiner": "\u034f",
    "Hangul filler": "\u3164",
    "zero width space": "\u200b",
    "zero width joiner": "\u200d",
    "left-to-right mark": "\u200e",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "right-to-left override": "\u202e",
    "word joiner": "\u2060",
    "right-to-left isolate": "\u2067",
    "variation selector": "\ufe0f",
    "byte order mark": "\ufeff",
    "private use": "\ue000",
    "lone surrogate": "\ud800",
    "noncharacter": "\uffff",
    "tag letter": "\U000e0041",
    "supplementary variation selector": "\U000e0100",
}


@pytest.mark.parametrize("character", INVISIBLE.values(), ids=INVISIBLE.keys())
def test_f17_text_refuses_what_cannot_be_seen(character: str) -> None:
    """Controls, directions, joiners, fillers, tags and broken characters are all refused."""
    with pytest.raises(InvalidRequestError) as caught:
        text.parse_text(f"ab{character}c", field="reason", max_length=10)
    assert caught.value.field == "reason"
    assert f"U+{ord(character):04X} at character 2" in str(caught.value)


@pytest.mark.parametrize(
    "value", ["plain text.", "Überprüfung", "検証", "مراجعة", "done \U0001f600", "a b"]
)
def test_text_of_any_language_passes_unchanged(value: str) -> None:
    """What people write is taken as it is."""
    assert text.parse_text(value, field="reason", max_length=50) == value


def test_text_in_another_normal_form_is_refused() -> None:
    """A decomposed letter would make two names of one: it is refused, not mended."""
    with pytest.raises(InvalidRequestError, match="normal form C"):
        text.parse_text("Mu\u0308ller", field="reason", max_length=50)
    assert text.parse_text("Müller", field="reason", max_length=50) == "Müller"


@pytest.mark.parametrize("length", [511, 512])
def test_a_reason_up_to_512_characters_passes(length: int) -> None:
    """The bound itself passes."""
    assert text.parse_reason("ü" * length) == "ü" * length


@pytest.mark.parametrize("value", ["", "ü" * 513])
def test_an_empty_or_overlong_reason_is_refused(value: str) -> None:
    """Nothing, and one character too many, are refused."""
    with pytest.raises(InvalidRequestError) as caught:
        text.parse_reason(value)
    assert caught.value.field == "reason"


def test_empty_text_passes_only_where_it_may() -> None:
    """A caller can allow the empty text."""
    assert text.parse_text("", field="x", max_length=5, may_be_empty=True) == ""


@pytest.mark.parametrize(
    "value",
    [
        "a",
        "9",
        "invoice-bot",
        "system:serviceaccount:ns/sa",
        "https://orders.example/x",
        "a" * 128,
        "a@b._",
    ],
)
def test_names_pass(value: str) -> None:
    """Agent names, audiences and platform subjects are names."""
    assert text.parse_name(value, field="agent") == value


CYRILLIC_A, ARABIC_ONE = "\u0430", "\u0661"
HOSTILE_NAMES = [
    *["", "a" * 129, "-a", ".a", "/etc", ":a", "@a", "a b", "a\n", "a\x00", "a\u200b", "a\u2028"],
    *["a;b", "a'b", 'a"b', "a%2f", "a\\b", "a*", "a=b", "a,b", "a|b", "{a}", "a#b", "a?b"],
    *["ä", CYRILLIC_A, ARABIC_ONE],
]


@pytest.mark.parametrize("value", HOSTILE_NAMES)
def test_f18_other_names_are_refused(value: str) -> None:
    """Spaces, quotes, wildcards, look-alikes and controls make no name."""
    with pytest.raises(InvalidRequestError) as caught:
        text.parse_name(value, field="agent")
    assert caught.value.field == "agent"


@pytest.mark.parametrize("value", ["orders:read", "!", "a" * 128, "https://x/y?z=1", "~#[]"])
def test_scope_tokens_of_rfc_6749_pass(value: str) -> None:
    """Every printable ASCII character but space, quote and backslash may stand in a scope."""
    assert text.parse_scope(value) == value


@pytest.mark.parametrize("value", ["", "a b", 'a"', "a\\", "a\n", "ä", "\x7f", "a" * 129])
def test_other_scopes_are_refused(value: str) -> None:
    """What would end or extend a scope list is no scope."""
    with pytest.raises(InvalidRequestError) as caught:
        text.parse_scope(value)
    assert caught.value.field == "scopes"


@pytest.mark.parametrize("value", ["a", "A.b_c:d-9", "x" * 128])
def test_idempotency_keys_pass(value: str) -> None:
    """Letters, digits and four marks, up to 128."""
    assert text.parse_idempotency_key(value) == value


@pytest.mark.parametrize("value", ["", "x" * 129, "a/b", "a b", "a\n", "é"])
def test_other_idempotency_keys_are_refused(value: str) -> None:
    """Anything else is refused under the header's name."""
    with pytest.raises(InvalidRequestError) as caught:
        text.parse_idempotency_key(value)
    assert caught.value.field == "Idempotency-Key"


@pytest.mark.parametrize(
    "parse",
    [
        lambda value: text.parse_name(value, field="f"),
        lambda value: text.parse_scope(value, field="f"),
        lambda value: text.parse_idempotency_key(value, field="f"),
        lambda value: text.parse_reason(value, field="f"),
    ],
)
def test_a_refusal_names_the_fix_and_never_the_value(parse: Callable[[str], str]) -> None:
    """Each message says what to send and echoes nothing."""
    with pytest.raises(InvalidRequestError, match=r"send|leave it out") as caught:
        parse("canary7\x00")
    assert "canary7" not in str(caught.value)
