"""A server of somebody else's as a process of ours: started, awaited, and ended by its pid."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.fakes.stopping import freeze

START_S: Final = 120.0
"""A big program on a loaded machine takes its time."""

_END_S: Final = 10.0
_LISTENS: Final = "0A"

LOOPBACK: Final = "0100007F"
"""127.0.0.1, as proc(5) writes it on a little-endian machine."""


class PeerProcess:
    """Runs until :meth:`stop`; what it writes is in ``log``."""

    def __init__(
        self, argv: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - ours
                [*_dies_with_us(), *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=log.parent,
                env={**os.environ, **(environment or {})},
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def when(self, is_ready: Callable[[], bool]) -> None:
        """Wait until it is ready.

        Raises:
            RuntimeError: it ended, or did not become ready in time; with the end of its log.
        """
        ends = time.monotonic() + START_S
        while not is_ready():
            if self._process.poll() is not None or time.monotonic() > ends:
                text = self._log.read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"{self._log.stem} is not ready:\n{text[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it at once; what it has is worth nothing."""
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Let it hold its connections and answer nothing."""
        freeze(self._process.pid)

    def thaw(self) -> None:
        """End :meth:`freeze`; one that has ended stays so."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it, by force if it does not listen."""
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _dies_with_us() -> Sequence[str]:
    """Have the kernel end a server whose test run was killed, where util-linux is (prctl(2))."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def listening(pid: int) -> set[str]:
    """Return the addresses at which a process listens (proc(5), ``/proc/net/tcp``)."""
    opened = Path(f"/proc/{pid}/fd").iterdir()
    links = [str(link.readlink()) for link in opened if link.is_symlink()]
    sockets = {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            address, state, inode = (line.split()[index] for index in (1, 3, 9))
            if state == _LISTENS and inode in sockets:
                found.add(address.partition(":")[0])
    return found


def listens(port: int) -> bool:
    """Tell whether somebody accepts connections at a port of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Find a port that nobody listens at just now."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port
