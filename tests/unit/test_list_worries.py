"""What is wrong with a list, by what the ledger knows of it."""

import pytest

from broker.list_worries import HOUR_MS, Worry, count, remedy, words, worries
from broker.model.ban import ListName
from broker.model.ban_state import ListState

NOW_MS = 10**12
NAME = ListName("cloud", "aws:1", "arn:aws:iam::1:role/reader")
OVERDUE_MS = 60_000


def state(**more: int | bool | str) -> ListState:
    """A list in which something stands, and which is well."""
    given = {"is_idle": False, "confirmed_at_ms": NOW_MS, "room": 100, "free": 50, **more}
    return ListState(name=NAME, now_ms=NOW_MS, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (state(), []),
        (state(confirmed_at_ms=NOW_MS - OVERDUE_MS), []),
        (state(confirmed_at_ms=NOW_MS - OVERDUE_MS - 1), [Worry.UNCONFIRMED]),
        (state(confirmed_at_ms=1, is_idle=True), []),
        (state(confirmed_at_ms=0, failing_since_ms=NOW_MS - 61_000), [Worry.UNCONFIRMED]),
        (state(confirmed_at_ms=0), []),
        (state(lost=1, lost_at_ms=NOW_MS - HOUR_MS + 1), [Worry.LOST]),
        (state(lost=1, lost_at_ms=NOW_MS - HOUR_MS), []),
        (state(free=9), [Worry.NEARLY_FULL]),
        (state(free=10), []),
        (state(free=0, is_cut=True), [Worry.CUT_OFF]),
        (state(free=0, is_idle=True), []),
        (state(room=0, free=0), []),
    ],
)
def test_each_worry_has_its_bound(found: ListState, expected: list[Worry]) -> None:
    """A list may have several, or none."""
    assert worries(found, OVERDUE_MS) == expected
    assert sum(count([found], OVERDUE_MS).values()) == len(expected)


@pytest.mark.parametrize("worry", list(Worry))
def test_each_is_said_with_its_list_and_what_to_do(worry: Worry) -> None:
    """No reader has to guess which role is meant."""
    found = state(confirmed_at_ms=NOW_MS - 90_000, trouble="late")

    assert f"list {NAME.at} of cloud " in words(found, worry)
    assert remedy(found, worry)
    assert ("90 s: late" in words(found, worry)) == (worry is Worry.UNCONFIRMED)
