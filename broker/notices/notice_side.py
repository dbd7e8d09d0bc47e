"""Builds what tells people and their systems: receivers, the courier, the alarm."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import ClientSession, DummyCookieJar, TCPConnector

from broker.attestation.url_reader import CarefulResolver
from broker.clock import Clock
from broker.notices.alarm import Alarm
from broker.notices.counts import NoticeCounts
from broker.notices.courier import Courier
from broker.notices.mail import MailReceiver
from broker.notices.notice import Notice
from broker.notices.outcome import Receiver
from broker.notices.telling import Means
from broker.notices.webhook import WebhookReceiver
from broker.settings.notify import Notify
from broker.settings.settings import Settings
from broker.store.feed_log import FeedLog
from broker.store.ledger import Ledger
from broker.store.link import Link
from broker.store.notice_ledger import NoticeLedger

GIVEN_UP = "notice.given-up"
"""The event that says that a receiver was not told something."""


class NoticeSession:
    """The session in which webhooks are sent. It is opened when the first one is."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None

    def get(self) -> ClientSession:
        """Return it. Each message has a connection of its own: none is found dead."""
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(resolver=CarefulResolver(), force_close=True),
                cookie_jar=DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
            )
        return self._session

    async def close(self) -> None:
        """Close it, if it was opened."""
        if self._session is not None:
            await self._session.close()


def receivers_of(settings: Notify, session: NoticeSession, clock: Clock) -> list[Receiver]:
    """Make every receiver that the settings name."""
    found: list[Receiver] = [
        WebhookReceiver(each, session.get, clock) for each in settings.webhooks
    ]
    if settings.smtp is not None:
        found += [MailReceiver(settings.smtp, each) for each in settings.smtp.mails]
    return found


@dataclass(frozen=True, slots=True)
class NoticeSide:
    """Everything that tells somebody, of one broker."""

    receivers: Sequence[Receiver]
    ledger: NoticeLedger
    courier: Courier
    alarm: Alarm
    session: NoticeSession

    async def close(self) -> None:
        """Let the turn go, and close the connections."""
        await self.courier.leave()
        await self.session.close()


def notice_side_of(
    given: Settings,
    link: Link,
    *,
    ledger: Ledger,
    log: FeedLog,
    counts: NoticeCounts,
    clock: Clock,
) -> NoticeSide:
    """Make it."""
    session, settings = NoticeSession(), given.notify
    receivers = receivers_of(settings, session, clock)
    kept = NoticeLedger(link, given.store.namespace)

    async def gave_up(receiver: Receiver, notice: Notice, why: str) -> None:
        detail = {"receiver": receiver.name, "message": notice.id, "event": notice.type, "why": why}
        await ledger.reconciliations.tell(GIVEN_UP, "", detail)

    means = Means(
        ledger=kept,
        settings=settings,
        counts=counts,
        gave_up=gave_up,
        jitter=lambda: secrets.randbelow(1_000) / 1_000,
    )
    courier = Courier(ledger.ids.operation(), receivers, log, means)
    return NoticeSide(
        receivers, kept, courier, Alarm(receivers, clock, settings.deadline_ms), session
    )
