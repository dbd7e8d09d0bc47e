"""The messages of a session, both ways, after the login.

What the child sends passes as it is: the role's rights decide. What the server sends is looked
through for the password. A word that may have begun waits for the rest of its message, and never
longer: no word spans two messages, and clients wait for whole ones.
"""

import asyncio
from typing import Final

from broker.proxy.postgres.frames import Frames
from broker.proxy.postgres.refusal import ended, error_message
from broker.proxy.problem import GoneError, RefusedError
from broker.proxy.watching import Watch
from broker.proxy.wire import PIECE, Wire

_FOR_EVER: Final = 90 * 86_400.0
"""A session may say nothing as long as its credential lives; no task lives longer."""
_LAST_WORDS_SECONDS: Final = 5.0
"""How long a server that takes nothing more may still say why."""
_GOODBYE: Final = b"X\0\0\0\x04"


class Relay:
    """One session's bytes."""

    def __init__(self, child: Wire, server: Wire, watch: Watch, seconds: float) -> None:
        """Pass bytes between the two.

        Args:
            child: the client.
            server: the server.
            watch: looks for what must not come to the child.
            seconds: how long either may take nothing of what is sent to it.
        """
        self._child = child
        self._server = server
        self._watch = watch
        self._seconds = seconds
        self._frames = Frames()
        self._stopped = asyncio.Event()
        self.was_left = False
        """Whether the child ended the session, and not the server."""

    async def run(self) -> None:
        """Go on until either side ends it, or :meth:`abort` does."""
        forth = asyncio.create_task(self._forth())
        back = asyncio.create_task(self._back())
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait({forth, back, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not (self.was_left or self._stopped.is_set()):
                await asyncio.wait({back}, timeout=_LAST_WORDS_SECONDS)
        finally:
            for each in (forth, back, stopped):
                each.cancel()
            await asyncio.gather(forth, back, stopped, return_exceptions=True)

    def abort(self) -> None:
        """End it at once, whatever is under way."""
        self._stopped.set()

    async def say_cut(self) -> None:
        """Tell the child that the session is cut, if it is not in the middle of a message."""
        if self._frames.is_between:
            await self._child.send(error_message(ended()), _LAST_WORDS_SECONDS)

    async def _forth(self) -> None:
        while piece := await self._from_child():
            self.was_left = piece.endswith(_GOODBYE)
            try:
                await self._server.send(piece, self._seconds)
            except GoneError:
                return
        self.was_left = True

    async def _from_child(self) -> bytes:
        try:
            return await self._child.piece(PIECE, _FOR_EVER)
        except GoneError:
            return b""

    async def _back(self) -> None:
        try:
            while piece := await self._server.piece(PIECE, _FOR_EVER):
                self._frames.follow(piece)
                safe = self._watch.feed(piece)
                if self._frames.is_between:
                    safe += self._watch.flush()
                await self._child.send(safe, self._seconds)
        except (GoneError, RefusedError):
            return  # a server that is not understood is as good as one that is away
