"""Secrets in the names of files: whoever may list a folder, or reads a log, knows them."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from broker.scanning.coverage import Coverage
from broker.scanning.engine import Engine
from broker.scanning.judging import judged
from broker.scanning.match import Match
from broker.scanning.surfaces import Strength, Surface

NAME: Final = Surface("name", Strength.SILENT)

_TOGETHER: Final = 256 * 1024
"""Bytes of names that are looked at together: one by one each would cost as much as a file."""

T = TypeVar("T")


class Names(Generic[T]):
    """Collects names, each with what it is the name of, and looks through many at a time."""

    def __init__(self, engine: Engine, coverage: Coverage) -> None:
        self._engine = engine
        self._coverage = coverage
        self._begins: list[int] = []
        self._things: list[T] = []
        self._text = bytearray()
        self._told: set[str] = set()

    def add(self, name: str, thing: T) -> Iterator[tuple[T, Match]]:
        """Take a name; yield what was found, when it is time to look."""
        self._begins.append(len(self._text))
        self._things.append(thing)
        self._text += name.encode("utf-8", "surrogateescape").replace(b"\n", b" ") + b"\n"
        if len(self._text) > _TOGETHER:
            yield from self.rest()

    def rest(self) -> Iterator[tuple[T, Match]]:
        """Yield what is in the names that nobody has looked through yet; each secret once."""
        text = bytes(self._text)
        begins, things = self._begins, self._things
        self._begins, self._things, self._text = [], [], bytearray()
        for match in self._matches(text):
            if match.secret.reveal() not in self._told:
                self._told.add(match.secret.reveal())
                yield things[bisect_right(begins, match.start) - 1], match

    def _matches(self, text: bytes) -> list[Match]:
        try:
            return judged(self._engine.matches(text, "names"), NAME, text) if text else []
        except (TimeoutError, RuntimeError, ValueError) as error:  # never what it was about
            why = f"cannot be looked through ({type(error).__name__})"
            self._coverage.trouble("names of files", why)
            return []
