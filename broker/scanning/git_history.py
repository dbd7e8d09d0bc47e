"""Every version of every file that any ref of a repository reaches, each once, oldest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from broker.scanning.git_blobs import end
from broker.scanning.git_process import GitFailedError, Repository

_FORMAT: Final = "--format=tformat:%x02%H%x1f%at%x1f%an <%ae>%x1f%B"
_LOG: Final = (
    *("log", "--stdin", "--topo-order", "--reverse", "--root", "-m", "--raw", "-z", "--no-abbrev"),
    *(
        "--no-renames",
        "--no-textconv",
        "--no-ext-diff",
        "--no-show-signature",
        "--no-color",
        _FORMAT,
    ),
)
_FILE_MODES: Final = (b"100",)
"""What a regular file's mode begins with; links and submodules hold no text of their own."""

_PART: Final = 64 * 1024
_LONGEST: Final = 64 * 1024 * 1024
"""A path or an author of a hostile commit may be long; no part of the answer may fill memory."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Who wrote something, and when, by his own clock."""

    id: str
    at_s: int
    author: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """A file as a commit brought it."""

    blob: bytes
    path: str
    commit: Commit


def versions(repository: Repository) -> Iterator[Commit | Version]:
    """Yield every commit, and after it every version that it brings and none before it did.

    Raises:
        GitFailedError: Git fails on the way; what came before counts.
    """
    if not repository.tips:
        return
    process = repository.start(*_LOG)
    try:
        if process.stdin is None or process.stdout is None:
            raise GitFailedError("git has no pipes")
        process.stdin.write("".join(f"{tip}\n" for tip in repository.tips).encode())
        process.stdin.close()
        yield from _once(_versions(_tokens(process.stdout)))
        if process.wait():
            raise GitFailedError(f"git log ended with {process.returncode}: history is damaged")
    except OSError as error:
        raise GitFailedError("git has ended") from error
    finally:
        end(process)


def _once(found: Iterator[Commit | Version]) -> Iterator[Commit | Version]:
    seen: set[int] = set()  # a number for each: of millions of versions, too, they fit in memory
    for each in found:
        key = hash((each.blob, each.path) if isinstance(each, Version) else each.id)
        if key not in seen:
            seen.add(key)
            yield each


def _versions(tokens: Iterator[bytes]) -> Iterator[Commit | Version]:
    commit = Commit("", 0, "")
    for token in tokens:
        entry = token.lstrip(b"\n")
        if entry.startswith(b"\x02"):
            commit = _commit(entry[1:])
            yield commit
        elif entry.startswith(b":"):
            _, mode, _, blob, status = entry[1:].split(b" ")
            path = next(tokens, b"")
            if mode.startswith(_FILE_MODES) and status != b"D":
                yield Version(blob, path.decode("utf-8", "surrogateescape"), commit)


def _commit(words: bytes) -> Commit:
    name, at, author, message = words.split(b"\x1f", 3)
    said = message.decode("utf-8", "surrogateescape")
    return Commit(name.decode(), int(at or b"0"), author.decode("utf-8", "replace"), said)


def _tokens(answer: IO[bytes]) -> Iterator[bytes]:
    """Cut at NULs.

    Raises:
        GitFailedError: a part is longer than anything honest.
    """
    rest = b""
    while part := answer.read(_PART):
        *whole, rest = (rest + part).split(b"\0")
        yield from whole
        if len(rest) > _LONGEST:
            raise GitFailedError("git told something endless")
    if rest.strip():
        yield rest
