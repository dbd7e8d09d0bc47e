"""When a thing must be looked at again."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from broker.model.fact import Thing

_LONG_AGO_MS: Final = 1
"""Before it no review ends: 0 is never."""


def review_ends_ms(thing: Thing) -> int:
    """Return the instant from which its review is overdue: midnight UTC after the day; 0 is never.

    A date that is none counts as long past.
    """
    if not thing.review_by:
        return 0
    try:
        after = date.fromisoformat(thing.review_by) + timedelta(days=1)
    except (ValueError, OverflowError):
        return _LONG_AGO_MS
    midnight = datetime(after.year, after.month, after.day, tzinfo=UTC)
    return max(int(midnight.timestamp()) * 1000, _LONG_AGO_MS)


def is_overdue(thing: Thing, now_ms: int) -> bool:
    """Tell whether the review of a thing has been missed."""
    ends_ms = review_ends_ms(thing)
    return bool(ends_ms) and now_ms >= ends_ms
