"""A process between a server and whoever started it, so that the server outlives neither.

Run as a script, with the server's command line as arguments. It prints the server's process id, and
ends the server when standard input reaches its end: the starter holds the other end of that pipe,
and the kernel closes it however the starter dies. Should the guardian itself be killed, the kernel
kills the server (Linux). It imports the standard library only and nothing of the broker, so that it
starts quickly.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence

GRACE_S = 5.0
"""How long the server may take to end in good order."""

PR_SET_PDEATHSIG = 1
"""Linux, prctl(2): the signal to receive when the parent thread dies."""

LIBC = ctypes.CDLL(None)


def main(command: Sequence[str]) -> int:
    """Run the server until it ends, or until standard input does; return its status."""
    wakeup = _watch_signals()
    guardian = os.getpid()
    server = subprocess.Popen(  # noqa: S603 - the starter's own command line
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        close_fds=False,  # the lock on the directory goes along, and lives as long as the server
        preexec_fn=lambda: _die_with(guardian),  # noqa: PLW1509 - there are no threads here
    )
    print(server.pid, flush=True)  # noqa: T201 - this is how the starter learns it
    while server.poll() is None:
        readable, _, _ = select.select([sys.stdin.fileno(), wakeup], [], [])
        if sys.stdin.fileno() in readable or _is_terminated(wakeup):
            return _end(server)
    return server.returncode


def _watch_signals() -> int:
    reader, writer = os.pipe()
    for end in (reader, writer):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return reader


def _is_terminated(wakeup: int) -> bool:
    return signal.SIGTERM in os.read(wakeup, 64)


def _die_with(guardian: int) -> None:
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guardian:  # it died before the call above: no signal will come
            os.kill(os.getpid(), signal.SIGKILL)


def _end(server: "subprocess.Popen[bytes]") -> int:
    server.terminate()
    try:
        return server.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        server.kill()
        return server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
