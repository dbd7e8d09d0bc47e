"""Brings the metrics of what is in the ledger up to date."""

from broker.clock import Clock
from broker.errors import UnavailableError
from broker.metrics import Metrics
from broker.replica import Replica
from broker.store.census import Counting


class CensusWatch:
    """Counts, and tells the metrics."""

    def __init__(
        self, counting: Counting, replica: Replica, metrics: Metrics, clock: Clock
    ) -> None:
        self._counting = counting
        self._replica = replica
        self._metrics = metrics
        self._clock = clock

    async def look(self) -> None:
        """Count once."""
        try:
            tenants = self._replica.registered.tenants
            census = await self._counting.take(tenants, self._clock.now_ms())
        except UnavailableError:
            return  # the watchers report it
        self._metrics.outbox(census.outbox)
        self._metrics.stuck(census.stuck)
        self._metrics.live(census.credentials)
        self._metrics.dying(census.dying, census.overdue)
