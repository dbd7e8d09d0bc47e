"""What Prometheus may know of notices. Labels are names of the settings, and a closed set."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

OUTCOMES: Final = ("done", "failed", "given-up", "stopped")


class NoticeCounts:
    """Counts for one process, in the registry of its other counters."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._told = Counter(
            "jit_notices_total",
            "Attempts to tell a receiver of an event, by what came of them.",
            ("receiver", "outcome"),
            registry=registry,
        )
        self._waiting = Gauge(
            "jit_notices_waiting",
            "Messages that wait for a receiver, as the broker that tells it sees it.",
            ("receiver",),
            registry=registry,
        )

    def told(self, receiver: str, outcome: str) -> None:
        """Count one attempt."""
        self._told.labels(receiver, outcome if outcome in OUTCOMES else "other").inc()

    def waiting(self, receiver: str, count: int) -> None:
        """Show how many messages wait."""
        self._waiting.labels(receiver).set(count)
