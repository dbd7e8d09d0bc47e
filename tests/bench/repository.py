"""``python -m tests.bench repository``: a gigabyte of files and history, beside a plain read of it.

Half of it stands in the tree, half in versions that later commits replaced. Secrets are planted in
both, one for so many megabytes, in files of their own: all must be found. The plain read is `cat`
of the same files and `git cat-file --batch` of the same versions, into nothing.
"""

import hashlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from rich.console import Console
from rich.table import Table

from tests.bench.meter import BenchFailedError
from tests.fakes import pretend_secrets as pretend

MIB: Final = 1024 * 1024
FILE: Final = 64 * 1024
"""Bytes of a file: as many small ones as a large project has."""

OF_A_SECRET: Final = 16 * MIB
_WORDS: Final = (
    *("return", "value", "for", "each", "import", "def", "class", "self", "order", "customer"),
    *("result", "if", "not", "None", "list", "name", "token", "request", "response", "amount"),
)


@dataclass(frozen=True, slots=True)
class Run:
    """What one command cost."""

    seconds: float
    cpu_seconds: float
    """Of all its processes: on a machine that others use, too, this is what it costs."""
    peak_mib: float
    mib: float

    @property
    def mib_per_cpu_second(self) -> float:
        """How fast it was."""
        return self.mib / self.cpu_seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """The scan, beside the plain read; and what of the planted was found."""

    scan: Run
    read: Run
    files: int
    versions: int
    planted: int
    found: int


def measure(mib: int, say: Callable[[str], None]) -> Outcome:
    """Make the repository, read it plainly, scan it.

    Raises:
        BenchFailedError: a command failed, or what it read is not what was made.
    """
    with tempfile.TemporaryDirectory(prefix="broker-scan-gigabyte-") as folder:
        planted = _make(Path(folder), mib, say)
        say("reads it plainly")
        read = _read(folder, mib)
        say("scans it")
        scan, told = _scan(folder, mib)
    found = {each["path"] for each in told["findings"]}
    say(f"{told['read']}")
    return Outcome(
        scan,
        read,
        told["read"]["files"],
        told["read"]["versions"],
        len(planted),
        len(planted & found),
    )


def _make(folder: Path, mib: int, say: Callable[[str], None]) -> set[str]:
    """Write history by `git fast-import`, check its end out; return where secrets were planted."""
    _git(folder, "init", "--quiet", "--initial-branch=main")
    importing = subprocess.Popen(
        ["git", "fast-import", "--quiet"],  # noqa: S607 - the one that is installed
        cwd=folder,
        stdin=subprocess.PIPE,
    )
    if importing.stdin is None:
        raise BenchFailedError("git fast-import has no pipe")
    planted = set(_stream(importing.stdin, mib * MIB))
    importing.stdin.close()
    if importing.wait():
        raise BenchFailedError("git fast-import failed")
    say(f"a repository of {mib} MiB is made")
    _git(folder, "checkout", "--quiet", "--force", "main")
    return planted


def _stream(out: IO[bytes], size: int) -> Iterator[str]:
    """Write two commits to fast-import: the second replaces every file of the first."""
    texts = _texts()
    for commit in (1, 2):
        if commit == 2:
            out.write(b"\n")
        message = b"versions" if commit == 1 else b"files"
        out.write(
            b"commit refs/heads/main\ncommitter A <a@acme.example> %d +0000\n" % (10**9 * commit)
        )
        out.write(b"data %d\n%s\n" % (len(message), message))
        for number in range(size // 2 // FILE):
            yield from _file(out, commit, number, next(texts))


def _file(out: IO[bytes], commit: int, number: int, text: bytes) -> Iterator[str]:
    path = f"src/{number % 97}/module_{number}.py"
    if number % (OF_A_SECRET // FILE) == 0:
        path = f"src/secret_{number}_{commit}.py"
        text += b'TOKEN = "%s"\n' % pretend.github_token(path).encode()
        yield path
    out.write(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(text), text))
    if commit == 2 and path.startswith("src/secret"):
        out.write(b"D %s\n" % path.replace("_2.py", "_1.py").encode())


def _texts() -> Iterator[bytes]:
    """Yield files that look like programs, always the same, and each another one."""
    pool = b"".join(_lines(pretend.stream("gigabyte")))
    for number in itertools.count():
        first = b"# %s\n" % hashlib.sha256(b"%d" % number).hexdigest().encode()
        begin = number * 7919 % (len(pool) - FILE)
        yield (first + pool[begin : begin + FILE])[:FILE] + b"\n"


def _lines(drawn: Iterator[int]) -> Iterator[bytes]:
    for _ in range(8_000):
        words = " ".join(_WORDS[next(drawn) % len(_WORDS)] for _ in range(9))
        yield f"    {_WORDS[next(drawn) % len(_WORDS)]} = {words}\n".encode()


def _read(folder: str, mib: int) -> Run:
    every = "git rev-list --objects --all | cut -d' ' -f1 | git cat-file --batch > /dev/null"
    files = "find src -type f -print0 | xargs -0 cat > /dev/null"
    return _timed(["sh", "-c", f"{files}; {every}"], folder, mib)[0]


def _scan(folder: str, mib: int) -> tuple[Run, dict[str, dict[str, int]]]:
    words = [sys.executable, "-m", "broker", "scan", "--history", "--json"]
    run, told = _timed(words, folder, mib, expected=1)
    return run, json.loads(told)


def _timed(words: Sequence[str], folder: str, mib: int, expected: int = 0) -> tuple[Run, bytes]:
    """Run a command; its peak is that of its largest process."""
    begin = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(words, cwd=folder, stdout=output, stderr=subprocess.DEVNULL)  # noqa: S603 - ours
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begin
        output.seek(0)
        told = output.read()
    if process.returncode != expected:
        raise BenchFailedError(f"{words[0]} ended with {process.returncode}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, mib), told


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True)  # noqa: S603, S607 - ours


def show(console: Console, outcome: Outcome) -> None:
    """Print the table."""
    table = Table("", "plain read", "broker scan --history", "ratio")
    for what, one, other in (
        ("seconds", outcome.read.seconds, outcome.scan.seconds),
        ("CPU seconds", outcome.read.cpu_seconds, outcome.scan.cpu_seconds),
        ("MiB per CPU second", outcome.read.mib_per_cpu_second, outcome.scan.mib_per_cpu_second),
        ("peak MiB", outcome.read.peak_mib, outcome.scan.peak_mib),
    ):
        table.add_row(what, f"{one:.1f}", f"{other:.1f}", f"{other / one:.2f}")
    console.print(table)
    console.print(
        f"{outcome.files} files, {outcome.versions} versions; "
        f"{outcome.found} of {outcome.planted} planted secrets found"
    )
