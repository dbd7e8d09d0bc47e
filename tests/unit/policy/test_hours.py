"""What is seen of the time, and when an answer may change by time alone."""

from datetime import UTC, datetime

import pytest
from cedarpy import policies_to_pst
from hypothesis import given
from hypothesis import strategies as st

from broker.policy.hours import DAY_MS, MINUTE_MS, Hours, earlier, time_facts
from broker.policy.query import Action
from broker.policy.relevance import Relevance

ISSUE = Action.REQUEST_CREDENTIAL


def at(text: str) -> int:
    """Return an instant."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def hours(condition: str, scope: str = "principal, action, resource") -> Hours:
    """Analyse one policy."""
    text = f"permit({scope}) when {{ {condition} }};"
    return Hours(policies_to_pst(text).static_policies.values())


MONDAY = at("2026-11-30T10:17:03")


def test_an_instant_is_seen_as_minute_weekday_and_seconds() -> None:
    """In UTC; the week begins with Monday, as in ISO 8601."""
    assert time_facts(MONDAY) == {
        "minuteOfDay": 617,
        "weekday": 1,
        "epochSeconds": MONDAY // 1000,
    }


@given(st.integers(0, 4_000_000_000_000))
def test_the_calendar_agrees(now_ms: int) -> None:
    """With Python's own, for every instant."""
    then = datetime.fromtimestamp(now_ms / 1000, UTC)

    assert time_facts(now_ms) == {
        "minuteOfDay": then.hour * 60 + then.minute,
        "weekday": then.isoweekday(),
        "epochSeconds": now_ms // 1000,
    }


@pytest.mark.parametrize(
    ("condition", "until"),
    [
        ("true", 0),
        ("context.ttlSeconds < 5", 0),
        ("context.time.minuteOfDay < 1020", at("2026-11-30T17:00")),
        ("context.time.minuteOfDay <= 1020", at("2026-11-30T17:01")),
        ("context.time.minuteOfDay >= 540", at("2026-12-01T00:00")),
        ("context.time.minuteOfDay > 540", at("2026-12-01T00:00")),
        ("540 <= context.time.minuteOfDay", at("2026-12-01T00:00")),
        ("context.time.minuteOfDay < 600", at("2026-12-01T00:00")),
        ("context.time.minuteOfDay < 5000", 0),
        ("context.time.minuteOfDay >= 0", 0),
        (
            "context.time.minuteOfDay >= 540 && context.time.minuteOfDay < 1020",
            at("2026-11-30T17:00"),
        ),
        ("context.time.weekday == 6", at("2026-12-01T00:00")),
        ("context.time.weekday < 6", at("2026-12-05T00:00")),
        ("[6, 7].contains(context.time.weekday)", at("2026-12-01T00:00")),
        ("context.time.epochSeconds < 1800000000", 1_800_000_000_000),
        ("context.time.epochSeconds <= 1800000000", 1_800_000_001_000),
        ("context.time.epochSeconds < 1700000000", 0),
        ("context.time.epochSeconds == 1800000000", at("2026-11-30T10:18")),
        ("context.time.minuteOfDay == 700", at("2026-11-30T10:18")),
        ("context.time.epochSeconds < context.ttlSeconds", at("2026-11-30T10:18")),
        ("context.time == context.time", at("2026-11-30T10:18")),
        ("context has time", at("2026-11-30T10:18")),
        ("[context].contains(1)", at("2026-11-30T10:18")),
    ],
)
def test_it_is_known_when_an_answer_may_change(condition: str, until: int) -> None:
    """Where a comparison turns; else at midnight or with the next minute."""
    assert hours(condition).until(ISSUE, MONDAY) == until


def test_only_the_policies_on_the_action_count() -> None:
    """A policy on opening tasks does not make credentials be looked at again."""
    by_one = hours(
        "context.time.minuteOfDay < 1020", 'principal, action == Action::"OpenTask", resource'
    )
    by_many = hours(
        "context.time.minuteOfDay < 1020", 'principal, action in [Action::"Any"], resource'
    )

    assert by_one.until(Action.OPEN_TASK, MONDAY)
    assert not by_one.until(ISSUE, MONDAY)
    assert by_many.until(ISSUE, MONDAY)


@pytest.mark.parametrize(("one", "other", "first"), [(0, 0, 0), (0, 5, 5), (5, 0, 5), (5, 7, 5)])
def test_never_is_later_than_any_instant(one: int, other: int, first: int) -> None:
    """0 stands for never."""
    assert earlier(one, other) == first


TESTS = st.tuples(
    st.sampled_from(["minuteOfDay", "weekday", "epochSeconds"]),
    st.sampled_from(["<", "<=", ">", ">=", "=="]),
    st.integers(0, 1500) | st.integers(1_700_000_000, 1_700_200_000),
)


@given(
    st.lists(TESTS, min_size=1, max_size=3),
    st.integers(1_700_000_000_000, 1_700_200_000_000),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=20),
)
def test_nothing_that_policies_see_changes_before_then(
    tests: list, now_ms: int, parts: list
) -> None:
    """Except by what is looked at every minute: seconds that are not compared with a number."""
    condition = " && ".join(f"context.time.{name} {test} {number}" for name, test, number in tests)
    policies = policies_to_pst(
        f"permit(principal, action, resource) when {{ {condition} }};"
    ).static_policies.values()
    until = Hours(policies).until(ISSUE, now_ms) or now_ms + 9 * DAY_MS
    seen = Relevance(policies)

    for part in parts:
        then = now_ms + int((until - now_ms) * part)
        if then // MINUTE_MS == now_ms // MINUTE_MS and "epochSeconds ==" in condition:
            continue
        assert seen.key({"time": time_facts(then)}) == seen.key({"time": time_facts(now_ms)})
