"""Looking for words in a stream, so that none passes whole, and no byte waits without need."""

from collections.abc import Iterable
from typing import Final

MOST_WORDS: Final = 512
"""A run has some spellings of each token that it was given; older tokens are dead by then."""

_LITTLE: Final = 7
_PART: Final = 4
"""Little is the first fourth of a word, and no more than seven bytes: its kind, and no secret."""


class Words:
    """Words that may become more while streams are looked through for them; the oldest go first."""

    def __init__(self, *needles: bytes) -> None:
        self._known = dict.fromkeys(needles)
        self.needles = needles
        """All of them, the longest first."""

    def add(self, needles: Iterable[bytes]) -> None:
        """Look for these as well from now on."""
        new = [needle for needle in needles if needle not in self._known]
        if not new:
            return
        self._known |= dict.fromkeys(new)
        for oldest in list(self._known)[:-MOST_WORDS]:
            del self._known[oldest]
        self.needles = tuple(sorted(self._known, key=len, reverse=True))


NO_WORDS: Final = Words()


class Watch:
    """Masks words with as many ``*``; what may be the beginning of one waits for the next piece."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._held = b""
        self._passed = 0
        """So many bytes of what is held have passed already: they are kept to know a word by."""
        self.has_found = False
        """Whether any word was there so far."""

    @property
    def is_waiting(self) -> bool:
        """Tell whether something is held that has not passed."""
        return len(self._held) > self._passed

    def feed(self, piece: bytes) -> bytes:
        """Return what may pass."""
        data = self._masked(self._held + piece if self._held else piece)
        end = len(data) - max((_begun(data, each) for each in self._words.needles), default=0)
        safe = data[self._passed : end]
        self._held, self._passed = data[end:], max(0, self._passed - end)
        return safe

    def pause(self) -> bytes:
        """Return what may pass although it may be the beginning of a word: so little of it."""
        if any(_begun(self._held, each) > _little_of(each) for each in self._words.needles):
            return b""
        safe = self._held[self._passed :]
        self._passed = len(self._held)
        return safe

    def flush(self) -> bytes:
        """Return what has waited, at the end of the stream."""
        safe = self._held[self._passed :]
        self._held, self._passed = b"", 0
        return safe

    def _masked(self, data: bytes) -> bytes:
        for needle in self._words.needles:
            if needle in data:
                self.has_found = True
                data = data.replace(needle, b"*" * len(needle))
        return data

    def whole(self, text: str) -> str:
        """Mask a text that is all there."""
        return self._masked(text.encode("latin-1")).decode("latin-1")


def _little_of(word: bytes) -> int:
    return min(_LITTLE, len(word) // _PART)


def _begun(data: bytes, needle: bytes) -> int:
    """Return how many bytes at the end of the data are a beginning of the word."""
    at = data.find(needle[:1], max(0, len(data) - len(needle) + 1))
    while at >= 0:
        if needle.startswith(data[at:]):
            return len(data) - at
        at = data.find(needle[:1], at + 1)
    return 0
