"""Looking through the files of a folder."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from broker.scanning.coverage import Coverage, reason
from broker.scanning.engine import Engine
from broker.scanning.finding import Finding
from broker.scanning.looking import look_through
from broker.scanning.making import made
from broker.scanning.match import Match
from broker.scanning.names import NAME, Names
from broker.scanning.reading import ChangedError, NotTextError, Readable, opened
from broker.scanning.seen import Seen, Summing
from broker.scanning.surfaces import surface_of
from broker.scanning.walking import Found, Walk
from broker.scanning.watching import Watcher

_TRIES: Final = 3
"""How often a file that changes under us is read again."""

_MOST_OF_A_FILE: Final = 1_000
"""Findings of one file that are kept: whoever has more has one problem, not many."""


class Trees:
    """Reads files, and notes what it could not read."""

    def __init__(self, engine: Engine, coverage: Coverage, watcher: Watcher) -> None:
        self._engine = engine
        self._coverage = coverage
        self._watcher = watcher
        self.seen = Seen(0)
        """Where the history is to be read, too: what need not be read again."""

    def findings(self, root: Path, walk: Walk, prefix: str) -> Iterator[tuple[str, list[Finding]]]:
        """Yield what is in each file, or in its name, that has anything; with the file's path."""
        names: Names[Found] = Names(self._engine, self._coverage)
        for found in walk.files(root):
            here = self.of_file(found, f"{prefix}{found.name}")
            if here:
                yield found.path, here
            for other, match in names.add(found.name, found):
                yield other.path, [self._of_name(match, f"{prefix}{other.name}")]
        for other, match in names.rest():
            yield other.path, [self._of_name(match, f"{prefix}{other.name}")]

    @staticmethod
    def _of_name(match: Match, name: str) -> Finding:
        return made(replace(match, line=0), name, NAME.name)

    def of_file(self, found: Found, name: str) -> list[Finding]:
        """Return what counts in one file."""
        told = Telling(self._watcher, "files", found.size)
        try:
            return self._tried(found, name, told)
        finally:
            told.end()

    def _tried(self, found: Found, name: str, told: "Telling") -> list[Finding]:
        for _ in range(_TRIES):
            try:
                return self._read(found, name, told)
            except ChangedError:
                continue
            except NotTextError:
                self._coverage.left_out["binary files"] += 1
                return []
            except OSError as error:
                self._coverage.trouble(name, reason(error))
                return []
        self._coverage.trouble(name, f"changed each of the {_TRIES} times it was read")
        return []

    def _read(self, found: Found, name: str, told: "Telling") -> list[Finding]:
        with opened(found.path) as source:
            summing = self.seen.sum_of(found.size)
            counting = Counting(source, told, summing)
            # The name, not the path: where somebody keeps his checkouts says nothing of a file.
            findings = gathered(counting, found.name, name, self._engine, coverage=self._coverage)
        self._coverage.read["files"] += 1
        self._coverage.read["bytes"] += counting.bytes
        if summing is not None and counting.bytes == found.size:
            self.seen.add(summing, name, found.size)
        return findings


class Counting:
    """Counts what is read of a source, and tells it on the way: one file may be a gigabyte."""

    def __init__(self, source: Readable, told: "Telling", summing: Summing | None = None) -> None:
        self._source = source
        self._told = told
        self._summing = summing
        self.bytes = 0

    def read(self, size: int, /) -> bytes:
        """Read on."""
        part = self._source.read(size)
        self.bytes += len(part)
        self._told.read(len(part))
        if self._summing is not None:
            self._summing.update(part)
        return part


class Telling:
    """Tells a watcher how one thing is read: in all as much as was said of it before."""

    def __init__(self, watcher: Watcher, what: str, size: int) -> None:
        self._watcher = watcher
        self._what = what
        self._left = size

    def read(self, size: int) -> None:
        """Tell of bytes; none beyond those that were ahead, as of a file that is read again."""
        told = min(size, self._left)
        self._left -= told
        self._watcher.done(self._what, 0, told)

    def end(self) -> None:
        """Tell that nothing more comes of it: what was not read is left out."""
        self._watcher.done(self._what, 1, self._left)
        self._left = 0


def gathered(
    source: Readable,
    place: str,
    name: str,
    engine: Engine,
    *,
    coverage: Coverage,
    commit: str = "",
) -> list[Finding]:
    """Return what counts in one text; what takes too long, or is too much, is noted as not read.

    Raises:
        NotTextError: it is none.
    """
    surface = surface_of(place)
    findings: list[Finding] = []
    try:
        for match in look_through(source, place, surface, engine):
            findings.append(made(match, name, surface.name, commit))
            if len(findings) == _MOST_OF_A_FILE:
                coverage.trouble(name, f"holds more than {_MOST_OF_A_FILE} secrets")
                break
    except TimeoutError:
        coverage.trouble(name, "takes too long to look through")
    except (RuntimeError, ValueError) as error:  # the library's own; never the text that it read
        coverage.trouble(name, f"cannot be looked through ({type(error).__name__})")
    return findings
