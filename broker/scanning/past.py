"""Looking through a repository's history: what was committed once is known to all who cloned it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

from broker.scanning.codeowners import CodeOwners
from broker.scanning.coverage import Coverage
from broker.scanning.engine import Engine
from broker.scanning.finding import Finding
from broker.scanning.git_blobs import Blob, Blobs, blobs
from broker.scanning.git_history import Version, versions
from broker.scanning.git_process import GitFailedError, Repository
from broker.scanning.origins import of_commit
from broker.scanning.reading import NotTextError
from broker.scanning.trees import gathered

Naming: TypeAlias = Callable[[str], str]
"""How a path of the repository is called in findings; empty when nobody asks for it."""


class Past:
    """Reads versions, and notes what it could not read."""

    def __init__(self, engine: Engine, coverage: Coverage, done: Callable[[], None]) -> None:
        self._engine = engine
        self._coverage = coverage
        self._done = done

    def findings(
        self, repository: Repository, owners: CodeOwners, naming: Naming
    ) -> Iterator[list[Finding]]:
        """Yield what each version of a file holds, with the commit that brought it first."""
        try:
            with blobs(repository) as source:
                for version in versions(repository):
                    if name := naming(version.path):
                        found = self._of_version(version, source, name)
                        origin = of_commit(version.commit, owners.of_file(version.path))
                        yield [replace(each, origin=origin) for each in found]
                    self._done()
        except GitFailedError as error:
            self._coverage.trouble("history", str(error))

    def _of_version(self, version: Version, source: Blobs, name: str) -> list[Finding]:
        with source.opened(version.blob) as blob:
            if blob is None:
                self._coverage.trouble(name, "an object of it is missing")
                return []
            return self._of_blob(blob, version, name)

    def _of_blob(self, blob: Blob, version: Version, name: str) -> list[Finding]:
        try:
            found = gathered(
                blob,
                version.path,
                name,
                self._engine,
                coverage=self._coverage,
                commit=version.commit.id,
            )
        except NotTextError:
            self._coverage.left_out["binary versions"] += 1
            return []
        self._coverage.read["versions"] += 1
        self._coverage.read["bytes"] += blob.size
        return found
