"""A review is in order through its last day, by UTC."""

from datetime import UTC, datetime

import pytest

from broker.facts.review import is_overdue, review_ends_ms
from tests.fakes.facts import thing

MIDNIGHT_MS = int(datetime(2030, 2, 1, tzinfo=UTC).timestamp()) * 1000


def test_the_last_day_is_in_order_to_its_end() -> None:
    """And not a millisecond longer."""
    agent = thing("agent:a", review_by="2030-01-31")

    assert review_ends_ms(agent) == MIDNIGHT_MS
    assert not is_overdue(agent, MIDNIGHT_MS - 1)
    assert is_overdue(agent, MIDNIGHT_MS)


def test_without_a_date_nothing_is_overdue() -> None:
    """Whenever it is asked."""
    assert not is_overdue(thing("agent:a"), 10**15)


@pytest.mark.parametrize("review_by", ["1969-12-30", "1969-12-31", "1970-01-01", "0001-01-01"])
def test_a_day_that_ended_when_time_began_is_long_over(review_by: str) -> None:
    """What a system that knows no date may well write is no review for ever."""
    assert is_overdue(thing("agent:a", review_by=review_by), MIDNIGHT_MS)


@pytest.mark.parametrize("review_by", ["soon", "9999-12-31"])
def test_a_date_that_cannot_be_counted_with_is_overdue(review_by: str) -> None:
    """Unsure is no yes."""
    assert is_overdue(thing("agent:a", review_by=review_by), 1)
