import pytest

from broker.settings.plain_text import MAX_BYTES, UnreadableTextError, plain_text


def refused(raw: bytes) -> tuple[int, str]:
    """Return where and why a text is refused."""
    with pytest.raises(UnreadableTextError) as caught:
        plain_text(raw)
    assert caught.value.remedy
    return caught.value.line, str(caught.value)


def test_what_a_reviewer_sees_is_what_is_read() -> None:
    """Line ends of both kinds, tabs and letters of any script pass; a byte order mark goes."""
    assert plain_text("\ufeffa\r\n\tb: äあ — “x”\n".encode()) == "a\r\n\tb: äあ — “x”\n"
    assert plain_text(b"") == ""


@pytest.mark.parametrize(
    "hidden",
    ["\u202e", "\u200b", "\u2066", "\ufeff", "\u00ad", "\u2028", "\x0b", "\x1b", "\x85", "\u3164"],
)
def test_what_hides_from_a_reviewer_is_refused_with_its_line(hidden: str) -> None:
    """Turned directions, zero widths, odd line ends and terminal controls, in comments too."""
    line, message = refused(f"a: 1\n# b{hidden}c\n".encode())

    assert line == 2
    assert f"U+{ord(hidden):04X}" in message


@pytest.mark.parametrize(("size", "is_read"), [(MAX_BYTES, True), (MAX_BYTES + 1, False)])
def test_the_size_is_bounded(size: int, *, is_read: bool) -> None:
    """The bound itself is read, one byte more is not."""
    if is_read:
        assert len(plain_text(b" " * size)) == size
    else:
        assert refused(b" " * size) == (0, f"larger than {MAX_BYTES} bytes")


@pytest.mark.parametrize("raw", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", "a".encode("utf-16")])
def test_only_utf_8_is_read(raw: bytes) -> None:
    """Another encoding, an overlong form and a lone surrogate are no text."""
    assert refused(raw) == (0, "not UTF-8 text")
