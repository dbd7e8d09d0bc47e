"""What somebody else has written is shown so that nothing in it is hidden."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.visible import visible


@pytest.mark.parametrize(
    "text",
    ["", "refund of one ticket", "Müller & Söhne", "возврат", "払い戻し", "カードの払い戻し"],
)
def test_what_is_what_it_looks_like_is_left(text: str) -> None:
    """In whatever script it is written."""
    assert visible(text) == (text, ())


@pytest.mark.parametrize(
    ("text", "shown", "mark"),
    [
        ("a\x1b[2Jb", "a\\u{001B}[2Jb", "control"),
        ("yes\nno", "yes\\u{000A}no", "control"),
        ("pay \u202eriaf", "pay \\u{202E}riaf", "bidirectional"),
        ("\u2066x\u2069", "\\u{2066}x\\u{2069}", "bidirectional"),
        ("a\u200bb", "a\\u{200B}b", "invisible"),
        ("\U000e0041", "\\u{E0041}", "invisible"),
        ("\u3164", "\\u{3164}", "invisible"),
        ("a\u0336b", "a\\u{0336}b", "mark"),
        ("a\u00a0b", "a\\u{00A0}b", "space"),
        ("p\u0430ypal", "p\\u{0430}ypal", "look-alike"),
        ("\u0440\u0430\u0443", "\\u{0440}\\u{0430}\\u{0443}", "look-alike"),
        ("\uff41dmin", "\\u{FF41}dmin", "look-alike"),
        ("\U0001d41adm", "\\u{1D41A}dm", "look-alike"),
    ],
)
def test_what_is_not_is_written_out(text: str, shown: str, mark: str) -> None:
    """And it is said what was found."""
    assert visible(text) == (shown, (mark,))


def test_nobody_writes_an_escape_himself() -> None:
    """A backslash is doubled."""
    assert visible("\\u{202E}").shown == "\\\\u{202E}"


@given(st.text(max_size=60))
def test_whatever_it_is_the_result_is_one_printable_line(text: str) -> None:
    """No control, no format, no separator comes through."""
    shown = visible(text).shown

    assert "\n" not in shown
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not {unicodedata.category(character) for character in shown} & hidden


@given(st.text(max_size=30), st.text(max_size=30))
def test_two_texts_are_never_shown_alike(one: str, other: str) -> None:
    """What is read is what was written."""
    assert (visible(one).shown == visible(other).shown) is (one == other)
