"""Instants as tools write them: RFC 3339 in UTC, in whole seconds.

Rounded down, so that nobody takes a credential for longer than it lives.
"""

from datetime import UTC, datetime


def seconds_of(instant_ms: int) -> int:
    """Return an instant in whole seconds since the epoch."""
    return instant_ms // 1000


def written(instant_ms: int) -> str:
    """Write an instant: ``2026-11-24T05:05:00Z``."""
    at = datetime.fromtimestamp(seconds_of(instant_ms), UTC)
    return at.replace(tzinfo=None).isoformat() + "Z"


def read(text: str) -> int:
    """Read an instant with its offset from UTC, as milliseconds since the epoch.

    Raises:
        ValueError: it is none, or says no offset.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant without an offset from UTC")
    return int(at.timestamp() * 1000)
