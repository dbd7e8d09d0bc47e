"""A Redis-like server as a child process that cannot outlive this one."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from broker.dev import embedded_guardian
from broker.errors import ConfigurationError

READY_WITHIN_S: Final = 10.0
POLL_S: Final = 0.005
LOG: Final = "server.log"

Address = str | tuple[str, int]
"""The path of a unix socket, or host and port."""


class GuardedServer:
    """One server process on one directory, started and stopped as often as wanted.

    A lock on the directory, which the server itself holds, makes sure that no two servers ever
    write the same files.
    """

    def __init__(self, directory: Path, command: Sequence[str], address: Address) -> None:
        self.address = address
        self._directory = directory
        self._command = command
        self._guardian: subprocess.Popen[bytes] | None = None
        self._pid = 0

    @property
    def pid(self) -> int:
        """The server's process id, 0 before the first start."""
        return self._pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._guardian is not None and self._guardian.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            ConfigurationError: the directory is in use, or the server does not come up.
        """
        with _locked(self._directory) as lock, (self._directory / LOG).open("ab") as log:
            self._guardian = _spawn(self._command, self._directory, log=log, lock=lock)
        try:
            self._pid = _read_pid(self._guardian)
            self._await_answer(self._guardian)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it in good order, or by force after five seconds. Harmless when it is not running."""
        guardian, self._guardian = self._guardian, None
        if guardian is None:
            return
        for pipe in (guardian.stdin, guardian.stdout):
            if pipe is not None:
                pipe.close()
        guardian.wait()

    def kill(self) -> None:
        """Let it die as in an accident (``kill -9``), and wait for that."""
        if self.is_running:
            os.kill(self._pid, signal.SIGKILL)
        self.stop()

    def _await_answer(self, guardian: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._answers():
            if guardian.poll() is not None or time.monotonic() > deadline:
                tail = (self._directory / LOG).read_text(errors="replace")[-600:]
                raise ConfigurationError(
                    f"the server in {self._directory} does not come up; its log ends: {tail}"
                )
            time.sleep(POLL_S)

    def _answers(self) -> bool:
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as door:
            door.settimeout(READY_WITHIN_S)
            try:
                door.connect(self.address)
                door.sendall(b"PING\r\n")
                return door.recv(5) == b"+PONG"
            except OSError:
                return False


def _spawn(
    command: Sequence[str], directory: Path, *, log: IO[bytes], lock: int
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - our interpreter, our script, our options
        [sys.executable, "-IS", embedded_guardian.__file__, *command],
        cwd=directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        pass_fds=[lock],
        start_new_session=True,  # Ctrl-C is for us; the server outlasts our own shutdown
    )


def _read_pid(guardian: "subprocess.Popen[bytes]") -> int:
    line = guardian.stdout.readline() if guardian.stdout else b""
    if not line:
        raise ConfigurationError(f"the embedded server cannot be run, see {LOG} in its directory")
    return int(line)


@contextmanager
def _locked(directory: Path) -> Iterator[int]:
    with (directory / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError(
                f"{directory} belongs to a server that runs: stop it, or use another directory"
            ) from error
        yield lock.fileno()
