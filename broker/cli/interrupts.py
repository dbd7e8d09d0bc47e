"""Ctrl-C and SIGTERM end a command: what it began is cleaned up, and its exit code says so.

Where a command runs an event loop, the signal cancels its work as if it had been awaited no longer;
anywhere else it raises ``KeyboardInterrupt``. Both lead to 128 + the signal's number, never to a
traceback.
"""

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final, TypeVar

from click.exceptions import Exit

T = TypeVar("T")

STOPPING: Final = (signal.SIGINT, signal.SIGTERM)
"""The signals that end a command."""

IGNORED: Final = frozenset(
    each
    for each in signal.Signals
    if each not in {signal.SIGPIPE, signal.SIGXFSZ} and signal.getsignal(each) is signal.SIG_IGN
)
"""What was ignored when this process began (``nohup``, ``&`` in a script); not what Python ignores
for itself. Looked at here, because we are imported before anything listens to signals."""

_SHELL: Final = 128
"""What shells add to a signal's number."""


@dataclass
class Heard:
    """The first signal that came, or none."""

    number: int = 0

    @property
    def exit_code(self) -> int:
        """Return what the signal makes of the exit code; 0: there was none."""
        return _SHELL + self.number if self.number else 0


@contextmanager
def obeying() -> Iterator[Heard]:
    """Let both signals raise ``KeyboardInterrupt`` within the block, and remember the first.

    What runs meanwhile may turn that into any other exception: a library in C does.
    """
    heard = Heard()

    def stop(number: int, _: FrameType | None) -> None:
        heard.number = heard.number or number
        raise KeyboardInterrupt

    if not _is_main():
        yield heard
        return
    before = [(number, signal.signal(number, stop)) for number in STOPPING]
    try:
        yield heard
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's asynchronous work to its end, or until it is told to stop.

    Raises:
        Exit: it was told to stop, and has cleaned up.
    """
    if not _is_main():
        return asyncio.run(work)
    before = [(number, signal.getsignal(number)) for number in STOPPING]
    try:
        return asyncio.run(_stoppable(work))
    finally:
        for number, handler in before:
            signal.signal(number, handler)


async def _stoppable(work: Coroutine[Any, Any, T]) -> T:
    task, heard = asyncio.ensure_future(work), Heard()

    def stop(number: int) -> None:
        heard.number = heard.number or number
        task.cancel()

    for number in STOPPING:
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    try:
        return await task
    except (asyncio.CancelledError, Exception):
        if heard.number:
            raise Exit(heard.exit_code) from None
        raise


def _is_main() -> bool:
    """Only there can signals be handled."""
    return threading.current_thread() is threading.main_thread()
