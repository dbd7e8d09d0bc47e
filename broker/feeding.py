"""What moves events out of the ledger to those who want them, and into the audit trail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.audit.json_lines import JsonLinesSink
from broker.clock import Clock
from broker.faultpoints import FaultPoints
from broker.feed.hub import Hub, HubLimits
from broker.feed.shipper import Shipper
from broker.metrics import Metrics
from broker.model.capability import ResourceServer
from broker.restoration import Restoration
from broker.settings.settings import Settings
from broker.store.clock_bounds import ClockBounds
from broker.store.feed_log import FeedLog, LogLimits
from broker.store.link import Link


@dataclass(frozen=True, slots=True)
class FeedSide:
    """The feed log; who moves events into it; who tells subscribers; the audit trail."""

    log: FeedLog
    shipper: Shipper
    hub: Hub
    sink: JsonLinesSink


def feed_log_of(
    settings: Settings, link: Link, restoration: Restoration, bounds: ClockBounds
) -> FeedLog:
    """Make the feed log of a ledger."""
    feed = settings.feed
    return FeedLog(
        link,
        settings.store.namespace,
        limits=LogLimits(keep=feed.log_keep_entries, longest=feed.log_max_entries),
        gone_back=restoration.suspect,
        bounds=bounds,
    )


def feed_side_of(
    settings: Settings,
    log: FeedLog,
    servers: Callable[[], Mapping[str, ResourceServer]],
    *,
    clock: Clock,
    faults: FaultPoints,
    metrics: Metrics,
) -> FeedSide:
    """Make everything that stands on the feed log."""
    shipper = Shipper(
        log,
        settings.store.buckets,
        clock=clock,
        faults=faults,
        on_lag=lambda lag_ms: metrics.shipped(lag_ms / 1000),
    )
    hub = Hub(
        log,
        servers,
        clock=clock,
        limits=HubLimits(alive_ms=settings.feed.alive_ms),
        on_acknowledged=lambda lag_ms: metrics.acknowledged(lag_ms / 1000),
    )
    sink = JsonLinesSink(settings.audit.file, log, clock=clock, name=settings.audit.name)
    return FeedSide(log, shipper, hub, sink)
