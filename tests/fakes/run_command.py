"""`broker run` as a process of its own, with a shell script as its command."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fakes.eventually_true import eventually_true

PATIENCE_S: Final = 60

WAIT: Final = 'touch started; while [ ! -e "go" ]; do sleep 0.05; done; '
"""A command that goes on when the test says so."""

NEED: Final = ("--need", "orders-api", "--scope", "orders:read")


@dataclass
class Running:
    """One run that was started; its command works in ``folder``."""

    process: "subprocess.Popen[str]"
    folder: Path

    async def started(self, file: str = "started") -> None:
        """Wait until the command has got as far as making a file."""
        await self.until((self.folder / file).exists, f"the file {file}")

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for anything, as long as the run lives."""

        async def is_so() -> bool:
            if not holds():
                assert self.process.poll() is None, self.process.communicate()
                return False
            return True

        await eventually_true(is_so, what, PATIENCE_S)

    def go(self) -> None:
        """Let the command go on."""
        (self.folder / "go").touch()

    def send(self, number: signal.Signals) -> None:
        """Send the run a signal."""
        self.process.send_signal(number)

    async def ended(self) -> tuple[int, str, str]:
        """Wait for its end; return the exit code and both outputs."""
        out, err = await asyncio.to_thread(self.process.communicate, timeout=PATIENCE_S)
        return self.process.returncode, out, err

    def read(self, file: str) -> str:
        """Return what the command has written to a file."""
        return self.text_of(self.folder / file)

    def text_of(self, file: Path) -> str:
        """Return what is in a file now."""
        return file.read_text(encoding="utf-8")


def start(
    environment: Mapping[str, str],
    options: Sequence[str],
    script: str,
    folder: Path,
    *,
    through: Sequence[str] = (),
) -> Running:
    """Start a run whose command is a script of `sh`; without one it is its file's."""
    folder.mkdir(exist_ok=True)
    command = ["--", "sh", "-c", script] if script else []
    line = [*through, sys.executable, "-m", "broker", "run", *options, *command]
    process = subprocess.Popen(  # noqa: S603 - our own command
        line,
        env={**os.environ, **environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return Running(process, folder)
