"""The detectors: what each finds, what it leaves alone, and that it can be run again."""

import random  # noqa: TID251 - of a fixed seed: the same each time
from itertools import count
from typing import Any

import msgspec
import pytest

from broker.behaviour.detecting import EVIDENCE, Finding, observe
from broker.behaviour.past import EVENTS, HOUR_MS, HOURS, NAMES, Past
from broker.behaviour.rules import DAY_MS, DEFAULTS, Action, Detector, Rule
from broker.behaviour.sighting import Seen, Sighting

NUMBERS = count(1)


def seen(what: Seen, at_ms: int, **members: Any) -> Sighting:
    """Make a sighting."""
    n = next(NUMBERS)
    said: dict[str, Any] = {"bucket": 3, "n": n, "seq": n, "tenant": "acme", "agent": "invoice-bot"}
    return Sighting(what=what, at_ms=at_ms, **{**said, **members})


def watch(past: Past, *sightings: Sighting, **rules: Rule) -> list[Finding]:
    """Run some sightings through the detectors."""
    changed = {Detector(name.replace("_", "-")): rule for name, rule in rules.items()}
    return [f for each in sightings for f in observe(past, each, DEFAULTS | changed, "e1")]


def burst(times: int, begin_ms: int, step_ms: int = 1000) -> list[Sighting]:
    """Make refusals."""
    return [seen(Seen.DENIED, begin_ms + n * step_ms, task=f"t_{n % 3}") for n in range(times)]


@pytest.mark.parametrize(("times", "found"), [(19, 0), (20, 1), (39, 1)])
def test_so_many_refusals_within_the_window_are_one_burst(times: int, found: int) -> None:
    """At the threshold, and once: then there is a pause of one window."""
    assert len(watch(Past(), *burst(times, 10_000))) == found


def test_refusals_that_lie_far_apart_are_none() -> None:
    """Whoever is refused once a minute all day long is not in a burst."""
    assert watch(Past(), *burst(200, 10_000, step_ms=60_000)) == []


def test_a_finding_names_the_last_events_and_their_tasks() -> None:
    """So that they can be looked up; a few, however many there were."""
    sightings = burst(60, 10_000)
    rule = Rule(60, DAY_MS, Action.FREEZE)

    (found,) = watch(Past(), *sightings, denial_burst=rule)

    assert found.evidence == tuple(each.seq for each in sightings[-EVIDENCE:])
    assert sorted(found.tasks) == ["t_0", "t_1", "t_2"]
    assert (found.count, found.limit, found.action) == (60, 60, Action.FREEZE)


def test_an_event_counts_once_however_often_it_is_read() -> None:
    """By its place in its bucket; a log that is read again from its beginning finds nothing new."""
    past, sightings = Past(), burst(19, 10_000)

    assert watch(past, *sightings, *sightings, *sightings) == []


def test_the_same_events_are_never_found_twice() -> None:
    """After a finding the window is empty: an operator who thaws is not overruled by the past."""
    past, first = Past(), burst(20, 10_000)
    assert len(watch(past, *first)) == 1

    after = burst(19, first[-1].at_ms + DEFAULTS[Detector.DENIAL_BURST].window_ms + 1)
    assert watch(past, *after) == []
    assert len(watch(past, *burst(1, after[-1].at_ms + 1))) == 1


def test_a_burst_that_goes_on_in_another_task_is_found_at_once() -> None:
    """Silence after a finding is about what was stopped, not about where the agent went then."""
    past, rule = Past(), Rule(5, HOUR_MS, Action.FREEZE)

    def denied(begin_ms: int, task: str) -> list[Sighting]:
        return [seen(Seen.DENIED, begin_ms + n, task=task) for n in range(5)]

    found = [
        watch(past, *denied(begin_ms, task), denial_burst=rule)
        for begin_ms, task in ((1, "t_a"), (100, "t_b"), (200, "t_b"), (300, "t_b"))
    ]

    assert [[each.tasks for each in some] for some in found] == [[("t_a",)], [("t_b",)], [], []]


def test_a_clock_that_jumps_back_forgets_nothing_and_one_that_jumps_ahead_only_forgets() -> None:
    """Time never goes back for an agent, so a burst cannot be spread over false instants."""
    past, sightings = Past(), burst(20, 100_000_000)
    moved = [
        msgspec.structs.replace(each, at_ms=each.at_ms * (n % 2))
        for n, each in enumerate(sightings)
    ]

    assert len(watch(past, *moved[1:], seen(Seen.DENIED, 0))) == 1


@pytest.mark.parametrize(
    ("kind", "detector"),
    [
        ("capability", Detector.FIRST_CAPABILITY),
        ("resource", Detector.FIRST_RESOURCE),
        ("origin", Detector.ORIGIN),
    ],
)
def test_a_name_is_new_once_and_only_after_the_learning_time(kind: str, detector: Detector) -> None:
    """What is used while an agent is learnt is learnt; the same name again is not new."""
    past, later = Past(), 8 * DAY_MS
    learnt = watch(past, *(seen(Seen.ISSUED, 1 + n, **{kind: f"a-{n}"}) for n in range(5)))

    found = watch(past, *(seen(Seen.ISSUED, later + n, **{kind: "b"}) for n in range(3)))

    assert learnt == []
    assert [(each.detector, each.what) for each in found] == [(detector, "b")]


def test_an_hour_is_odd_only_far_beyond_the_busiest_before() -> None:
    """Five times what the agent ever did, and never less than the threshold."""
    past = Past()
    hours = [seen(Seen.ISSUED, h * HOUR_MS + n) for h in range(24 * 8) for n in range(20)]
    assert watch(past, *hours) == []
    last = 24 * 8 * HOUR_MS

    found = watch(past, *(seen(Seen.ISSUED, last + n) for n in range(130)))

    assert [(each.detector, each.count, each.limit) for each in found] == [
        (Detector.RATE, 101, 100)
    ]


def test_more_copies_than_ever_before_are_odd() -> None:
    """Two that took turns for a week are no third."""
    past = Past()
    week = [
        seen(Seen.ISSUED, h * HOUR_MS + n, instance=f"pod-{n}") for h in range(200) for n in (1, 2)
    ]
    assert watch(past, *week) == []

    found = watch(
        past, *(seen(Seen.CLAIMED, 201 * HOUR_MS + n, instance=f"pod-{n}") for n in (1, 2, 3))
    )

    assert [(each.detector, each.count, each.what) for each in found] == [
        (Detector.INSTANCES, 3, "pod-3")
    ]


def test_what_others_can_bring_about_is_never_more_than_noted() -> None:
    """Whoever was given a token can show it for ever: that stops nobody's agent."""
    rule = Rule(1, HOUR_MS, Action.SUSPEND)

    (found,) = watch(Past(), seen(Seen.SHOWN_DEAD, 1), shown_dead=rule)

    assert found.action is Action.NOTE


def test_a_detector_that_is_off_says_nothing() -> None:
    """The others go on."""
    assert watch(Past(), *burst(50, 1), denial_burst=Rule(1, 1, Action.OFF)) == []


def test_a_hundred_thousand_events_leave_little_behind() -> None:
    """Whatever names and instants an agent makes up: what is kept of it is bounded."""
    past, chance = Past(), random.Random(7)  # noqa: S311 - the same each time
    for number in range(100_000):
        what = chance.choice([Seen.DENIED, Seen.ISSUED, Seen.CLAIMED, Seen.AFTER_END])
        names = {n: f"{n}-{number}" for n in ("capability", "resource", "instance", "origin")}
        watch(past, seen(what, chance.randrange(10**12), bucket=number % 16, **names))

    assert all(len(window) <= EVENTS for window in past.windows.values())
    assert all(len(names) <= NAMES for names in past.names.values())
    assert len(past.hours) <= HOURS
    assert len(past.seen) <= 16
    assert len(msgspec.json.encode(past)) < 40_000


def test_what_is_remembered_can_be_written_and_read_between_any_two_events() -> None:
    """So a broker that dies is replaced by another, and the findings are the same."""
    sightings = [
        *burst(30, 1),
        *(seen(Seen.ISSUED, 10**9 + n, capability=f"c{n}") for n in range(9)),
    ]
    whole, parts = Past(), Past()
    expected = watch(whole, *sightings)

    found = []
    for each in sightings:
        found += watch(parts, each)
        parts = msgspec.json.decode(msgspec.json.encode(parts), type=Past)

    assert found == expected
    assert parts == whole
