"""The heartbeat of the feed: what keeps strict verifiers serving, and only while it is true."""

import asyncio
from collections.abc import Sequence
from typing import Final

from broker.clock import Clock
from broker.errors import StoreUnavailableError
from broker.feed import messages
from broker.feed.channels import Channels
from broker.feed.messages import Framed
from broker.feed.reader import Reader
from broker.feed.subscriber import Ending, Subscriber
from broker.store.feed_subscribers import FeedSubscribers, Pulse

LATE_MS: Final = 500
"""An alive message that would be later than this after its reading is not sent: a verifier takes
the first one of a connection for news, and its bound for exact."""


class Heart:
    """Every ``alive_ms``: ends what has no right to go on, tells the rest that all is read."""

    def __init__(
        self,
        subscribers: FeedSubscribers,
        reader: Reader,
        channels: Channels,
        *,
        clock: Clock,
        alive_ms: int,
    ) -> None:
        self._subscribers = subscribers
        self._reader = reader
        self._channels = channels
        self._clock = clock
        self._alive_ms = alive_ms

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await asyncio.sleep(self._alive_ms / 1000)
            self._channels.check(self._clock.now_ms())
            await asyncio.gather(
                *(
                    self.beat(channel.registration.audience, page)
                    for channel in self._channels
                    for page in channel.pages()
                )
            )

    async def beat(self, audience: str, page: Sequence[Subscriber]) -> None:
        """Send up to a page of subscribers one alive message; none when it would not be true."""
        started_ms = self._clock.monotonic_ms()
        epoch, seq = self._reader.epoch, self._reader.seq
        try:
            pulse = await self._subscribers.pulse(
                audience, [one.connection for one in page], last=self._reader.last_read
            )
            if not self._is_credible(pulse, epoch, seq):
                return
            async with asyncio.timeout(LATE_MS / 1000):
                await self._reader.reach(pulse.epoch, pulse.seq)
        except (StoreUnavailableError, TimeoutError):
            return
        if self._clock.monotonic_ms() - started_ms <= LATE_MS:
            self._say(page, pulse)

    def _is_credible(self, pulse: Pulse, epoch: str, seq: int) -> bool:
        """Compare with what the reader knew when it was asked for."""
        if not pulse.sure:
            return False
        if pulse.epoch != epoch or pulse.seq < seq:
            self._reader.doubt()
            return False
        if not pulse.agrees:
            self._reader.refute()
        return pulse.agrees

    def _say(self, page: Sequence[Subscriber], pulse: Pulse) -> None:
        # The reader may be further by now, and a subscriber's position never goes back.
        message = Framed(messages.alive(pulse.epoch, self._reader.seq, pulse.now_ms))
        for subscriber in page:
            if subscriber.connection.subscriber in pulse.replaced:
                subscriber.end(Ending.REPLACED)
            else:
                subscriber.push(message)
