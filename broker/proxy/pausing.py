"""A stream that pauses: what its watch holds back for what may follow passes, if it says little.

A message of a websocket may end by a letter with which the credential begins, and its sender wait
for an answer to it.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Self

from broker.proxy.watching import Watch
from broker.proxy.wire import Wire

_PAUSE_SECONDS: Final = 0.05
"""Longer than the pieces of one message are apart, shorter than anybody minds."""


class Pausing:
    """Feeds a watch while the block lasts, and lets go of what little it holds in each pause."""

    def __init__(self, watch: Watch, sink: Wire, frame: Callable[[bytes], bytes] = bytes) -> None:
        self._watch = watch
        self._sink = sink
        self._frame = frame
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def feed(self, piece: bytes) -> bytes:
        """Return what may pass now, in its frame."""
        self._stop()
        safe = self._watch.feed(piece)
        if self._watch.is_waiting:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_PAUSE_SECONDS, self._let_go)
        return self._frame(safe)

    def flush(self) -> bytes:
        """Return what is left at the end of the stream, in its frame."""
        self._stop()
        return self._frame(self._watch.flush())

    def _let_go(self) -> None:
        self._sink.add(self._frame(self._watch.pause()))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
