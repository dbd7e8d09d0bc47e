"""The bytes of one exchange: a body goes out, an answer comes back, each looked through."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from broker.proxy.desk import Desk
from broker.proxy.framing import Body, read_body
from broker.proxy.message import AnswerHead, RequestHead, parse_answer
from broker.proxy.outgoing import Injection, answer_head, is_expecting, switched_head
from broker.proxy.pausing import Pausing
from broker.proxy.problem import GoneError, RefusedError, bad_answer
from broker.proxy.rules import stray
from broker.proxy.tunnel import join
from broker.proxy.watching import Watch, Words
from broker.proxy.wire import SilentError, Wire

_MOST_INTERIM: Final = 16


class Passage:
    """The bytes of one exchange, once its head is sent."""

    def __init__(self, desk: Desk, child: Wire, server: Wire, injection: Injection | None) -> None:
        self._desk = desk
        self._limits = desk.limits
        self._child = child
        self._server = server
        self._injection = injection
        self.watch = Watch(desk.given)

    async def begin(self, sent: bytes) -> None:
        """Send the head. A server that is away is found out when its answer is heard."""
        await self._taken(sent)

    async def carry(
        self, head: RequestHead, body: Body, ready: bytes | None = None
    ) -> tuple[AnswerHead, asyncio.Future[bool]]:
        """Send the body and hear the answer's head, whichever comes first.

        Args:
            head: the child's.
            body: how the body is framed.
            ready: all of the body, where it was read before.
        """
        if body.is_empty:
            return await self.hear(), _nothing_to_send()
        pump = asyncio.create_task(self._pump(head, body, ready))
        ear = asyncio.create_task(self.hear())
        try:
            await asyncio.wait({pump, ear}, return_when=asyncio.FIRST_COMPLETED)
            if pump.done():
                await pump  # what the child did wrong is told, not what the server made of it
            return await ear, pump
        except BaseException:
            ear.cancel()
            pump.cancel()
            await asyncio.gather(ear, pump, return_exceptions=True)
            raise

    async def hear(self) -> AnswerHead:
        """Hear the head of an answer; interim ones are left out."""
        for _ in range(_MOST_INTERIM):
            answer = await self._heard()
            if not answer.is_interim:
                return answer
        raise bad_answer("the server says no more than that it is at work")

    async def _heard(self) -> AnswerHead:
        limits = self._limits
        try:
            lines = await self._server.head(
                limits.answer_seconds, limits.head_seconds, limits.head_bytes
            )
        except RefusedError as error:
            raise bad_answer(error.problem.detail) from None
        except SilentError:
            raise RefusedError(504, "silent", "the server does not answer in time") from None
        except GoneError:
            lines = None
        if lines is None:
            raise RefusedError(502, "no-answer", "the server closed without an answer")
        return parse_answer(lines, most=limits.fields)

    async def _pump(self, head: RequestHead, body: Body, ready: bytes | None) -> bool:
        """Send the body; tell whether all of it was taken."""
        watch = Watch(Words(*self._desk.rules.stand_ins.needles()))
        try:
            with Pausing(watch, self._server, body.frame) as passing:
                async for piece in self._pieces(head, body, ready):
                    safe = passing.feed(piece)
                    if watch.has_found:
                        raise stray()
                    if not await self._taken(safe):
                        return False
                last = passing.flush() + body.end()
        except (RefusedError, GoneError):
            self._server.abort()  # it must not take half a body for a whole one
            raise
        return await self._taken(last)

    async def _pieces(
        self, head: RequestHead, body: Body, ready: bytes | None
    ) -> AsyncIterator[bytes]:
        if ready is not None:
            yield ready
            return
        seconds = self._limits.silent_seconds
        await invite(head, self._child, seconds)
        async for piece in read_body(self._child, body, seconds):
            yield piece

    async def _taken(self, data: bytes) -> bool:
        try:
            await self._server.send(data, self._limits.silent_seconds)
        except GoneError:
            return False  # a server may answer and close before it has read all
        return True

    async def bring_back(self, answer: AnswerHead, body: Body, *, closes: bool) -> None:
        """Bring an answer to the child, without the credential."""
        seconds = self._limits.silent_seconds
        head = answer_head(answer, body, self._injection, self.watch, closes=closes)
        try:
            await self._child.send(head, seconds)
            with Pausing(self.watch, self._child, body.frame) as passing:
                async for piece in read_body(self._server, body, seconds):
                    if safe := passing.feed(piece):
                        await self._child.send(safe, seconds)
                if last := passing.flush() + body.end():
                    await self._child.send(last, seconds)
        except RefusedError as error:
            raise GoneError("the answer broke off") from error

    async def switch(self, answer: AnswerHead) -> None:
        """Begin a websocket, and pass its bytes until it ends."""
        head = switched_head(answer, self.watch, asked=True)
        await self._child.send(head, self._limits.silent_seconds)
        await join(self._child, self._server, self._limits.silent_seconds, self.watch)


async def invite(head: RequestHead, child: Wire, seconds: float) -> None:
    """Tell a child that waits for a word to send its body.

    Raises:
        RefusedError: it waits for something else.
        GoneError: it is away.
    """
    if is_expecting(head):
        await child.send(b"HTTP/1.1 100 Continue\r\n\r\n", seconds)


def _nothing_to_send() -> asyncio.Future[bool]:
    sent: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    sent.set_result(True)
    return sent


async def ended(pump: asyncio.Future[bool]) -> object:
    """Stop sending a body; return True if all of it was sent, or else what went wrong."""
    if pump.done():
        return pump.exception() or pump.result()
    pump.cancel()
    (result,) = await asyncio.gather(pump, return_exceptions=True)
    return result
