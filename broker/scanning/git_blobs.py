"""What is in a repository's objects, one after the other, through one `git cat-file --batch`.

Objects are given as they were stored: no text converter and no filter sees them.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

from broker.scanning.git_process import GitFailedError, Repository

_ENDING_S: Final = 5


class Blob:
    """One object's bytes, as far as they have not been read."""

    def __init__(self, pipe: IO[bytes], size: int) -> None:
        self._pipe = pipe
        self.size = size
        self.left = size

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes.

        Raises:
            GitFailedError: Git ended before the object did.
        """
        wanted = min(size, self.left)
        part = self._pipe.read(wanted)
        if wanted and not part:
            raise GitFailedError("git ended in the middle of an object")
        self.left -= len(part)
        return part


class Blobs:
    """Asks for one object at a time."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        if process.stdin is None or process.stdout is None:
            raise GitFailedError("git has no pipes")
        self._asking: IO[bytes] = process.stdin
        self._answers: IO[bytes] = process.stdout

    @contextmanager
    def opened(self, name: bytes) -> Iterator[Blob | None]:
        """Open an object by id, or a commit's file by ``commit:path``; None without such a blob.

        Raises:
            GitFailedError: Git has ended.
        """
        header = self._asked(name)
        _, _, rest = header.rpartition(b" ")
        if not rest.isdigit():  # "… missing", "… ambiguous"
            yield None
            return
        blob = Blob(self._answers, int(rest))
        is_blob = header.split(b" ")[-2] == b"blob"
        try:
            yield blob if is_blob else None
        finally:
            self._pass_over(blob)

    def size(self, name: bytes) -> int:
        """Return how large an object is, where only that is asked for; 0 where it is missing.

        Raises:
            GitFailedError: Git has ended.
        """
        header = self._asked(name)
        size = header.rpartition(b" ")[2]
        return int(size) if size.isdigit() else 0

    def _asked(self, name: bytes) -> bytes:
        try:
            self._asking.write(name + b"\n")
            self._asking.flush()
        except OSError as error:
            raise GitFailedError("git has ended") from error
        header = self._answers.readline()
        if not header:
            raise GitFailedError("git has ended")
        return header.rstrip(b"\n")

    def _pass_over(self, blob: Blob) -> None:
        """Read what nobody wanted: the next answer comes after it, and one line break."""
        while blob.read(1024 * 1024):
            pass
        self._answers.read(1)


@contextmanager
def blobs(repository: Repository, how: str = "--batch") -> Iterator[Blobs]:
    """Keep the child process that gives objects; `--batch-check` gives their sizes only.

    Raises:
        GitFailedError: it cannot be started.
    """
    process = repository.start("cat-file", how)
    try:
        yield Blobs(process)
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a child, and wait until it is gone."""
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue  # what was never sent is of no use any more
    process.wait(_ENDING_S)
