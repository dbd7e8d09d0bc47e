"""The processes of a demo: started together, stopped together, never left running.

Every child joins the group that :mod:`broker.dev.warden` guards, so that it dies with this process
even when this process is killed. Nobody's output is lost: each child writes into a file of its
own, and a child that fails is reported with the last lines of it.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import broker
from broker.dev import warden

T = TypeVar("T")

GRACE_SECONDS: Final = 20.0
"""How long a child may take to stop when asked: longer than a broker's drain."""

START_SECONDS: Final = 60.0
"""How long a child may take to be ready: a loaded machine starts Python slowly."""

PAUSE_SECONDS: Final = 0.02
LOG_LINES: Final = 12
"""How much of a failed child's output is shown."""


class ProcessFailedError(Exception):
    """A child did not start, or ended before it should. The text has its last lines."""


@dataclass(frozen=True, slots=True)
class Child:
    """One running child and the file that its output goes to."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    def failed(self, what: str) -> ProcessFailedError:
        """Describe what went wrong with this child, with the end of its output."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return ProcessFailedError("\n  ".join([f"{self.name} {what}", *lines]))


class Processes:
    """The children and the private directory that they share. An async context manager.

    Leaving it asks every child to stop, youngest first, and then has the warden kill what is left
    and remove the directory. Cancelling it leaves nothing behind either.
    """

    directory: Path

    def __init__(self, grace_seconds: float = GRACE_SECONDS) -> None:
        self._grace_seconds = grace_seconds
        self._children: list[Child] = []
        self._warden: asyncio.subprocess.Process
        self._group: int

    async def __aenter__(self) -> Self:
        """Make the directory (mode 0700) and start the warden."""
        self.directory = Path(tempfile.mkdtemp(prefix="jit-broker-"))
        try:
            await self._start_warden()
        except BaseException:
            warden.remove(self.directory)
            raise
        (self.directory / "log").mkdir()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything and remove the directory."""
        try:
            await self.stop_all()
        finally:
            await self._dismiss_warden()

    async def start(self, name: str, argv: Sequence[str]) -> Child:
        """Start a child in the guarded group.

        Raises:
            ProcessFailedError: the program is missing, or the warden is gone.
        """
        log = self.directory / "log" / f"{name}.log"
        with log.open("ab") as output:
            process = await self._spawn(name, argv, output.fileno())
        child = Child(name, process, log)
        self._children.append(child)
        return child

    async def run(self, name: str, argv: Sequence[str]) -> str:
        """Run a child to its end and return what it printed.

        Raises:
            ProcessFailedError: it ended with another code than 0.
        """
        child = await self.start(name, argv)
        code = await child.process.wait()
        self._children.remove(child)
        if code != 0:
            raise child.failed(f"ended with code {code}:")
        return child.log.read_text(errors="replace")

    async def when_ready(
        self,
        child: Child,
        probe: Callable[[], Awaitable[T | None]],
        within_seconds: float = START_SECONDS,
    ) -> T:
        """Ask the probe until it has an answer, as long as the child lives.

        Raises:
            ProcessFailedError: the child ended, or had no answer in time.
        """
        try:
            async with asyncio.timeout(within_seconds):
                return await self._ask(child, probe)
        except TimeoutError as error:
            raise child.failed(f"was not ready within {within_seconds:g} s:") from error

    async def stop(self, child: Child) -> int:
        """Ask a child to stop and return its exit code; after the grace, kill it."""
        self._children.remove(child)
        with suppress(ProcessLookupError):
            child.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._grace_seconds):
                return await child.process.wait()
        except TimeoutError:
            child.process.kill()
            return await child.process.wait()

    async def stop_all(self) -> None:
        """Stop every child that still runs, the youngest first."""
        while self._children:
            await self.stop(self._children[-1])

    async def _ask(self, child: Child, probe: Callable[[], Awaitable[T | None]]) -> T:
        while (answer := await probe()) is None:
            if child.process.returncode is not None:
                raise child.failed(f"ended with code {child.process.returncode}:")
            await asyncio.sleep(PAUSE_SECONDS)
        return answer

    async def _spawn(
        self, name: str, argv: Sequence[str], output: int
    ) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=child_environment(os.environ),
                process_group=self._group,
            )
        except OSError as error:
            raise ProcessFailedError(f"{name} could not be started: {error}") from error

    async def _start_warden(self) -> None:
        self._warden = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", warden.__file__, str(self.directory)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        if self._warden.stdout is None:
            raise ProcessFailedError("the warden has no output")
        self._group = int(await self._warden.stdout.readline())

    async def _dismiss_warden(self) -> None:
        if self._warden.stdin is not None:
            self._warden.stdin.close()
        if await self._warden.wait() != 0:
            raise ProcessFailedError(f"{self.directory} could not be removed")


def child_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child: our code and nobody else's, and none of our settings.

    Without ``PYTHONSAFEPATH`` a ``broker`` folder in the working directory would run instead of
    this package; without ``PYTHONPATH`` a child might find another installation of it.
    """
    kept = {name: value for name, value in ours.items() if not name.startswith("BROKER_")}
    root = str(Path(broker.__file__).parents[1])
    paths = [root, *filter(None, [kept.get("PYTHONPATH", "")])]
    return kept | {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(paths)}
