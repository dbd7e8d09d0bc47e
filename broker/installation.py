"""Reaching the ledger of an installation from a command that runs beside the brokers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from broker.clock import SystemClock
from broker.settings.settings import Settings
from broker.store.clock_bounds import ClockBounds
from broker.store.connect import connect
from broker.store.ledger import Ledger
from broker.store.limits import Limits
from broker.store.link import Link


@dataclass(frozen=True, slots=True)
class Installation:
    """The settings of one broker, and the ledger that they name."""

    settings: Settings
    link: Link
    ledger: Ledger


@asynccontextmanager
async def open_installation(settings: Settings) -> AsyncIterator[Installation]:
    """Connect, and disconnect at the end.

    Raises:
        StoreUnavailableError: the ledger does not answer.
    """
    link = await connect(settings.store)
    try:
        store = settings.store
        limits = Limits(
            task_ms=settings.tasks.max_ttl_seconds * 1000,
            retention_ms=settings.retention_seconds * 1000,
        )
        ledger = Ledger.over(link, namespace=store.namespace, buckets=store.buckets, limits=limits)
        yield Installation(settings, link, ledger)
    finally:
        await link.close()


def ledger_limits(settings: Settings) -> Limits:
    """Return the bounds that the ledger's scripts enforce."""
    return Limits(
        outbox=settings.feed.outbox_max_entries,
        children=settings.tasks.max_children,
        task_leases=settings.tasks.max_live_credentials,
        task_ms=settings.tasks.max_ttl_seconds * 1000,
        retention_ms=settings.retention_seconds * 1000,
    )


def as_broker(found: Installation) -> Ledger:
    """Return the ledger as a broker sees it: with a clock that is believed within bounds only."""
    settings, store = found.settings, found.settings.store
    return Ledger.over(
        found.link,
        namespace=store.namespace,
        buckets=store.buckets,
        limits=ledger_limits(settings),
        bounds=ClockBounds(SystemClock(), settings.clock.max_skew_ms, store.deadline_ms),
    )
