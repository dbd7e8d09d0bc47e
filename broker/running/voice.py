"""What a run says to whoever started it: little, once, and on standard error."""

import contextlib
from collections.abc import Callable


class Voice:
    """Says a thing once for as long as it lasts."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lasting: set[str] = set()

    def say(self, text: str) -> None:
        """Say it; that nobody listens any more is no reason to end the command."""
        with contextlib.suppress(OSError, ValueError):
            self._write(text)

    def begins(self, about: str, text: str) -> None:
        """Say that something has begun, unless it was said and has not ended since."""
        if about not in self._lasting:
            self._lasting.add(about)
            self.say(text)

    def ends(self, about: str, text: str) -> None:
        """Say that it has ended, if it was said that it has begun."""
        if about in self._lasting:
            self._lasting.remove(about)
            self.say(text)
