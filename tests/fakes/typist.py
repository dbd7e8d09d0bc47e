"""Somebody at a terminal of their own, with a shell that looks after jobs."""

import asyncio
import os
import pty
import select
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.fakes.command import plain

PATIENCE_S: Final = 60
SHELL: Final = ("bash", "--norc", "--noprofile", "-i")


class Typist:
    """Types, and sees what the terminal shows."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._seen = b""
        self._from = 0
        self._has_hung_up = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    @property
    def seen(self) -> str:
        """Everything that the terminal has shown."""
        return plain(self._seen)

    def types(self, text: str) -> None:
        """Type something; what is shown from now on counts for :meth:`sees`."""
        self._from = len(self.seen)
        os.write(self._terminal, text.encode())

    async def sees(self, text: str) -> None:
        """Wait until the terminal shows something, after what was typed last.

        Raises:
            AssertionError: it does not come.
        """
        for _ in range(PATIENCE_S * 20):
            if text in self.seen[self._from :]:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"no {text!r} in {self.seen!r}")

    def resize(self, *, rows: int, columns: int) -> None:
        """Give the window another size."""
        termios.tcsetwinsize(self._terminal, (rows, columns))

    def hang_up(self) -> None:
        """Close the window, while something may still run in it."""
        self._has_hung_up.set()
        self._thread.join()
        os.close(self._terminal)

    def close(self) -> None:
        """Stop looking; the other end has been closed."""
        if not self._has_hung_up.is_set():
            self._thread.join()
            os.close(self._terminal)

    def _read(self) -> None:
        with suppress(OSError):  # so Linux says that the other end is closed
            while self._has_something() and (piece := os.read(self._terminal, 65536)):
                self._seen += piece

    def _has_something(self) -> bool:
        """Wait until there is something to read, or it has been hung up."""
        while not self._has_hung_up.is_set():
            if select.select([self._terminal], [], [], 0.05)[0]:
                return True
        return False


@contextmanager
def at_a_terminal(
    environment: Mapping[str, str], folder: Path, line: Sequence[str] = SHELL
) -> Iterator[tuple[Typist, "subprocess.Popen[bytes]"]]:
    """Start a program in a terminal of its own; the shell, unless another is named."""
    folder.mkdir(exist_ok=True)
    ours, theirs = pty.openpty()
    here = {"PS1": "ready> ", "TERM": "dumb", "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(  # noqa: S603 - our own words
        ["setsid", "--ctty", *line],  # noqa: S607
        env={**os.environ, **environment, **here, "PYTHON": sys.executable},
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    typist = Typist(ours)
    try:
        yield typist, process
    finally:
        process.kill()
        process.wait()
        typist.close()
