"""The command while it runs: it gets our signals, has the terminal, and is waited for.

* It is a process group of its own. What we are sent goes to all of that group.
* SIGTERM is followed by SIGKILL if it is not heeded within the grace period; no other signal is.
* When it stops (Ctrl-Z), we stop, so that the shell notices; when we go on, it does.
* What it leaves behind ends with it, on Linux: its credentials do, too.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from signal import Signals
from typing import Final

from broker.running import linux
from broker.running.launcher import Launcher
from broker.running.terminal import Terminal

STOPPING: Final = (Signals.SIGINT, Signals.SIGTERM, Signals.SIGHUP, Signals.SIGQUIT)
"""Signals that ask a command to end."""

PASSED_ON: Final = (*STOPPING, Signals.SIGUSR1, Signals.SIGUSR2, Signals.SIGTSTP, Signals.SIGWINCH)

GRACE_SECONDS: Final = 10.0
"""How long a command may take to end after SIGTERM."""

_KILLED_SECONDS: Final = 2.0
"""How long the kernel may take to end what was killed; a process that hangs in it stays."""

_LOOK_SECONDS: Final = 0.02
_SHELL: Final = 128


class Command:
    """One command, from its start until nothing of it is left."""

    def __init__(
        self,
        launcher: Launcher,
        *,
        grace_seconds: float = GRACE_SECONDS,
        ignored: frozenset[Signals] = frozenset(),
    ) -> None:
        self._launcher = launcher
        self._grace_seconds = grace_seconds
        self._ignored = ignored
        self._terminal = Terminal()
        self._ended: asyncio.Future[int] | None = None
        self.was_stopped = False
        """Whether it was asked to end, by whoever runs us or by us."""

    async def run(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Start it, wait until it and what it has left behind is gone, and return its exit code.

        Raises:
            NotStartedError: it cannot be started.
        """
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        linux.adopt_orphans()
        self._listen(loop)
        if self._terminal.is_alone:
            self._terminal.give(self._launcher.pid)
        try:
            self._launcher.start(command, environment)
            return _exit_code(await self._ended)
        finally:
            self._terminal.take_back(self._launcher.pid)
            await self._clear()

    def terminate(self) -> None:
        """Ask it to end, and kill it if it does not within the grace period."""
        self.was_stopped = True
        self._send(Signals.SIGTERM)
        self._send(Signals.SIGCONT)  # one that is stopped would not hear
        asyncio.get_running_loop().call_later(self._grace_seconds, self._send, Signals.SIGKILL)

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_signal_handler(Signals.SIGCHLD, self._reap)
        loop.add_signal_handler(Signals.SIGCONT, self._resume)
        for each in PASSED_ON:
            if each in self._ignored:
                loop.remove_signal_handler(each)
                signal.signal(each, signal.SIG_IGN)
            else:
                loop.add_signal_handler(each, self._pass_on, each)
        # A warning of ours must not stop us where the terminal is another's (`stty tostop`).
        signal.signal(Signals.SIGTTOU, signal.SIG_IGN)

    def _pass_on(self, number: Signals) -> None:
        if number is Signals.SIGTERM:
            self.terminate()
            return
        self.was_stopped = self.was_stopped or number in STOPPING
        self._send(number)

    def _send(self, number: Signals) -> None:
        if self._ended is None or self._ended.done():
            return  # the number may be another's by now
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._launcher.pid, number)

    def _reap(self) -> None:
        """Take note of all children that have ended or stopped; several may have, at one signal."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
                if pid == 0:
                    return
                if pid == self._launcher.pid:
                    self._changed(status)

    def _changed(self, status: int) -> None:
        if os.WIFSTOPPED(status):
            self._stopped(os.WSTOPSIG(status))
        elif self._ended is not None and not self._ended.done():
            self._ended.set_result(status)

    def _stopped(self, number: int) -> None:
        wants_terminal = number in {Signals.SIGTTIN, Signals.SIGTTOU}
        if wants_terminal and self._terminal.give(self._launcher.pid):
            self._send(Signals.SIGCONT)
        elif self._terminal.is_there():
            self._terminal.take_back(self._launcher.pid)
            _stop_our_group()
            self._resume()

    def _resume(self) -> None:
        """Go on, in the foreground if we are there: then it is the command's place."""
        if self._terminal.is_alone:
            self._terminal.give(self._launcher.pid)
        self._send(Signals.SIGCONT)

    async def _clear(self) -> None:
        """End what the command has left behind: it was adopted by us when its parent ended."""
        loop = asyncio.get_running_loop()
        begun, told = loop.time(), set[tuple[int, Signals]]()
        while left := self._left():
            waited = loop.time() - begun
            if waited > self._grace_seconds + _KILLED_SECONDS:
                return
            number = Signals.SIGTERM if waited < self._grace_seconds else Signals.SIGKILL
            for pid in left:
                if (pid, number) not in told:
                    told.add((pid, number))
                    _kill(pid, number)
            await asyncio.sleep(_LOOK_SECONDS)

    def _left(self) -> list[int]:
        self._reap()
        return linux.children()


def _stop_our_group() -> None:
    """Stop as Ctrl-Z would have stopped us; comes back when we go on.

    The whole group: the shell waits until all of a job has stopped. In a group that no shell looks
    after the kernel lets nobody stop, and it comes back at once.

    That we go on is known by that alone: were it heard of as a signal, too, the command would be
    told twice to go on, and the second time might undo a Ctrl-Z that was typed in between.
    """
    quiet = (Signals.SIGTSTP, Signals.SIGCONT)
    before = [signal.signal(each, signal.SIG_DFL) for each in quiet]
    os.killpg(os.getpgrp(), Signals.SIGTSTP)
    for each, handler in zip(quiet, before, strict=True):
        signal.signal(each, handler)


def _kill(pid: int, number: Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
        os.kill(pid, Signals.SIGCONT)


def _exit_code(status: int) -> int:
    if os.WIFSIGNALED(status):
        return _SHELL + os.WTERMSIG(status)
    return os.WEXITSTATUS(status)
