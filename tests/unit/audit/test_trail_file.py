"""The trail's file, on a real disk that fills up, tears and is meddled with."""

import json
import os
import resource
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.audit.record import GENESIS, digest
from broker.audit.trail_file import TrailFile, TrailHeldError
from broker.errors import ConfigurationError
from broker.store.feed_cursors import Cursor

FIRST = b'{"seq":1,"epoch":"e"}'
SECOND = b'{"seq":2,"epoch":"e"}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the trail shall be; its folder does not exist yet."""
    return tmp_path / "state" / "audit.jsonl"


@contextmanager
def full_disk_after(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size: a write stops half way, then fails."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_new_trail_is_only_ours(path: Path) -> None:
    """Mode 0600, whatever the process's mask is."""
    former = os.umask(0)
    try:
        tail = TrailFile(path).open()
    finally:
        os.umask(former)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (tail.at, tail.record) == (Cursor(0, "", GENESIS), {})


def test_a_trail_goes_on_where_it_ended(path: Path) -> None:
    """The last line says where."""
    first = TrailFile(path)
    first.open()
    first.append(FIRST + b"\n" + SECOND + b"\n")
    first.close()

    tail = TrailFile(path).open()

    assert tail.at == Cursor(2, "e", digest(SECOND))
    assert tail.record == json.loads(SECOND)


@pytest.mark.parametrize("length", range(len(SECOND) + 1))
def test_a_torn_line_is_cut_off(path: Path, length: int) -> None:
    """A crash may leave any part of a line; what was not whole was never recorded."""
    path.parent.mkdir()
    path.write_bytes(FIRST + b"\n" + SECOND[:length])
    path.chmod(0o600)

    tail = TrailFile(path).open()

    assert tail.at.seq == 1
    assert path.read_bytes() == FIRST + b"\n"


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 200_000])
def test_long_lines_are_found_too(path: Path, size: int) -> None:
    """The file is read backwards in blocks; no length of a line falls between them."""
    long = json.dumps({"seq": 2, "epoch": "e", "x": "x" * size}).encode()
    path.parent.mkdir()
    path.write_bytes(FIRST + b"\n" + long + b"\n" + b"torn" * size)
    path.chmod(0o600)

    assert TrailFile(path).open().at == Cursor(2, "e", digest(long))


def test_only_a_torn_line_is_an_empty_trail(path: Path) -> None:
    """The crash came with the first line."""
    path.parent.mkdir()
    path.write_bytes(b'{"seq":')
    path.chmod(0o600)

    assert TrailFile(path).open().at.seq == 0
    assert path.read_bytes() == b""


@pytest.mark.parametrize("junk", [b"\n", b"junk\n", b"[]\n", b'{"seq":"x","epoch":"e"}\n', b"{}\n"])
def test_what_is_no_trail_is_not_written_to(path: Path, junk: bytes) -> None:
    """A wrong path, or evidence: neither is touched."""
    path.parent.mkdir()
    path.write_bytes(junk)
    path.chmod(0o600)

    with pytest.raises(ConfigurationError, match="no record of an audit trail"):
        TrailFile(path).open()

    assert path.read_bytes() == junk


def test_a_file_that_others_may_read_is_refused(path: Path) -> None:
    """The message says the command that mends it."""
    path.parent.mkdir()
    path.touch(0o640)
    path.chmod(0o640)

    with pytest.raises(ConfigurationError, match="chmod 600"):
        TrailFile(path).open()


def test_a_link_a_folder_or_a_pipe_is_refused(tmp_path: Path) -> None:
    """Only a file is a file; a pipe must not stop the start either."""
    (tmp_path / "target").touch(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe", 0o600)

    for name in ("link", "folder", "pipe"):
        with pytest.raises(ConfigurationError, match="not a file"):
            TrailFile(tmp_path / name).open()


def test_a_second_writer_is_refused_until_the_first_is_gone(path: Path) -> None:
    """Two brokers with one file would break its chain."""
    first, second = TrailFile(path), TrailFile(path)
    first.open()

    with pytest.raises(TrailHeldError):
        second.open()
    first.close()

    assert second.open().at.seq == 0


def test_a_full_disk_fails_and_leaves_no_half_line(path: Path) -> None:
    """The write stops in the middle of a line; the trail still ends with a whole one."""
    trail = TrailFile(path)
    trail.open()
    trail.append(FIRST + b"\n")

    with full_disk_after(len(FIRST) + 10), pytest.raises(OSError, match="File too large"):
        trail.append(SECOND + b"\n")

    assert path.read_bytes() == FIRST + b"\n"
    trail.append(SECOND + b"\n")
    assert path.read_bytes() == FIRST + b"\n" + SECOND + b"\n"


@pytest.mark.parametrize("how", ["removed", "replaced", "appended to", "cut"])
def test_a_file_that_was_meddled_with_is_not_written_to(path: Path, how: str) -> None:
    """A trail that nobody will read, or whose chain is broken, must not look like success."""
    trail = TrailFile(path)
    trail.open()
    trail.append(FIRST + b"\n")
    match how:
        case "removed":
            path.unlink()
        case "replaced":
            path.rename(path.with_name("old"))
            path.touch(0o600)
        case "appended to":
            path.write_bytes(path.read_bytes() + b"more\n")
        case _:
            path.write_bytes(b"")

    with pytest.raises(OSError, match=r"replaced|somebody else|No such file"):
        trail.append(SECOND + b"\n")


def test_what_is_not_open_cannot_be_written(path: Path) -> None:
    """Nothing is lost in silence."""
    with pytest.raises(OSError, match="not open"):
        TrailFile(path).append(FIRST + b"\n")
