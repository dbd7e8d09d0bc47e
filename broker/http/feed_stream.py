"""The body of ``GET /v1/feed``: server-sent events on one HTTP/1.1 connection."""

from typing import Final

from aiohttp import web

from broker.feed.messages import Framed

HEADERS: Final = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
"""A proxy that holds events back would make every verifier behind it refuse everything."""


class FeedStream:
    """A :class:`broker.feed.subscriber.Outlet`.

    What many subscribers get is framed once and written past the response to its transport; that is
    sound because the response is chunked and nothing else writes to it meanwhile.
    """

    def __init__(self, request: web.Request, response: web.StreamResponse) -> None:
        self._transport = request.transport
        self._response = response

    async def send(self, message: bytes) -> None:
        """Write one message and wait until the subscriber keeps up.

        Raises:
            ConnectionError: it is gone.
        """
        await self._response.write(message)

    def push(self, message: Framed) -> None:
        """Write one message that many get, without waiting. Does nothing when it is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(message.chunk)

    @property
    def backlog(self) -> int:
        """How many bytes wait to be sent."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    @property
    def is_closed(self) -> bool:
        """Whether the subscriber is gone."""
        return self._transport is None or self._transport.is_closing()

    def abort(self) -> None:
        """Drop the connection with all that waits."""
        if self._transport is not None:
            self._transport.abort()
