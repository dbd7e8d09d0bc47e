"""Keeps a view in step with the broker's feed, for as long as it is entered.

It never gives up: whatever goes wrong, it connects again after a jittered delay, from where the
view stands (or from a snapshot when the view has a gap). Meanwhile the view grows old, and a strict
one refuses everything; so a feed that fails for good fails closed.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import aiohttp

from broker.client.acknowledger import Acknowledger
from broker.client.backoff import Backoff
from broker.client.endpoint import Endpoint
from broker.client.frames import MAX_MESSAGE_BYTES, Alive, FeedError, Position, parse_message
from broker.client.sse import SseEvent, SseOverflowError, SseParser
from broker.client.transport import Call, Transport
from broker.client.view import View

SUBSCRIBER: Final = re.compile(r"[a-z0-9-]{8,64}", re.ASCII)
"""What a subscriber may call itself (``docs/architecture.md``)."""

_LOG: Final = logging.getLogger(__name__)


class Subscription:
    """One subscriber of the feed. An async context manager that owns its background tasks."""

    def __init__(
        self,
        endpoint: Endpoint,
        view: View,
        *,
        subscriber: str,
        silence_seconds: float = 5.0,
        new_backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        """Fix whom to follow as whom.

        Args:
            endpoint: the broker, with this resource server's workload identity.
            view: what to keep in step. Nobody else may apply messages to it.
            subscriber: this process's own name, stable and unlike any other's: 8 to 64 of a-z, 0-9
                and ``-``.
            silence_seconds: a connection that says nothing for so long is given up. It also bounds
                the delay that a connection can hide from the view's age.
            new_backoff: makes the delays between tries.

        Raises:
            ValueError: the subscriber's name is not well-formed.
        """
        if SUBSCRIBER.fullmatch(subscriber) is None:
            raise ValueError("subscriber must be 8 to 64 characters of a-z, 0-9 and '-'")
        self._endpoint = endpoint
        self._view = view
        self._subscriber = subscriber
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=silence_seconds, sock_read=silence_seconds
        )
        self._transport = Transport(endpoint, timeout_seconds=silence_seconds)
        self._backoff = new_backoff()
        self._acknowledger = Acknowledger(lambda: view.position, self._acknowledge, new_backoff())
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._follow()),
            asyncio.create_task(self._acknowledger.run()),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait_current(self) -> None:
        """Wait until the view is complete and young enough to be relied on."""
        while not self._view.is_current():
            self._changed.clear()
            await self._changed.wait()

    async def _follow(self) -> None:
        while True:
            try:
                await self._stream()
            except Exception as error:  # noqa: BLE001  a dead follower would refuse everything for ever
                reason = str(error) if isinstance(error, FeedError) else type(error).__name__
                _LOG.warning("the feed broke off: %s", reason)
            await asyncio.sleep(self._backoff.next_seconds())

    async def _stream(self) -> None:
        self._endpoint.require_home()
        url = self._endpoint.url("v1", "feed")
        async with self._endpoint.session.get(
            url,
            params=self._where(),
            headers={"Accept": "text/event-stream", **await self._endpoint.headers("GET", url)},
            allow_redirects=False,
            timeout=self._timeout,
            ssl=await self._endpoint.tls_context(),
        ) as answer:
            self._endpoint.heed(url, answer.headers)
            if answer.status != HTTPStatus.OK or answer.content_type != "text/event-stream":
                raise FeedError(f"the broker answered {answer.status}, not a stream of events")
            self._view.connected()
            self._acknowledger.restart()
            await self._read(answer.content)
        raise FeedError("the broker ended the stream")

    async def _read(self, stream: aiohttp.StreamReader) -> None:
        parser = SseParser(max_event_bytes=MAX_MESSAGE_BYTES)
        try:
            async for chunk in stream.iter_any():
                for event in parser.feed(chunk):
                    self._apply(event)
        except SseOverflowError as error:
            raise FeedError(str(error)) from error

    def _apply(self, event: SseEvent) -> None:
        message = parse_message(event)
        if message is None:
            return
        self._view.apply(message)
        if isinstance(message, Alive) and self._view.is_complete:
            if not self._view.is_current():
                raise FeedError("the stream lags behind the ledger")
            self._backoff.reset()
        self._acknowledger.wake()
        self._changed.set()

    def _where(self) -> dict[str, str]:
        where = {"subscriber": self._subscriber}
        position = self._view.position
        if position is not None:
            where |= {"after": str(position.seq), "epoch": str(position.epoch)}
        return where

    async def _acknowledge(self, position: Position) -> None:
        where = {"seq": position.seq, "epoch": str(position.epoch)}
        body = {"subscriber": self._subscriber, **where}
        await self._transport.done(Call("POST", ("v1", "feed", "ack"), json=body))
