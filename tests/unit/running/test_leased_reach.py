"""What an answer says of reach, on its way to the proxy."""

from msgspec import UNSET

from broker.reach.reach import NOTHING
from broker.running.leased_reach import LeasedReach

LINE = {"host": "api.test", "methods": ["GET"], "paths": ["/**"]}


def test_an_answer_that_does_not_say_leaves_it_to_routes() -> None:
    """As before."""
    assert LeasedReach().of(UNSET) is None


def test_an_unreadable_one_opens_nothing() -> None:
    """Nor does null, which no broker says."""
    reach = LeasedReach()

    assert reach.of([{**LINE, "queries": []}]) == NOTHING
    assert reach.of(None) == NOTHING


def test_the_newest_answer_counts() -> None:
    """Wider, narrower, unreadable, none: each takes the place of the one before."""
    reach, wide = LeasedReach(), [LINE, {**LINE, "host": "b.test"}]

    first, second = reach.of(wide), reach.of([LINE])

    assert first is not None
    assert second is not None
    assert (len(first.openings), len(second.openings)) == (2, 1)
    assert reach.of("?") == NOTHING
    assert reach.of(UNSET) is None
    assert reach.of(wide) == first


def test_one_answer_is_read_once() -> None:
    """Each request asks."""
    reach, written = LeasedReach(), [LINE]

    assert reach.of(written) is reach.of(written)
