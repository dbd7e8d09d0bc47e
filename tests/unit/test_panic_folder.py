"""What `broker doctor` says of the panic socket's folder."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from broker import panic_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a path that is short enough for a socket, of mode 0700."""
    with TemporaryDirectory(prefix="jit-", dir="/tmp") as made:
        yield Path(made)


def states(path: Path | None) -> list[str]:
    """Examine, and check that nothing is found without a remedy and a place."""
    lines = panic_folder.examine(path)
    assert all(line.state == "ok" or (line.remedy and line.where) for line in lines)
    return [line.state for line in lines]


def test_no_socket_is_no_finding() -> None:
    """It is an offer."""
    assert states(None) == ["ok"]


@pytest.mark.parametrize(
    ("mode", "state"),
    [(0o700, "ok"), (0o711, "warn"), (0o755, "warn"), (0o770, "fail"), (0o707, "fail")],
)
def test_only_the_broker_may_write_its_folder(folder: Path, mode: int, state: str) -> None:
    """Others could put a socket of their own there and hear the orders of an emergency."""
    folder.chmod(mode)

    assert states(folder / "panic.sock") == [state]

    folder.chmod(0o700)


def test_a_folder_that_is_not_there_keeps_the_broker_from_starting(folder: Path) -> None:
    """So does a file in its place."""
    (folder / "file").touch()

    assert states(folder / "none" / "panic.sock") == ["fail"]
    assert states(folder / "file" / "panic.sock") == ["fail"]


def test_the_folder_belongs_to_whom_the_socket_belongs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before there is a socket, to who asks."""
    stranger = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)

    assert states(folder / "panic.sock") == ["fail"]

    with socket.socket(socket.AF_UNIX) as served:
        served.bind(str(folder / "panic.sock"))
        (folder / "panic.sock").chmod(0o600)
        assert states(folder / "panic.sock") == ["ok"]


def test_what_is_in_the_way_of_the_socket_is_named(folder: Path) -> None:
    """A file is none, and a socket that all may open is no socket of ours."""
    (folder / "file").touch(mode=0o600)
    with socket.socket(socket.AF_UNIX) as served:
        served.bind(str(folder / "panic.sock"))
        (folder / "panic.sock").chmod(0o666)

        assert states(folder / "panic.sock") == ["fail"]
    assert states(folder / "file") == ["fail"]


def test_a_path_that_no_socket_can_have_is_named(folder: Path) -> None:
    """The kernel takes 107 bytes."""
    assert states(folder / ("x" * 107)) == ["fail"]
