"""`broker scan` at a terminal says how much lies ahead, and keeps to a bounded memory."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from broker.cli import exits
from tests.fakes import pretend_secrets as pretend
from tests.fakes.git_repository import GitRepository

MIB: Final = 1024 * 1024

MEBIBYTES: Final = 127
MOST: Final = 200 * MIB
"""Of the process, with the library; with the large file as a whole it would be more."""


def at_a_terminal(folder: Path, *words: str) -> tuple[int, str, int]:
    """Run the command with its standard error at a terminal; return code, what it showed, peak."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, "-m", "broker", "scan", *words],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "160"},
    )
    os.close(theirs)
    shown, peak = b"", 0
    with os.fdopen(ours, "rb", buffering=0) as screen:
        while part := _read(screen.fileno()):  # ten times in a second, while the bar moves
            shown += part
            peak = max(peak, _peak(process.pid))
    return process.wait(), shown.decode("utf-8", "replace"), peak


def _peak(pid: int) -> int:
    """Return the most bytes that a process had until now.

    Not what `wait4` says: there what forked it counts, too.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _read(screen: int) -> bytes:
    try:
        return os.read(screen, 65536)
    except OSError:  # the last one who had the terminal has gone
        return b""


def test_the_bar_has_a_total_of_files_and_bytes_and_memory_is_bounded(tmp_path: Path) -> None:
    """A large file, and versions: both are counted beforehand, and read piece by piece."""
    made = GitRepository(tmp_path)
    made.write("old.txt", "some words\n" * 100_000)
    made.write("gone.env", f"DB_PASSWORD={pretend.password('bar')}\n")
    made.commit("one")
    (tmp_path / "gone.env").unlink()
    made.commit("two")
    with (tmp_path / "large.bin.txt").open("wb") as large:
        for _ in range(MEBIBYTES):
            large.write(b"x" * MIB)

    code, shown, peak = at_a_terminal(tmp_path, "--history")

    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert code == exits.REFUSED
    assert "of 3 files" in plain
    assert "3 of 3 files" in plain
    assert "2 of 2 versions" in plain
    assert re.search(r"128\.\d/128\.\d MiB", plain)
    assert 0 < peak < MOST


def test_where_nobody_looks_nothing_is_counted_or_shown(tmp_path: Path) -> None:
    """A log is not flooded."""
    (tmp_path / "a.txt").write_text("nothing\n")

    done = subprocess.run(
        [sys.executable, "-m", "broker", "scan"], cwd=tmp_path, capture_output=True, check=True
    )

    assert done.stderr == b""
