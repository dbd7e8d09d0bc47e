import os
import shutil
from pathlib import Path

import pytest

from broker.scanning.coverage import MOST_TOLD, Coverage
from broker.scanning.walking import Walk


def names(root: Path, coverage: Coverage, *excluded: str) -> list[str]:
    """Return what a walk yields."""
    return [found.name for found in Walk(coverage, lambda n: n not in excluded).files(root)]


def test_files_come_in_one_order_with_their_names_from_the_root(tmp_path: Path) -> None:
    """The same folder gives the same report."""
    for name in ("b/z.txt", "b/a.txt", "a.txt", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    assert names(tmp_path, Coverage()) == ["a.txt", "c.txt", "b/a.txt", "b/z.txt"]


def test_a_loop_of_links_holds_nobody(tmp_path: Path) -> None:
    """Links are counted, and followed nowhere: not out of the folder either."""
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / "out").symlink_to("/etc")
    (tmp_path / "self").symlink_to("self")
    coverage = Coverage()

    assert names(tmp_path, coverage) == []
    assert coverage.left_out["links"] == 3
    assert coverage.is_whole


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    """Opening a pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    coverage = Coverage()

    assert names(tmp_path, coverage) == []
    assert coverage.left_out["special files"] == 1


def test_other_peoples_code_is_left_out_and_counted(tmp_path: Path) -> None:
    """Unless all was asked for."""
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "x.js").touch()
    coverage = Coverage()

    assert names(tmp_path, coverage) == []
    assert coverage.left_out["folders"] == 1
    assert [f.name for f in Walk(Coverage(), with_all=True).files(tmp_path)] == [
        "node_modules/x.js"
    ]


def test_of_gits_folder_only_the_configuration_is_read(tmp_path: Path) -> None:
    """The addresses of remotes are in it, with the tokens that people put there."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").touch()
    (tmp_path / ".git" / "index").touch()

    assert names(tmp_path, Coverage()) == [".git/config"]


def test_a_folder_that_cannot_be_read_makes_the_scan_partial(tmp_path: Path) -> None:
    """It is told by name; the rest is read all the same."""
    (tmp_path / "gone").mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "a").touch()
    coverage = Coverage()

    walk = Walk(coverage).files(tmp_path)
    assert next(walk).name == "a"
    shutil.rmtree(tmp_path / "gone")

    assert [found.name for found in walk] == ["kept/file"]
    assert not coverage.is_whole
    assert "gone: cannot be read" in "\n".join(coverage.told())


def test_names_that_are_no_text_are_walked(tmp_path: Path) -> None:
    """A file system takes any bytes."""
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe\n\x1b[31m")).touch()

    (found,) = Walk(Coverage()).files(tmp_path)

    assert os.fsencode(found.name) == b"\xff\xfe\n\x1b[31m"


def test_troubles_are_all_counted_and_told_up_to_a_bound() -> None:
    """A million of them fill neither memory nor screen, and hide no escape sequence."""
    coverage = Coverage()
    for number in range(MOST_TOLD + 5):
        coverage.trouble(f"\x1b[2J{number}", "cannot be read")

    told = list(coverage.told())

    assert coverage.unread == MOST_TOLD + 5
    assert told[-1] == "and 5 more"
    assert "\x1b" not in "".join(told)


@pytest.mark.parametrize("pattern", ["docs", "docs/deep/x.txt"])
def test_what_is_excluded_is_not_looked_at(pattern: str, tmp_path: Path) -> None:
    """Folders as well as files; it is counted."""
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "docs" / "deep" / "x.txt").touch()
    coverage = Coverage()

    assert names(tmp_path, coverage, pattern) == []
    assert coverage.left_out["excluded"] == 1
