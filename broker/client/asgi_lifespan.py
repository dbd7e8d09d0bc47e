"""A verifier that lives as long as an ASGI application does."""

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from broker.client.verifier import Verifier

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Lifespan:
    """Opens the verifier before the application starts, and closes it after it has shut down.

    The application's own lifespan goes on inside. One that has none is served all the same, because
    the verifier needs it.
    """

    def __init__(
        self, app: App, verifier: Verifier | AbstractAsyncContextManager[Verifier]
    ) -> None:
        self._app = app
        self._opener = None if isinstance(verifier, Verifier) else verifier
        self.verifier = verifier if isinstance(verifier, Verifier) else None
        """What judges tokens now; None before the start and after the end."""

    async def run(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve the lifespan's connection.

        Raises:
            Exception: what opening the verifier, or the application's own start, has raised.
        """
        if self._opener is None:
            await self._app(scope, receive, send)
            return
        first = await receive()  # lifespan.startup
        try:
            self.verifier = await self._opener.__aenter__()
        except Exception as error:
            text = f"the verifier could not be opened: {type(error).__name__}"
            await send({"type": "lifespan.startup.failed", "message": text})
            raise
        try:
            await self._serve(scope, first, receive, send)
        finally:
            await self._close()

    async def _serve(self, scope: Message, first: Message, receive: Receive, send: Send) -> None:
        events = [first]
        has_answered = False

        async def replay() -> Message:
            return events.pop() if events else await receive()

        async def closing(message: Message) -> None:
            nonlocal has_answered
            has_answered = True
            if message["type"] != "lifespan.startup.complete":
                await self._close()  # before the server hears of the end, and stops the loop
            await send(message)

        try:
            await self._app(scope, replay, closing)
        except Exception:
            if has_answered:
                raise
        if not has_answered:
            await self._alone(receive, send)

    async def _alone(self, receive: Receive, send: Send) -> None:
        """Serve an application that knows no lifespan."""
        await send({"type": "lifespan.startup.complete"})
        await receive()  # lifespan.shutdown
        await self._close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _close(self) -> None:
        opener, self._opener = self._opener, None
        self.verifier = None
        if opener is not None:
            await opener.__aexit__(None, None, None)
