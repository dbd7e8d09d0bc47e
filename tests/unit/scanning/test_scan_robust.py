"""What vanishes, changes, is no file, or is larger than it should be holds no scan."""

import os
import socket
from pathlib import Path

import pytest

from broker.scanning.coverage import Coverage
from broker.scanning.engine import KingfisherEngine
from broker.scanning.finding import Finding
from broker.scanning.home import of_home
from broker.scanning.names import Names
from broker.scanning.reading import PIECE, opened
from broker.scanning.scan import Order, Scan
from broker.scanning.walking import Walk
from tests.fakes import pretend_secrets as pretend
from tests.fakes.git_repository import GitRepository

LINE = f"DB_PASSWORD={pretend.password('robust')}\n"


def scanned(
    folder: Path, engine: KingfisherEngine, *, history: bool = False
) -> tuple[Scan, list[Finding]]:
    """Look through a folder."""
    scan = Scan(engine, Order(roots=(folder,), with_history=history))
    return scan, list(scan.findings())


def test_a_sparse_file_of_a_tebibyte_is_read_in_a_moment(
    tmp_path: Path, engine: KingfisherEngine
) -> None:
    """What is in it is found, also behind the hole; the hole itself is passed over."""
    file = tmp_path / "x.env"
    with file.open("wb") as written:
        written.write(b"# words\n" * 2048 + LINE.encode())
        written.seek(2**40)
        written.write(b"\n" + LINE.replace("DB", "API").encode())

    scan, found = scanned(tmp_path, engine)

    assert [each.name for each in found] == ["DB_PASSWORD", "API_PASSWORD"]
    assert scan.coverage.read["bytes"] < 10 * PIECE


def test_a_file_that_the_kernel_makes_up_has_something_in_it() -> None:
    """Its size is 0 by what the kernel says."""
    with opened("/proc/self/status") as source:
        assert source.read(100)


def test_what_the_kernel_makes_up_is_not_walked() -> None:
    """Without end, and some of it waits for ever when it is read."""
    coverage = Coverage()

    walk = Walk(coverage).files(Path("/"))
    names = {next(walk).name.partition("/")[0] for _ in range(20)}

    assert "proc" not in names
    assert "/proc" in Walk(coverage)._of_kernel  # noqa: SLF001 - where it is read from


def test_sockets_pipes_and_devices_are_left_alone(
    tmp_path: Path, engine: KingfisherEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where they are named like a file of secrets."""
    os.mkfifo(tmp_path / ".env")
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(tmp_path)
        listening.bind("x.env")
        scan, found = scanned(tmp_path, engine)

    assert found == []
    assert scan.coverage.left_out["special files"] == 2
    assert scan.coverage.is_whole


def test_a_file_that_vanishes_is_told_and_the_rest_is_read(
    tmp_path: Path, engine: KingfisherEngine
) -> None:
    """Builds delete what they made a moment ago."""
    for name in ("a.env", "b.env", "c.env"):
        (tmp_path / name).write_text(LINE)
    scan = Scan(engine, Order(roots=(tmp_path,)))
    findings = scan.findings()

    assert next(findings).path == "a.env"
    (tmp_path / "b.env").unlink()

    assert [each.path for each in findings] == ["c.env"]
    assert [each.place for each in scan.coverage.troubles] == ["b.env"]


def test_a_loop_of_links_at_home_holds_nobody(tmp_path: Path) -> None:
    """Nor does one that leads nowhere."""
    (tmp_path / ".netrc").symlink_to(".netrc")
    (tmp_path / ".npmrc").symlink_to("nowhere")
    (tmp_path / ".env").write_text(LINE)

    assert [name for _, name in of_home(tmp_path)] == ["~/.env"]


def test_many_names_are_looked_through_together(engine: KingfisherEngine) -> None:
    """A million of small files cost no look each; a token in one is found, and told once."""
    calls: list[int] = []

    class Counting:
        def matches(self, text: bytes, path: str) -> list[object]:
            calls.append(len(text))
            return engine.matches(text, path)

    names: Names[int] = Names(Counting(), Coverage())  # type: ignore[arg-type]  # counts
    token = pretend.github_token("names")
    found = [
        hit
        for number in range(20_000)
        for hit in names.add(f"a/folder/{token if number % 9_000 == 77 else number}.txt", number)
    ]
    found += names.rest()

    assert [thing for thing, _ in found] == [77]
    assert len(calls) < 5


def test_what_was_read_as_a_file_is_not_read_again_as_a_version(
    tmp_path: Path, engine: KingfisherEngine
) -> None:
    """The same bytes under the same name; under another one they may mean something else."""
    made = GitRepository(tmp_path)
    made.write("a.txt", "nothing\n")
    made.write("old.txt", LINE)
    made.commit("one")
    made.run("mv", "old.txt", "now.env")
    made.commit("two")

    scan, found = scanned(tmp_path, engine, history=True)

    assert [each.path for each in found] == ["now.env"]
    assert scan.coverage.left_out["versions read as files"] == 2
    assert scan.coverage.read["versions"] == 1


def test_a_change_of_the_work_tree_hides_no_version(
    tmp_path: Path, engine: KingfisherEngine
) -> None:
    """What was committed is read, whatever stands there now."""
    made = GitRepository(tmp_path)
    made.write(".env", LINE)
    brought = made.commit("one")
    made.write(".env", "# nothing\n")

    _, found = scanned(tmp_path, engine, history=True)

    assert [each.commit for each in found] == [brought]


@pytest.mark.parametrize("text", ["a\0b", "\x00" * 20])
def test_a_binary_file_is_counted_whatever_its_name(
    text: str, tmp_path: Path, engine: KingfisherEngine
) -> None:
    """Also one that is called like a file of secrets."""
    (tmp_path / "x.env").write_bytes(text.encode())

    scan, found = scanned(tmp_path, engine)

    assert found == []
    assert scan.coverage.left_out["binary files"] == 1
