"""Servers of others end with the test run that has started them, however that ends."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.real.peer_process import PeerProcess

ROOT = Path(__file__).parents[2]
STARTS_ONE = """
import sys, time
from pathlib import Path
from tests.real.peer_process import PeerProcess
server = PeerProcess(["sleep", "600"], Path(sys.argv[1]))
while not Path(f"/proc/{server.pid}/cmdline").read_bytes().startswith(b"sleep"):
    time.sleep(0.01)
print(server.pid, flush=True)
time.sleep(600)
"""


def is_alive(pid: int) -> bool:
    """Tell whether a process is there and runs."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="util-linux is not on this machine")
def test_a_server_does_not_outlive_a_killed_test_run(tmp_path: Path) -> None:
    """Which had no time to stop it."""
    argv = [sys.executable, "-c", STARTS_ONE, str(tmp_path / "log")]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:  # noqa: S603
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        assert is_alive(pid)
        run.send_signal(signal.SIGKILL)

    ends = time.monotonic() + 60
    while is_alive(pid) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not is_alive(pid)


def test_a_server_that_ends_at_once_says_why(tmp_path: Path) -> None:
    """With what it wrote."""
    server = PeerProcess(["sh", "-c", "echo no room here; exit 1"], tmp_path / "peer.log")

    with pytest.raises(RuntimeError, match="peer is not ready:\nno room here"):
        server.when(lambda: False)
    server.stop()


def test_a_server_that_does_not_listen_is_ended_by_force(tmp_path: Path) -> None:
    """At once where nothing of it is worth keeping."""
    server = PeerProcess(["sh", "-c", "trap '' TERM; while :; do sleep 1; done"], tmp_path / "log")
    assert is_alive(server.pid)

    server.kill()

    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)
