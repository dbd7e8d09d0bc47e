"""A process that becomes the command as soon as its credentials are there.

It is forked before anything else happens: no thread and no event loop is in the way of a clean
start, and what the command needs of the kernel it sets up itself. It waits at a pipe. If the run
comes to nothing, or is killed, the pipe closes and it ends without having been anything.
"""

import contextlib
import errno
import json
import os
import resource
import signal
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from broker.running import linux
from broker.running.errors import RunError

NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
"""As shells and `env` count them."""

_RESET: Final = (signal.SIGPIPE, signal.SIGXFSZ)
"""What Python ignores for itself, and a command does not expect to find ignored."""


class NotStartedError(RunError):
    """The command is not there or cannot be executed."""

    remedy = "Check the command's name, its mode and PATH."

    def __init__(self, command: str, error: int) -> None:
        super().__init__(f"{command} cannot be started: {os.strerror(error)}")
        is_absent = error in (errno.ENOENT, errno.ENOTDIR)
        self.exit_code = NOT_FOUND if is_absent else NOT_EXECUTABLE


class Launcher:
    """The process, as its parent sees it. Make one while this process has a single thread."""

    def __init__(self, ignored: frozenset[signal.Signals] = frozenset()) -> None:
        """Fork.

        Args:
            ignored: what was ignored when this process began (``nohup``), and stays so.
        """
        words, self._words = os.pipe()
        self._failure, failure = os.pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._words)
            os.close(self._failure)
            _become(words, failure, parent, ignored)
        os.close(words)
        os.close(failure)
        self._is_waiting = True
        # Before it is one of its own, Ctrl-C would reach it too.
        os.setpgid(self.pid, self.pid)

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Let it become the command, in a process group of its own.

        Raises:
            NotStartedError: it cannot.
        """
        self._is_waiting = False
        document = json.dumps([list(command), dict(environment)]).encode()
        with contextlib.suppress(BrokenPipeError), os.fdopen(self._words, "wb") as pipe:
            pipe.write(document)  # whoever has killed it meanwhile has killed the command
        with os.fdopen(self._failure, "rb") as pipe:
            failed = pipe.read()
        if failed:
            os.waitpid(self.pid, 0)
            raise NotStartedError(command[0], int(failed))

    def abandon(self) -> None:
        """Let it end without having been anything; nothing after :meth:`start`."""
        if not self._is_waiting:
            return
        self._is_waiting = False
        os.close(self._words)
        os.close(self._failure)
        os.waitpid(self.pid, 0)


def _become(words: int, failure: int, parent: int, ignored: frozenset[signal.Signals]) -> NoReturn:
    """Wait for the word, and be the command. Nothing of Python's may come out of here."""
    try:
        _set_signals(ignored)
        document = b"".join(iter(lambda: os.read(words, 65536), b""))
        if document:
            command, environment = json.loads(document)
            _leave_no_core()
            linux.die_with_parent(parent)
            os.execvpe(command[0], command, environment)  # noqa: S606 - that is what we are for
    except OSError as error:
        os.write(failure, str(error.errno).encode())
    except ValueError:  # a zero in a word, for which there is no way through exec
        os.write(failure, str(errno.EINVAL).encode())
    finally:
        os._exit(NOT_EXECUTABLE)


def _leave_no_core() -> None:
    """Let a crash write no secret to the disk; the command may allow it again (`ulimit -c`)."""
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def _set_signals(ignored: frozenset[signal.Signals]) -> None:
    for each in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if callable(signal.getsignal(each)) or each in _RESET:
            signal.signal(each, signal.SIG_DFL)
    for each in ignored:
        signal.signal(each, signal.SIG_IGN)
