import re

from hypothesis import given
from hypothesis import strategies as st

from broker.proxy.watching import MOST_WORDS, Watch, Words

WORDS = (b"abcab", b"bca")


@given(st.lists(st.text("abc", max_size=6).map(str.encode), max_size=12))
def test_masking_does_not_depend_on_where_pieces_end(pieces: list[bytes]) -> None:
    """No word passes whole, nothing is lost, and nothing else is changed."""
    watch = Watch(Words(WORDS[0]))

    passed = b"".join(map(watch.feed, pieces)) + watch.flush()

    assert passed == b"".join(pieces).replace(WORDS[0], b"*" * 5)
    assert watch.has_found is (WORDS[0] in b"".join(pieces))


@given(st.lists(st.text("abc", max_size=6).map(str.encode), max_size=12))
def test_no_word_of_several_passes(pieces: list[bytes]) -> None:
    """Although one is a part of another."""
    watch = Watch(Words(*WORDS))

    passed = b"".join(map(watch.feed, pieces)) + watch.flush()

    assert len(passed) == len(b"".join(pieces))
    assert not any(word in passed for word in WORDS)


@given(st.lists(st.text("sekr-", max_size=9).map(str.encode), max_size=12))
def test_a_pause_lets_little_of_a_word_pass_and_the_rest_is_masked(pieces: list[bytes]) -> None:
    """A fourth of it, wherever the pauses are; nothing is lost or comes twice."""
    word = b"seekrees"
    watch = Watch(Words(word))

    passed = b"".join(watch.feed(piece) + watch.pause() for piece in [*pieces, word])

    whole = b"".join([*pieces, word])
    assert len(passed) == len(whole)
    assert not watch.is_waiting
    found = [match.start() for match in re.finditer(word, whole)]
    hidden = {at for start in found for at in range(start + 2, start + len(word))}
    assert all(passed[at] == ord("*") for at in hidden)
    assert all(passed[at] in {whole[at], ord("*")} for at in range(len(whole)))


def test_what_says_more_of_a_word_waits_although_nothing_follows() -> None:
    """Until it is known what it is."""
    watch = Watch(Words(b"sixteen bytes is"))

    assert (watch.feed(b"xsixt"), watch.pause()) == (b"x", b"sixt")
    assert (watch.feed(b"e"), watch.pause(), watch.is_waiting) == (b"", b"", True)
    assert watch.feed(b"r!") == b"er!"


def test_a_word_that_is_added_is_looked_for_at_once() -> None:
    """Also in streams that began before."""
    words = Words()
    watch = Watch(words)

    before = watch.feed(b"secret ")
    words.add([b"secret"])

    assert (before, watch.feed(b"secret ")) == (b"secret ", b"****** ")


def test_words_are_bounded_and_the_oldest_go_first() -> None:
    """Memory is; the newest token is always looked for."""
    words = Words()

    for number in range(MOST_WORDS + 10):
        words.add([b"%04d" % number])

    assert len(words.needles) == MOST_WORDS
    assert b"0009" not in words.needles
    assert {b"0010", b"%04d" % (MOST_WORDS + 9)} <= set(words.needles)
