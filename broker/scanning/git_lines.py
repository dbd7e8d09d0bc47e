"""Who wrote a line, and when: `git blame` of the last commit, for lines that it has as they are."""

from collections.abc import Iterable, Mapping
from typing import Final

from broker.scanning.git_blobs import Blobs
from broker.scanning.git_history import Commit
from broker.scanning.git_process import GitFailedError, Repository

_LARGEST: Final = 16 * 1024 * 1024
"""Of larger files nobody asks who wrote a line: it takes too long."""


class Lines:
    """Asks about lines of the work tree."""

    def __init__(self, repository: Repository, blobs: Blobs) -> None:
        self._repository = repository
        self._blobs = blobs

    def authors(self, path: str, lines: Mapping[int, bytes]) -> dict[int, Commit]:
        """Return who wrote these lines (number, text) of a file, where the commit has them.

        What cannot be told is left out; it is no reason to fail.
        """
        try:
            committed = self._committed(path)
            numbers = {line: _number(committed, line, text) for line, text in lines.items()}
            found = {line: number for line, number in numbers.items() if number}
            blamed = self._blamed(path, found.values()) if found else {}
        except GitFailedError:
            return {}
        return {line: blamed[number] for line, number in found.items() if number in blamed}

    def _committed(self, path: str) -> list[bytes]:
        name = path.encode("utf-8", "surrogateescape")
        if not self._repository.head or b"\n" in name:
            return []
        with self._blobs.opened(self._repository.head.encode() + b":" + name) as blob:
            if blob is None or blob.size > _LARGEST:
                return []
            parts = []
            while part := blob.read(1024 * 1024):
                parts.append(part)
            return b"".join(parts).split(b"\n")

    def _blamed(self, path: str, numbers: Iterable[int]) -> dict[int, Commit]:
        ranges = [word for number in numbers for word in ("-L", f"{number},{number}")]
        words = (
            "blame",
            "--porcelain",
            "--no-textconv",
            *ranges,
            self._repository.head,
            "--",
            path,
        )
        return _read_blame(self._repository.run(*words))


def _number(committed: list[bytes], line: int, text: bytes) -> int:
    """Return the line's number in the commit: the same, or the only one of its text; else 0."""
    if line <= len(committed) and committed[line - 1].rstrip(b"\r") == text:
        return line
    same = [number for number, each in enumerate(committed, 1) if each.rstrip(b"\r") == text]
    return same[0] if len(same) == 1 else 0


def _read_blame(answer: bytes) -> dict[int, Commit]:
    """Read porcelain blame: a header for each line, facts of a commit where it is named first."""
    found: dict[int, str] = {}
    facts: dict[str, dict[bytes, bytes]] = {}
    current = ""
    is_header = True
    for line in answer.split(b"\n"):
        if line.startswith(b"\t"):
            is_header = True
        elif is_header and line:
            words = line.split(b" ")
            current, is_header = words[0].decode(), False
            found[int(words[2])] = current
            facts.setdefault(current, {})
        else:
            key, _, value = line.partition(b" ")
            facts.setdefault(current, {}).setdefault(key, value)
    return {number: _commit(name, facts[name]) for number, name in found.items()}


def _commit(name: str, facts: Mapping[bytes, bytes]) -> Commit:
    author = b" ".join((facts.get(b"author", b""), facts.get(b"author-mail", b"")))
    at = facts.get(b"author-time", b"0")
    return Commit(name, int(at), author.decode("utf-8", "replace").strip())
