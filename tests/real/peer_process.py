"""A server of somebody else's as a process of ours: started, awaited, and ended by its pid."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

START_S: Final = 120.0
"""A big program on a loaded machine takes its time."""

_END_S: Final = 10.0


class PeerProcess:
    """Runs until :meth:`stop`; what it writes is in ``log``."""

    def __init__(
        self, argv: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - ours
                argv,
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

    def stop(self) -> None:
        """End it, by force if it does not listen."""
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def listens(port: int) -> bool:
    """Tell whether somebody accepts connections at a port of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
