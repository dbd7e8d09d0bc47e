"""How old findings of a folder are, and whose: by the line's commit, CODEOWNERS, the file."""

import os
import pwd
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from broker.scanning.codeowners import CodeOwners
from broker.scanning.finding import Finding, Origin
from broker.scanning.git_history import Commit
from broker.scanning.git_lines import Lines

_LONGEST_LINE = 64 * 1024


class Origins:
    """Tells of files below one root."""

    def __init__(self, root: str, owners: CodeOwners, lines: Lines | None) -> None:
        self._root = root
        self._owners = owners
        self._lines = lines

    def of_file(self, file: str, findings: list[Finding]) -> list[Finding]:
        """Give the findings of one file their origins."""
        name = os.path.relpath(os.path.realpath(file), self._root)
        own = _of_status(file)
        owners = self._owners.of_file(name)
        authors: dict[int, Commit] = {}
        if self._lines is not None:
            authors = self._lines.authors(name, dict(_lines(file, {f.line for f in findings})))
        return [
            replace(each, origin=_merged(own, owners, authors.get(each.line))) for each in findings
        ]


def of_commit(commit: Commit, owners: str) -> Origin:
    """Return the origin of what a commit brought."""
    return _merged(Origin(), owners, commit)


def _merged(own: Origin, owners: str, commit: Commit | None) -> Origin:
    found = own
    if commit is not None:
        found = Origin(commit.at_s, "commit", commit.author, "commit")
    if owners:
        found = replace(found, owner=owners, owner_by="CODEOWNERS")
    return found


def _of_status(file: str) -> Origin:
    try:
        status = os.lstat(file)
    except OSError:
        return Origin()
    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = str(status.st_uid)
    return Origin(int(status.st_mtime), "file", owner, "file")


def _lines(file: str, wanted: set[int]) -> Iterator[tuple[int, bytes]]:
    """Yield some lines of a file, without the ones that are too long to be anybody's."""
    try:
        with Path(file).open("rb") as opened:
            for number, line in enumerate(islice(opened, max(wanted)), 1):
                if number in wanted and len(line) < _LONGEST_LINE:
                    yield number, line.rstrip(b"\r\n")
    except OSError:
        return
