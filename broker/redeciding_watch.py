"""Says for how long facts have changed without what was granted being decided again."""

from typing import Final

from broker.clock import Clock
from broker.errors import StoreUnavailableError
from broker.gate import Gate, Hindrance
from broker.metrics import Metrics
from broker.store.redo_ledger import RedoLedger

REDECIDING: Final = "redeciding"

LATE_S: Final = 10.0
"""From here on it is told: five times as long as it should take (I15)."""


class RedecidingWatch:
    """Remarks what lags. It closes nothing: new access is decided by what is in force."""

    def __init__(self, redo: RedoLedger, clock: Clock, gate: Gate, metrics: Metrics) -> None:
        self._redo = redo
        self._clock = clock
        self._gate = gate
        self._metrics = metrics

    async def look(self) -> None:
        """Look at every bucket."""
        try:
            since = [each for each in await self._redo.waiting_since() if each]
        except StoreUnavailableError:
            return  # the store's watcher reports it
        now_ms = self._clock.now_ms()
        waited_s = max(0, now_ms - min(since, default=now_ms)) / 1000
        self._metrics.redeciding_waits(waited_s, len(since))
        late = [_late(len(since), waited_s)] if waited_s > LATE_S else []
        self._gate.remark(REDECIDING, *late)


def _late(buckets: int, waited_s: float) -> Hindrance:
    return Hindrance(
        f"what is alive in {buckets} buckets has not been decided again for {waited_s:.0f} s",
        "look for `redeciding-failed` in the logs, and whether a broker has the published "
        "revision; with very many alive, raise `reevaluation.busy_percent` or start more brokers",
    )
