"""The revocation feed of one broker: one reader of the log, any number of subscribers.

- A subscriber misses nothing: see :mod:`broker.feed.catch_up` and the ``prev`` of each frame.
- A message is made once per audience and written to each of its subscribers without waiting; who
  does not keep up is cut off and resumes.
- An alive message names an instant at which the log was really read. When the store is lost there
  is none, and strict verifiers fail closed.
- When the log begins anew (another epoch) every connection ends: each subscriber takes a snapshot.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from broker.clock import Clock
from broker.errors import (
    InvalidRequestError,
    NotFoundError,
    StoreUnavailableError,
    UnavailableError,
)
from broker.feed.catch_up import CatchUp, LostTrackError, Ticket
from broker.feed.channel import Channel
from broker.feed.channels import Channels, Servers
from broker.feed.heart import Heart
from broker.feed.messages import Framed
from broker.feed.reader import Reader
from broker.feed.subscriber import Ending, Outlet, Subscriber
from broker.model.principal import Principal
from broker.store.feed_event import Announcement, announcement
from broker.store.feed_log import FeedLog
from broker.store.feed_subscribers import Acknowledged, Connection


@dataclass(frozen=True, slots=True)
class HubLimits:
    """What subscribers get and what they may take.

    ``alive_ms`` lie between alive messages. ``subscribers`` is the most of one audience, at all
    brokers together. ``recent`` events are kept in memory. ``catch_up_ms`` is how long one
    subscriber's way to the present may take.
    """

    alive_ms: int = 1_000
    subscribers: int = 500
    recent: int = 10_000
    catch_up_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a subscriber says it stands: it knows everything up to ``after`` of an epoch."""

    after: int = 0
    epoch: str = ""


class Hub:
    """Serves subscribers. Call :meth:`run` in a task of its own.

    ``on_acknowledged`` hears how many milliseconds after the ledger's end of an access a subscriber
    refused it.
    """

    def __init__(
        self,
        feed_log: FeedLog,
        servers: Servers,
        *,
        clock: Clock,
        limits: HubLimits | None = None,
        new_nonce: Callable[[], str] = lambda: secrets.token_hex(8),
        on_acknowledged: Callable[[int], None] = lambda _lag_ms: None,
    ) -> None:
        self._log = feed_log
        self._clock = clock
        self._on_acknowledged = on_acknowledged
        self._limits = limits or HubLimits()
        self._new_nonce = new_nonce
        self._is_closed = False
        self._channels = Channels(servers)
        self._reader = Reader(
            feed_log,
            capacity=self._limits.recent,
            on_events=self._channels.publish,
            on_break=lambda: self._channels.end(Ending.BROKEN),
            is_heard=lambda: not self._channels.is_silent,
        )
        self._heart = Heart(
            feed_log.subscribers,
            self._reader,
            self._channels,
            clock=clock,
            alive_ms=self._limits.alive_ms,
        )

    async def run(self) -> None:
        """Read and send until cancelled; then every connection ends."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._reader.run())
                tasks.create_task(self._heart.run())
        finally:
            self.close()

    def close(self) -> None:
        """End every connection and take no more. Call it before the HTTP server waits for them."""
        self._is_closed = True
        self._channels.end(Ending.CLOSING)

    async def join(self, caller: Principal, subscriber: str, resume: Resume) -> Ticket | None:
        """Register a subscriber of the caller's audience; then :meth:`serve` it.

        None when the audience has all the subscribers that it may have.

        Raises:
            AccessDeniedError: the caller is no resource server that is registered for the feed.
            StoreUnavailableError: the store is lost.
            UnavailableError: this broker stops.
        """
        registration = self._channels.admit(caller)
        if self._is_closed:
            raise UnavailableError("this broker stops: connect to another one")
        connection = Connection(subscriber, self._new_nonce())
        joined = await self._log.subscribers.join(
            registration.registered,
            connection,
            after=resume.after,
            epoch=resume.epoch,
            most=self._limits.subscribers,
        )
        if joined is None:
            return None
        is_known = resume.epoch == joined.epoch and joined.first - 1 <= resume.after <= joined.seq
        after = resume.after if is_known else None
        return Ticket(registration, connection, joined, after, caller.expires_at_ms)

    async def serve(self, ticket: Ticket, outlet: Outlet) -> Ending:
        """Send a subscriber everything, until its connection ends; returns why it did.

        It ends at the latest when the evidence expires that the caller showed.
        """
        subscriber = Subscriber(ticket.connection, outlet, ends_at_ms=ticket.ends_at_ms)
        try:
            async with asyncio.timeout(self._limits.catch_up_ms / 1000):
                last = await CatchUp(self._log, self._reader, ticket, outlet).run()
                # Nothing gives way between the catch-up's last look at the reader and this.
                channel = self._attach(subscriber, ticket, last)
        except TimeoutError:
            outlet.abort()
            return Ending.SLOW
        except (LostTrackError, StoreUnavailableError):
            return Ending.BROKEN
        except ConnectionError:
            return Ending.GONE
        return await self._stay(subscriber, channel)

    async def acknowledge(self, caller: Principal, subscriber: str, seq: int, epoch: str) -> None:
        """Note that a subscriber of the caller's audience refuses all that it was told up to seq.

        Raises:
            AccessDeniedError: the caller is no resource server that is registered for the feed.
            NotFoundError: no such subscriber is connected; connect first.
            InvalidRequestError: ``seq`` or ``epoch`` is none that it can have been told.
            StoreUnavailableError: the outcome is unknown; repeat it.
        """
        audience = self._channels.admit(caller).audience
        match await self._log.subscribers.acknowledge(audience, subscriber, seq, epoch=epoch):
            case Acknowledged.UNKNOWN:
                raise NotFoundError("no such subscriber is connected")
            case Acknowledged.STALE:
                raise InvalidRequestError("of another epoch: connect again", field="epoch")
            case Acknowledged.AHEAD:
                raise InvalidRequestError("the feed is not there yet", field="seq")
            case Acknowledged.OK:
                await self._measure(seq)

    async def _measure(self, seq: int) -> None:
        is_known = self._reader.floor < seq <= self._reader.seq
        event = self._reader.at(seq) if is_known else await self._read(seq)
        if event is not None and event.at_ms:
            self._on_acknowledged(max(0, self._clock.now_ms() - event.at_ms))

    async def _read(self, seq: int) -> Announcement | None:
        """Read an event that the reader does not have: its subscriber may listen elsewhere."""
        with contextlib.suppress(StoreUnavailableError):
            entry = await self._log.entry(seq)
            return announcement(seq, entry.change) if entry is not None else None
        return None

    def _attach(self, subscriber: Subscriber, ticket: Ticket, last: bytes) -> Channel:
        channel = self._channels.of(ticket.registration, self._reader.last)
        if last:
            subscriber.push(Framed(last))
        channel.attach(subscriber)
        self._reader.wake()
        if self._is_closed:
            subscriber.end(Ending.CLOSING)
        return channel

    async def _stay(self, subscriber: Subscriber, channel: Channel) -> Ending:
        try:
            await self._heart.beat(channel.registration.audience, [subscriber])
            await subscriber.wait()
        finally:
            channel.detach(subscriber)
        return subscriber.ending
