from hypothesis import given
from hypothesis import strategies as st

from broker.proxy.watching import Watch

WORDS = (b"abcab", b"bca")


@given(st.lists(st.text("abc", max_size=6).map(str.encode), max_size=12))
def test_masking_does_not_depend_on_where_pieces_end(pieces: list[bytes]) -> None:
    """No word passes whole, nothing is lost, and nothing else is changed."""
    watch = Watch(WORDS[:1])

    passed = b"".join(map(watch.feed, pieces)) + watch.flush()

    assert passed == b"".join(pieces).replace(WORDS[0], b"*" * 5)
    assert watch.has_found is (WORDS[0] in b"".join(pieces))


@given(st.lists(st.text("abc", max_size=6).map(str.encode), max_size=12))
def test_no_word_of_several_passes(pieces: list[bytes]) -> None:
    """Although one is a part of another."""
    watch = Watch(WORDS)

    passed = b"".join(map(watch.feed, pieces)) + watch.flush()

    assert len(passed) == len(b"".join(pieces))
    assert not any(word in passed for word in WORDS)
