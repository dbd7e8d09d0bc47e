"""What the broker's API answers about a candidate (``docs/api.md``), typed. Names are its own."""

from datetime import datetime

import msgspec


class ShadowDifference(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of one agent for one capability that would go the other way; ``*``: of others.

    ``direction`` is ``now-refused`` or ``now-granted``.
    """

    direction: str
    agent: str
    capability: str
    count: int


class ShadowReport(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate that decides beside what is published, and what its answers come to."""

    is_running: bool
    digest: str
    by: str
    reason: str
    started_at: datetime
    stopped_at: datetime | None
    outcomes: dict[str, int]
    differences: tuple[ShadowDifference, ...]
