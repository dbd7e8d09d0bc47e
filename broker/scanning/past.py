"""Looking through a repository's history: what was committed once is known to all who cloned it."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from broker.scanning.codeowners import CodeOwners
from broker.scanning.coverage import Coverage
from broker.scanning.engine import Engine
from broker.scanning.finding import Finding
from broker.scanning.git_blobs import Blob, Blobs, blobs
from broker.scanning.git_history import Commit, Version, versions
from broker.scanning.git_process import GitFailedError, Repository
from broker.scanning.looking import look_through
from broker.scanning.making import made
from broker.scanning.match import Match
from broker.scanning.names import NAME, Names
from broker.scanning.origins import of_commit
from broker.scanning.reading import NotTextError
from broker.scanning.seen import Seen
from broker.scanning.surfaces import Strength, Surface
from broker.scanning.trees import Counting, Telling, gathered
from broker.scanning.watching import Watcher

Naming: TypeAlias = Callable[[str], str]
"""How a path of the repository is called in findings; empty when nobody asks for it."""

MESSAGE: Final = Surface("message", Strength.CONFIG)
_ITS_NAME: Final = "commit message"

VERSIONS: Final = "versions"


class Past:
    """Reads versions, and notes what it could not read."""

    def __init__(self, engine: Engine, coverage: Coverage, watcher: Watcher, seen: Seen) -> None:
        self._engine = engine
        self._coverage = coverage
        self._watcher = watcher
        self._seen = seen

    def findings(
        self, repository: Repository, owners: CodeOwners, naming: Naming
    ) -> Iterator[list[Finding]]:
        """Yield what commits say and what each version of a file holds, by who brought it first."""
        names: Names[_Called] = Names(self._engine, self._coverage)
        try:
            with blobs(repository) as source:
                for each in versions(repository):
                    if isinstance(each, Commit):
                        yield self._of_message(each, naming(_ITS_NAME))
                    elif name := naming(each.path):
                        called = _Called(each, name, owners.of_file(each.path))
                        yield called.owned(self._of_version(called, source))
                        yield from _of_names(names.add(each.path, called))
                yield from _of_names(names.rest())
        except GitFailedError as error:
            self._coverage.trouble("history", str(error))

    def _of_message(self, commit: Commit, name: str) -> list[Finding]:
        """Return what a commit's author and message hold."""
        if not name:
            return []
        self._coverage.read["commits"] += 1
        text = f"{commit.author}\n{commit.message}".encode("utf-8", "surrogateescape")
        try:
            matches = list(look_through(io.BytesIO(text), name, MESSAGE, self._engine))
        except (NotTextError, TimeoutError, RuntimeError, ValueError) as error:
            self._coverage.trouble(name, f"cannot be looked through ({type(error).__name__})")
            return []
        made_of = (made(match, name, MESSAGE.name, commit.id) for match in matches)
        return [
            replace(each, line=max(each.line - 1, 0), origin=of_commit(commit, ""))
            for each in made_of
        ]

    def _of_version(self, called: "_Called", source: Blobs) -> list[Finding]:
        if (size := self._seen.size(called.version.blob, called.name)) is not None:
            Telling(self._watcher, VERSIONS, size).end()
            self._coverage.left_out["versions read as files"] += 1
            return []
        with source.opened(called.version.blob) as blob:
            if blob is None:
                self._coverage.trouble(called.name, "an object of it is missing")
                return []
            told = Telling(self._watcher, VERSIONS, blob.size)
            try:
                return self._of_blob(blob, called, told)
            finally:
                told.end()

    def _of_blob(self, blob: Blob, called: "_Called", told: Telling) -> list[Finding]:
        try:
            found = gathered(
                Counting(blob, told),
                called.version.path,
                called.name,
                self._engine,
                coverage=self._coverage,
                commit=called.version.commit.id,
            )
        except NotTextError:
            self._coverage.left_out["binary versions"] += 1
            return []
        self._coverage.read["versions"] += 1
        self._coverage.read["bytes"] += blob.size
        return found


@dataclass(frozen=True, slots=True)
class _Called:
    """A version, what it is called here, and who owns files of that path."""

    version: Version
    name: str
    owners: str

    def owned(self, findings: list[Finding]) -> list[Finding]:
        origin = of_commit(self.version.commit, self.owners)
        return [replace(each, origin=origin) for each in findings]


def _of_names(found: Iterator[tuple[_Called, Match]]) -> Iterator[list[Finding]]:
    for called, match in found:
        commit = called.version.commit.id
        yield called.owned([made(replace(match, line=0), called.name, NAME.name, commit)])


def count(repository: Repository, naming: Naming, watcher: Watcher) -> None:
    """Tell a watcher how many versions there are, and how large: without looking into them.

    Raises:
        GitFailedError: Git fails on the way.
    """
    with blobs(repository, "--batch-check") as source:
        for each in versions(repository):
            if isinstance(each, Version) and naming(each.path):
                watcher.ahead(VERSIONS, 1, source.size(each.blob))
