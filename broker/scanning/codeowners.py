"""Who answers for a file, as CODEOWNERS says: the last pattern that fits wins."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

PLACES: Final = (".github/CODEOWNERS", ".gitlab/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
_LARGEST: Final = 3 * 1024 * 1024
"""GitHub reads no larger ones."""

_ANY_DEPTH: Final = "**"


class _Entry(NamedTuple):
    parts: tuple[str, ...]
    owners: str


class CodeOwners:
    """The patterns of one file."""

    def __init__(self, text: str) -> None:
        self._entries = tuple(_entries(text))

    @classmethod
    def of(cls, root: Path) -> "CodeOwners":
        """Read the file of a repository; without one nobody answers for anything."""
        for place in PLACES:
            file = root / place
            try:
                if file.is_file() and not file.is_symlink():
                    with file.open("rb") as opened:
                        return cls(opened.read(_LARGEST).decode("utf-8", "replace"))
            except OSError:
                continue
        return cls("")

    def of_file(self, path: str) -> str:
        """Return the owners of a file, as they are written; empty when nobody is named."""
        parts = tuple(path.split("/"))
        fitting = (entry.owners for entry in reversed(self._entries) if _fits(entry.parts, parts))
        return next(fitting, "")


def _entries(text: str) -> Iterator[_Entry]:
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words and not words[0].startswith(("[", "^[", "!")):  # sections of GitLab; no negation
            yield _Entry(_parts(words[0]), " ".join(words[1:]))


def _parts(pattern: str) -> tuple[str, ...]:
    """Cut a pattern: one without a slash fits at any depth, and all below it, as in .gitignore."""
    is_rooted = "/" in pattern.rstrip("/")
    parts = pattern.strip("/").split("/")
    return (*(() if is_rooted else (_ANY_DEPTH,)), *parts, *_below(pattern, parts[-1]))


def _below(pattern: str, last: str) -> tuple[str, ...]:
    if pattern.endswith("/"):
        return ("*", _ANY_DEPTH)
    return () if last in {"*", _ANY_DEPTH} and "/" in pattern else (_ANY_DEPTH,)


def _fits(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Tell whether a path fits. All ways are followed at once: no pattern makes it slow."""
    reached = {0}
    for part in pattern:
        if part == _ANY_DEPTH:
            reached = set(range(min(reached), len(path) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(path) and fnmatchcase(path[at], part)}
        if not reached:
            return False
    return len(path) in reached
