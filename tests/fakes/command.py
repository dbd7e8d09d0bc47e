"""The `broker` command as a process of its own, in a terminal or not, before a broker of a test."""

import asyncio
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from typing import Final

from tests.fakes.cast import Who
from tests.fakes.world import World

PATIENCE_S: Final = 500
"""A command that takes longer is stuck."""

OPEN: Final = [
    *("task", "open", "--name", "reconcile-invoices", "--agent", "invoice-bot"),
    *("--tenant", "acme", "--capability", "orders-api=orders:read", "--ttl", "10m"),
]
"""A command line that opens a task."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed (in a terminal both outputs are one)."""

    code: int
    out: str
    err: str = ""


class Command:
    """Runs commands as somebody."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self._environment = {**os.environ, "COLUMNS": "200", **environment}

    async def run(self, *arguments: str) -> Ended:
        """Run it with pipes."""
        return await asyncio.to_thread(self._run, arguments)

    def _run(self, arguments: tuple[str, ...]) -> Ended:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "broker", *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it with pipes, for whoever wants to disturb it."""
        return subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "broker", *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def _in_terminal(
        self, arguments: tuple[str, ...]
    ) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
        """Run it in a terminal; the number is our side of that."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "broker", *arguments],
            env={**self._environment, "TERM": "xterm-256color"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            close_fds=True,
        ) as process:
            os.close(theirs)
            yield process, ours

    async def run_in_terminal(self, *arguments: str) -> Ended:
        """Run it in a terminal."""
        return await asyncio.to_thread(self._run_in_terminal, arguments)

    def _run_in_terminal(self, arguments: tuple[str, ...]) -> Ended:
        with self._in_terminal(arguments) as (process, ours):
            seen = _all_of(ours)
            os.close(ours)
            return Ended(process.wait(PATIENCE_S), seen.decode(errors="replace"))

    async def answer_in_terminal(self, *arguments: str, until: str, answer: str) -> Ended:
        """Run it in a terminal; as soon as that shows ``until``, type an answer."""
        return await asyncio.to_thread(self._answer_in_terminal, arguments, until, answer)

    def _answer_in_terminal(self, arguments: tuple[str, ...], until: str, answer: str) -> Ended:
        with self._in_terminal(arguments) as (process, ours):
            screen = _Screen(ours, until, lambda: os.write(ours, answer.encode()))
            code = process.wait(PATIENCE_S)
            return Ended(code, screen.close())

    def run_before_a_screen(self, *arguments: str, until: str = "", signal: int = SIGINT) -> Ended:
        """Run it with standard error in a terminal, and standard output into a pipe.

        With ``until`` it gets the signal as soon as the terminal shows that.
        """
        ours, theirs = pty.openpty()
        with subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "broker", *arguments],
            env={**self._environment, "TERM": "xterm-256color"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            close_fds=True,
        ) as process:
            os.close(theirs)
            screen = _Screen(ours, until, lambda: process.send_signal(signal))
            out = process.stdout.read() if process.stdout else b""
            return Ended(process.wait(PATIENCE_S), out.decode(), screen.close())


class _Screen:
    """Reads a terminal to its end, on a thread of its own."""

    def __init__(self, terminal: int, until: str, then: Callable[[], object]) -> None:
        self._terminal, self._until, self._then = terminal, until, then
        self._seen = b""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def close(self) -> str:
        self._thread.join()
        os.close(self._terminal)
        return plain(self._seen)

    def _read(self) -> None:
        is_waiting = bool(self._until)
        for piece in _pieces(self._terminal):
            self._seen += piece
            if is_waiting and self._until in plain(self._seen):
                is_waiting = False
                self._then()


def plain(seen: bytes) -> str:
    """Return what a terminal was sent, without what moves its cursor and colours it."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode(errors="replace"))


def _all_of(terminal: int) -> bytes:
    return b"".join(_pieces(terminal))


def _pieces(terminal: int) -> Iterator[bytes]:
    """Read until the other end is closed, which Linux reports as an error."""
    with suppress(OSError):
        while piece := os.read(terminal, 65536):
            yield piece


@asynccontextmanager
async def commanding(world: World, who: Who, folder: Path) -> AsyncIterator[Command]:
    """Let somebody use the command before the world's first broker."""
    token = folder / "workload-token"
    token.write_text(world.token(who))
    path = str(world.config.settings(0).listen.unix)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside, outside = await asyncio.open_unix_connection(path)
        await asyncio.gather(_pump(reader, outside), _pump(inside, writer), return_exceptions=True)

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Command({"BROKER_URL": f"http://127.0.0.1:{port}", "BROKER_TOKEN_FILE": str(token)})
    finally:
        server.close()
        await server.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
