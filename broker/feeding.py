"""What moves events out of the ledger to those who want them, as the settings say."""

from collections.abc import Callable, Mapping

from broker.clock import Clock
from broker.faultpoints import FaultPoints
from broker.feed.hub import Hub, HubLimits
from broker.feed.shipper import Shipper
from broker.metrics import Metrics
from broker.model.capability import ResourceServer
from broker.settings.settings import Settings
from broker.store.feed_log import FeedLog

Servers = Callable[[], Mapping[str, ResourceServer]]
"""Who is registered to hear, as of now."""


def shipper_of(
    settings: Settings, log: FeedLog, clock: Clock, faults: FaultPoints, metrics: Metrics
) -> Shipper:
    """Make what moves outboxes into the feed log."""
    return Shipper(
        log,
        settings.store.buckets,
        clock=clock,
        faults=faults,
        on_lag=lambda lag_ms: metrics.shipped(lag_ms / 1000),
    )


def hub_of(
    settings: Settings, log: FeedLog, servers: Servers, clock: Clock, metrics: Metrics
) -> Hub:
    """Make what tells resource servers."""
    return Hub(
        log,
        servers,
        clock=clock,
        limits=HubLimits(alive_ms=settings.feed.alive_ms),
        on_acknowledged=lambda lag_ms: metrics.acknowledged(lag_ms / 1000),
    )
