import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from broker.running.folder import FolderError, RunFolder, choose_place, remove_abandoned
from broker.secret import Secret

HOLD = """
import sys, pathlib
from broker.running.folder import RunFolder
from broker.secret import Secret
with RunFolder(pathlib.Path(sys.argv[1])) as folder:
    folder.write({"x": Secret("canary")})
    print(folder.path, flush=True)
    sys.stdin.read()
"""


def mode(path: Path) -> int:
    """Return a file's mode."""
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_the_users_alone_and_gone_afterwards(tmp_path: Path) -> None:
    """Whatever the umask."""
    before = os.umask(0)
    try:
        with RunFolder(tmp_path) as folder:
            folder.write({"a": Secret("one"), "b": Secret("two")})
            assert (mode(folder.path), mode(folder.path / "a")) == (0o700, 0o600)
            assert (folder.path / "b").read_text() == "two"
    finally:
        os.umask(before)

    assert list(tmp_path.iterdir()) == []


def test_a_file_is_always_whole(tmp_path: Path) -> None:
    """Who has it open goes on reading the old one; a reader never sees a part."""
    with RunFolder(tmp_path) as folder:
        folder.write({"a": Secret("old")})
        with (folder.path / "a").open() as reading:
            folder.write({"a": Secret("new")})
            assert reading.read() == "old"
        assert (folder.path / "a").read_text() == "new"
        assert [each.name for each in folder.path.iterdir()] == ["a"]


def test_a_file_that_cannot_be_written_leaves_the_former_one(tmp_path: Path) -> None:
    """And nothing of itself."""
    with RunFolder(tmp_path) as folder:
        folder.write({"a": Secret("old")})
        (folder.path / "b").mkdir()
        (folder.path / "b" / "c").mkdir()

        with pytest.raises(FolderError, match="cannot be written"):
            folder.write({"b": Secret("new")})

        assert sorted(each.name for each in folder.path.iterdir()) == ["a", "b"]


def test_a_place_that_is_none_says_so(tmp_path: Path) -> None:
    """Before anything is in it."""
    with pytest.raises(FolderError, match="cannot be written"), RunFolder(tmp_path / "nowhere"):
        raise AssertionError


def test_what_a_killed_run_has_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """And what a living one has is left alone."""
    killed, alive = (_holding(tmp_path) for _ in range(2))
    killed[0].kill()
    killed[0].communicate()

    with RunFolder(tmp_path) as folder:
        names = {each.name for each in tmp_path.iterdir()}

        assert names == {Path(alive[1]).name, folder.path.name}
        assert (Path(alive[1]) / "x").read_text() == "canary"
    alive[0].communicate("")
    assert list(tmp_path.iterdir()) == []


def _holding(base: Path) -> tuple["subprocess.Popen[str]", str]:
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own code
        [sys.executable, "-c", HOLD, str(base)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_nothing_that_is_no_runs_folder_is_touched(tmp_path: Path) -> None:
    """A link of that name neither, nor what it points to."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("x")
    base = tmp_path / "base"
    base.mkdir()
    (base / "jit-broker-run-link").symlink_to(elsewhere)
    (base / "jit-broker-run-file").write_text("x")
    (base / "other").mkdir()

    assert remove_abandoned(base) == 0
    assert (elsewhere / "kept").exists()
    assert len(list(base.iterdir())) == 3


def test_a_folder_without_an_owner_is_removed(tmp_path: Path) -> None:
    """With all that is in it."""
    left = tmp_path / "jit-broker-run-left"
    left.mkdir()
    (left / "secret").write_text("canary")

    assert remove_abandoned(tmp_path) == 1
    assert not left.exists()


@pytest.mark.parametrize(
    ("mode_of_own", "in_memory", "chosen"),
    [
        (0o700, ("own", "shared", "temporary"), ("own", True)),
        (0o755, ("own", "shared", "temporary"), ("shared", True)),
        (0o700, ("shared", "temporary"), ("shared", True)),
        (0o700, ("temporary",), ("temporary", True)),
        (0o700, (), ("own", False)),
        (0o755, (), ("shared", False)),
    ],
)
def test_it_is_in_memory_where_there_is_such_a_place(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode_of_own: int,
    in_memory: tuple[str, ...],
    chosen: tuple[str, bool],
) -> None:
    """The user's runtime folder if it is theirs alone, else shared memory, else a temporary one."""
    for name in ("own", "shared", "temporary"):
        (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / "own").chmod(mode_of_own)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    found = choose_place(
        {"XDG_RUNTIME_DIR": str(tmp_path / "own")},
        tmp_path / "shared",
        lambda place: place.name in in_memory,
    )

    assert (found.base.name, found.is_in_memory) == chosen


def test_without_any_such_place_it_is_a_temporary_one(tmp_path: Path) -> None:
    """And it is known that it is none in memory."""
    nowhere = tmp_path / "none"

    found = choose_place({"XDG_RUNTIME_DIR": str(nowhere)}, nowhere, lambda _: False)

    assert (found.base.is_dir(), found.is_in_memory) == (True, False)


def test_where_nothing_can_be_written_there_is_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence, before anything is opened."""

    def gettempdir() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(tempfile, "gettempdir", gettempdir)

    with pytest.raises(FolderError, match="no folder"):
        choose_place({}, tmp_path / "none", lambda _: False)
