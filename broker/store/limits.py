"""The bounds that the ledger's scripts enforce."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts and lengths.

    ``outbox``: entries beyond which nothing is granted; ``children`` of one task; ``task_leases``
    alive at once in one task; ``lease_ms``: no lease is ever longer; ``task_ms``: nor any task;
    ``retention_ms``: how long an ended record stays for reports (a tombstone also outlives its
    credential).
    """

    outbox: int = 100_000
    children: int = 1_000
    task_leases: int = 100_000
    lease_ms: int = 12 * 3600 * 1000
    task_ms: int = 12 * 3600 * 1000
    retention_ms: int = 24 * 3600 * 1000
