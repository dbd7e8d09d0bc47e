"""The events that a hub remembers."""

from broker.feed.recent import Recent
from broker.model.capability import CheckMode, ResourceServer
from broker.store.feed_event import Announcement

A = ResourceServer("https://a", CheckMode.FEED, frozenset({"*"}))
B = ResourceServer("https://b", CheckMode.FEED, frozenset({"*"}))


def remember(capacity: int, floor: int, *events: tuple[int, str]) -> Recent:
    """Remember events by seq and audience."""
    recent = Recent(capacity, floor)
    for seq, audience in events:
        recent.add(Announcement(seq, "", frozenset({audience}), b"{}"))
    return recent


def test_what_concerns_a_server_is_listed_in_order() -> None:
    """Beyond the given seq, and nothing of others."""
    recent = remember(9, 3, (4, A.audience), (6, B.audience), (7, A.audience), (8, "*"))

    assert [event.seq for event in recent.after(3, A)] == [4, 7, 8]
    assert [event.seq for event in recent.after(4, A)] == [7, 8]
    assert [event.seq for event in recent.after(5, A)] == [7, 8]
    assert recent.after(8, A) == []


def test_the_oldest_is_forgotten_and_the_floor_rises_to_it() -> None:
    """Beyond the floor everything is known: what was forgotten is not."""
    recent = remember(2, 0, (3, "*"), (5, "*"), (9, "*"))

    assert recent.floor == 3
    assert [event.seq for event in recent.after(3, A)] == [5, 9]


def test_the_last_event_of_a_server_or_what_it_cannot_be_beyond() -> None:
    """Never less than the truth, so that no gap is hidden; never beyond what was passed on."""
    recent = remember(2, 0, (3, A.audience), (5, B.audience), (9, B.audience))

    assert recent.last(B) == 9
    assert recent.last(A) == 3
    assert remember(9, 7).last(A) == 7
