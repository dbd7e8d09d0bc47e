import os
from pathlib import Path

import pytest

from broker.errors import ConfigurationError
from broker.signing import private_files
from broker.signing.private_files import MAX_BYTES, check_directory, read_private, write_private


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Make a directory that is closed to others."""
    path = tmp_path / "private"
    path.mkdir(mode=0o700)
    return path


def test_what_is_written_is_read_back_and_closed(directory: Path) -> None:
    """The file has mode 0600 whatever the umask, and nothing else is left behind."""
    old = os.umask(0)
    try:
        write_private(directory / "x", b"secret")
    finally:
        os.umask(old)
    assert read_private(directory / "x") == b"secret"
    assert (directory / "x").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in directory.iterdir()] == ["x"]


def test_a_file_is_replaced_whole(directory: Path) -> None:
    """The old one is gone, and a link in its place is replaced, not followed."""
    target = directory / "target"
    target.write_bytes(b"untouched")
    (directory / "x").symlink_to(target)
    write_private(directory / "x", b"new")
    assert target.read_bytes() == b"untouched"
    assert read_private(directory / "x") == b"new"


def test_a_failed_write_leaves_nothing(directory: Path) -> None:
    """Neither half a file nor a temporary one."""
    (directory / "x").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_private(directory / "x", b"new")
    assert [path.name for path in directory.iterdir()] == ["x"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777])
def test_a_file_open_to_others_is_refused_with_the_command(directory: Path, mode: int) -> None:
    """Any bit for group or others is too many; the message says what to run."""
    path = directory / "k e y"
    path.write_bytes(b"x")
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=rf"chmod 600 '{path}'"):
        read_private(path)


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o701, 0o777])
def test_a_directory_open_to_others_is_refused_with_the_command(directory: Path, mode: int) -> None:
    """Who can write there can put another key there."""
    directory.chmod(mode)
    with pytest.raises(ConfigurationError, match=rf"chmod 700 {directory}"):
        check_directory(directory)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_closed_file_is_read(directory: Path, mode: int) -> None:
    """Read-only for us is fine."""
    path = directory / "x"
    path.write_bytes(b"x")
    path.chmod(mode)
    assert read_private(path) == b"x"
    check_directory(directory)


def test_links_are_refused(directory: Path) -> None:
    """Neither a linked file nor a linked directory is taken."""
    write_private(directory / "x", b"x")
    (directory / "link").symlink_to(directory / "x")
    with pytest.raises(ConfigurationError, match=r"link: a symbolic link"):
        read_private(directory / "link")
    linked = directory.with_name("linked")
    linked.symlink_to(directory)
    with pytest.raises(ConfigurationError, match="symbolic link"):
        check_directory(linked)


def test_what_is_no_file_is_refused(directory: Path) -> None:
    """A directory, a pipe (without waiting for a writer), nothing at all, and too much."""
    (directory / "sub").mkdir(mode=0o700)
    os.mkfifo(directory / "pipe", 0o600)
    (directory / "big").write_bytes(b"x" * (MAX_BYTES + 1))
    (directory / "big").chmod(0o600)
    for name in ("sub", "pipe", "gone", "big"):
        with pytest.raises(ConfigurationError, match=name):
            read_private(directory / name)
    with pytest.raises(ConfigurationError, match="kind of file"):
        check_directory(directory / "big")


def test_somebody_elses_file_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner could change it at any time."""
    write_private(directory / "x", b"x")
    me = os.geteuid()
    monkeypatch.setattr(private_files.os, "geteuid", lambda: me + 1)
    with pytest.raises(ConfigurationError, match=rf"belongs to user {me}: run chown {me + 1} "):
        read_private(directory / "x")
