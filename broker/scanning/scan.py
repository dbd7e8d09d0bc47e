"""One scan: every place that was asked for, in order, and what was found and read there."""

import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from broker.scanning.codeowners import CodeOwners
from broker.scanning.coverage import Coverage
from broker.scanning.engine import Engine
from broker.scanning.environment import of_environment
from broker.scanning.finding import Finding
from broker.scanning.git_blobs import blobs
from broker.scanning.git_lines import Lines
from broker.scanning.git_process import GitFailedError, Repository, repository
from broker.scanning.home import of_home
from broker.scanning.origins import Origins
from broker.scanning.past import Naming, Past, count
from broker.scanning.seen import Seen
from broker.scanning.trees import Trees
from broker.scanning.walking import Found, Walk
from broker.scanning.watching import NOBODY, Watcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be looked through."""

    roots: tuple[Path, ...] = ()
    excluded: tuple[str, ...] = ()
    """Patterns of paths that nobody looks at; ``*`` passes over slashes, too."""
    with_all: bool = False
    """Folders of other people's code, too."""
    with_history: bool = False
    home: Path | None = None
    environment: Mapping[str, str] | None = None

    def is_wanted(self, name: str) -> bool:
        """Tell whether a file or folder is to be looked at."""
        return not any(fnmatchcase(name, pattern) for pattern in self.excluded)


class Scan:
    """Looks through what an order names."""

    def __init__(self, engine: Engine, order: Order, watcher: Watcher = NOBODY) -> None:
        self.coverage = Coverage()
        self._engine = engine
        self._order = order
        self._watcher = watcher
        self._walk = Walk(self.coverage, order.is_wanted, with_all=order.with_all)
        self._trees = Trees(engine, self.coverage, watcher)

    def findings(self) -> Generator[Finding, None, None]:
        """Yield what is found, place by place."""
        if self._watcher.is_there:
            self._count()
        for root in self._order.roots:
            yield from self._of_root(root, self._prefix(root))
        if self._order.home is not None:
            yield from self._of_home(self._order.home)
        if self._order.environment is not None:
            self.coverage.read["variables"] += len(self._order.environment)
            yield from of_environment(self._order.environment, self._engine)

    def _count(self) -> None:
        """Tell how much lies ahead: a walk that reads nothing, and an answer of Git's."""
        walk = Walk(Coverage(), self._order.is_wanted, with_all=self._order.with_all)
        for root in self._order.roots:
            for found in walk.files(root):
                self._watcher.ahead("files", 1, found.size)
            if self._order.with_history:
                self._count_history(root)

    def _count_history(self, root: Path) -> None:
        with suppress(GitFailedError), repository(_folder(root)) as found:  # told when it is read
            if found is not None:
                count(found, self._naming(root, found, ""), self._watcher)

    def _prefix(self, root: Path) -> str:
        """Return what comes before the names of a root: nothing, where there is only one."""
        if len(self._order.roots) == 1 or root.is_file():
            return ""
        return f"{os.fspath(root).rstrip('/')}/"

    def _of_root(self, root: Path, prefix: str) -> Iterator[Finding]:
        folder = _folder(root)
        try:
            with repository(folder) as found:
                if found is None:
                    yield from self._of_files(root, prefix, self._origins(folder, None))
                else:
                    yield from self._of_repository(root, prefix, found)
        except GitFailedError as error:
            # The files are there, whatever Git thinks of them; only whose they are is not known.
            self.coverage.trouble(f"{prefix or './'}.git", str(error))
            yield from self._of_files(root, prefix, self._origins(folder, None))

    def _of_repository(self, root: Path, prefix: str, found: Repository) -> Iterator[Finding]:
        owners = CodeOwners.of(Path(found.root))
        keys: set[bytes] = set()
        self._trees.seen = Seen(len(found.head) if self._order.with_history else 0)
        with blobs(found) as source:
            origins = Origins(found.root, owners, Lines(found, source))
            for finding in self._of_files(root, prefix, origins):
                keys.add(finding.key())
                yield finding
        if self._order.with_history:
            yield from self._of_history(found, owners, root, prefix, keys)

    def _of_history(
        self, found: Repository, owners: CodeOwners, root: Path, prefix: str, keys: set[bytes]
    ) -> Iterator[Finding]:
        """Yield what is no longer as it was: what is still there was told with its file."""
        past = Past(self._engine, self.coverage, self._watcher, self._trees.seen)
        for findings in past.findings(found, owners, self._naming(root, found, prefix)):
            for finding in findings:
                if finding.key() not in keys:
                    keys.add(finding.key())
                    yield finding

    def _naming(self, root: Path, found: Repository, prefix: str) -> Naming:
        """Return how a path of the repository is called here: as the same file in the tree is."""
        start = os.path.relpath(os.path.realpath(root), os.path.realpath(found.root))
        below = "" if start == os.curdir else f"{start}/"

        def name(path: str) -> str:
            if path == start:  # the root is a file
                return f"{prefix}{root.name}"
            inner = path.removeprefix(below)
            is_here = path.startswith(below) and self._order.is_wanted(inner)
            return f"{prefix}{inner}" if is_here else ""

        return name

    def _of_files(self, root: Path, prefix: str, origins: Origins) -> Iterator[Finding]:
        for path, findings in self._trees.findings(root, self._walk, prefix):
            yield from origins.of_file(path, findings)

    def _of_home(self, home: Path) -> Iterator[Finding]:
        origins = self._origins(os.fspath(home), None)
        for file, name in of_home(home):
            found = self._trees.of_file(Found(os.fspath(file), name.removeprefix("~/")), name)
            yield from origins.of_file(os.fspath(file), found)

    @staticmethod
    def _origins(folder: str, lines: Lines | None) -> Origins:
        root = os.path.realpath(folder)
        return Origins(root, CodeOwners.of(Path(root)), lines)


def _folder(root: Path) -> str:
    return os.fspath(root if root.is_dir() else root.parent)
