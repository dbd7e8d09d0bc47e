"""Bytes that pass as they are: websockets after their handshake, and tunnels to other servers."""

import asyncio
from typing import Final

from broker.proxy.pausing import Pausing
from broker.proxy.problem import GoneError
from broker.proxy.watching import NO_WORDS, Watch
from broker.proxy.wire import PIECE, SilentError, Wire

_LAST_WORDS_SECONDS: Final = 30.0
"""How long a server may go on after the child has stopped talking."""


class _Silence:
    """Both directions share it: a download is no silence although nothing goes up."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()

    def is_over(self) -> bool:
        return self._loop.time() - self._last >= self._seconds

    def broken(self) -> None:
        self._last = self._loop.time()


async def join(child: Wire, server: Wire, seconds: float, watch: Watch) -> None:
    """Pass bytes both ways until one side closes; what comes from the server is watched."""
    silence = _Silence(seconds)
    forth = asyncio.create_task(_copy(child, server, silence, seconds, Watch(NO_WORDS)))
    back = asyncio.create_task(_copy(server, child, silence, seconds, watch))
    try:
        await asyncio.wait({forth, back}, return_when=asyncio.FIRST_COMPLETED)
        if not back.done() and forth.exception() is None and server.end_writing():
            await asyncio.wait({back}, timeout=_LAST_WORDS_SECONDS)
    finally:
        forth.cancel()
        back.cancel()
        await asyncio.gather(forth, back, return_exceptions=True)


async def _copy(source: Wire, sink: Wire, silence: _Silence, seconds: float, watch: Watch) -> None:
    with Pausing(watch, sink) as passing:
        while True:
            try:
                piece = await source.piece(PIECE, seconds)
            except SilentError:
                if silence.is_over():
                    raise
                continue
            except GoneError:
                return
            silence.broken()
            await sink.send(passing.feed(piece) if piece else passing.flush(), seconds)
            if not piece:
                return
