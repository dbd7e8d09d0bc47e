"""What `broker doctor` says of deciding again."""

import pytest

from broker.redeciding_findings import late, out_of_touch
from broker.store.replicas import LIVING_MS, Replica, Serving

MAX_AGE_MS = 5_000


def broker(age_ms: int | None, *, silent_ms: int = 0) -> Replica:
    """Let a broker say how old its facts are."""
    serving = Serving("host-1", 1, "d", (), 1, is_giving=True, graph=7, facts_age_ms=age_ms)
    return Replica("id", 1_000, serving, 1_000 + silent_ms)


@pytest.mark.parametrize(
    ("waited_s", "brokers", "state"),
    [
        (0.5, [broker(0)], "ok"),
        (10.0, [broker(0)], "ok"),
        (10.1, [broker(0)], "fail"),
        (0.5, [], "fail"),
        (0.5, [broker(0, silent_ms=LIVING_MS + 1)], "fail"),
    ],
)
def test_seconds_are_well_while_somebody_is_at_it(
    waited_s: float, brokers: list[Replica], state: str
) -> None:
    """Longer, or without any broker, access stays that should not."""
    line = late("2 of 4 buckets wait", waited_s, brokers)

    assert line.state == state
    assert line.state == "ok" or line.remedy


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (broker(0), []),
        (broker(MAX_AGE_MS), []),
        (broker(None), []),
        (broker(MAX_AGE_MS + 1), ["cannot reach the facts: it has revision 7, confirmed 5 s ago"]),
        (broker(-1), ["cannot reach the facts: it has revision 7, confirmed never"]),
        (broker(0, silent_ms=LIVING_MS + 1), ["has said nothing for 10 s"]),
    ],
)
def test_who_cannot_reach_the_facts_is_named(said: Replica, what: list[str]) -> None:
    """And who is not heard of; a broker of before, which does not say, is left alone."""
    found = out_of_touch([said], MAX_AGE_MS)

    assert [line.what for line in found] == [f"broker host-1 {words}" for words in what]
