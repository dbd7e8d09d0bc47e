"""Small changes to something valid: of bytes, of text, of base64url. For Hypothesis.

What is drawn at random is refused at once and shows little; what is nearly right shows how a reader
reads.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from hypothesis import strategies as st

Bent = TypeVar("Bent", str, bytes)
_Change = tuple[str, int, int, int]

_KINDS: Final = ("set", "insert", "delete", "double", "swap", "cut", "nothing")

_CHANGE: Final = st.tuples(
    st.sampled_from(_KINDS),
    st.integers(min_value=0, max_value=4_000),
    st.integers(min_value=1, max_value=12),
    st.integers(min_value=0, max_value=255),
)


def bent(valid: Bent, alphabet: Sequence[Bent], *, most: int = 2) -> st.SearchStrategy[Bent]:
    """Draw what becomes of something valid by a few changes; ``alphabet`` is what is put in."""
    changes = st.lists(_CHANGE, min_size=1, max_size=most)
    return changes.map(lambda drawn: _changed(valid, alphabet, drawn))


def _changed(value: Bent, alphabet: Sequence[Bent], changes: Sequence[_Change]) -> Bent:
    for kind, at, length, which in changes:
        place = at % (len(value) + 1)
        head, part, tail = value[:place], value[place : place + length], value[place + length :]
        piece = alphabet[which % len(alphabet)]
        value = {
            "set": head + piece + value[place + 1 :],
            "insert": head + piece + value[place:],
            "delete": head + tail,
            "double": head + part + part + tail,
            "swap": head + tail[:length] + part + tail[length:],
            "cut": head,
            "nothing": value,
        }[kind]
    return value


JSON_PIECES: Final = (
    *(b" ", b"\n", b",", b":", b"{", b"}", b"[", b"]", b'"', b"\\", b"\\u0061", b"\\/", b"0", b"1"),
    *(b"9", b"-", b"+", b".", b"e", b"E1", b"true", b"null", b"NaN", b"\x00", b"\xff", b"\xc3\xa9"),
    *(b'"sub":"x",', b',"exp":1', b',"aud":"x"', b"/**/", b"\xef\xbb\xbf", b"\xed\xa0\x80"),
)
"""What changes the meaning of a JSON text, or only its look."""


def _with_pad(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def _spare_bits(text: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]


SPELLINGS: Final[tuple[Callable[[str], str], ...]] = (
    lambda text: text,
    _with_pad,
    lambda text: text + "=",
    _spare_bits,
    lambda text: text.replace("-", "+").replace("_", "/"),
    lambda text: text + "\n",
    lambda text: " " + text,
    lambda text: text[:8] + "\r\n" + text[8:],
    lambda text: text + "A",
    lambda text: text.swapcase(),
    lambda text: text.replace("A", "%41"),
    lambda _: "",
)
"""Other ways to write a segment, some of which some reader takes."""


def respelt(token: str) -> st.SearchStrategy[str]:
    """Draw a token of the same segments, one or two of them written in another way."""
    way = st.sampled_from([SPELLINGS[0]] * len(SPELLINGS) + list(SPELLINGS))
    ways = st.tuples(way, way, way)
    orders = st.sampled_from([(0, 1, 2)] * 6 + [(1, 0, 2), (0, 2, 1), (0, 1), (0, 1, 2, 2)])

    def write(drawn: tuple[tuple[Callable[[str], str], ...], tuple[int, ...]]) -> str:
        chosen, order = drawn
        parts = [way(part) for way, part in zip(chosen, token.split("."), strict=True)]
        return ".".join(parts[number] for number in order)

    return st.tuples(ways, orders).map(write)
