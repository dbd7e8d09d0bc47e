"""Looking for words in a stream, so that none passes whole, and no byte waits without need."""

from collections.abc import Iterable
from typing import Final

MOST_WORDS: Final = 512
"""A run has some spellings of each token that it was given; older tokens are dead by then."""


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
        self.has_found = False
        """Whether any word was there so far."""

    def feed(self, piece: bytes) -> bytes:
        """Return what may pass."""
        data = self._masked(self._held + piece if self._held else piece)
        waits = max((_begun(data, needle) for needle in self._words.needles), default=0)
        self._held = data[len(data) - waits :]
        return data[: len(data) - waits]

    def flush(self) -> bytes:
        """Return what has waited, at the end of the stream."""
        held, self._held = self._held, b""
        return held

    def _masked(self, data: bytes) -> bytes:
        for needle in self._words.needles:
            if needle in data:
                self.has_found = True
                data = data.replace(needle, b"*" * len(needle))
        return data

    def whole(self, text: str) -> str:
        """Mask a text that is all there."""
        return self._masked(text.encode("latin-1")).decode("latin-1")


def _begun(data: bytes, needle: bytes) -> int:
    """Return how many bytes at the end of the data are a beginning of the word."""
    at = data.find(needle[:1], max(0, len(data) - len(needle) + 1))
    while at >= 0:
        if needle.startswith(data[at:]):
            return len(data) - at
        at = data.find(needle[:1], at + 1)
    return 0
