"""When a signing key may take its next step, and what the keys are then."""

from dataclasses import replace
from typing import Any

import pytest

from broker.rotation_plan import (
    Step,
    announced,
    due_step,
    gone,
    is_possible,
    may_end_ms,
    obstacles,
    promoted,
    without,
)
from broker.store.control_record import ControlRecord, Publication, PublicKey
from broker.store.replicas import LIVING_MS, Replica, Serving

NOW = 1_000_000_000
OVERLAP = 60_000
LIFE = 300_000


def key(kid: str, state: str, **changes: Any) -> PublicKey:
    """A published key that came into its state long ago."""
    return PublicKey(kid, "ES256", state, {"kty": "EC"}, **{"since_ms": 1, **changes})


def record(*keys: PublicKey, **changes: Any) -> ControlRecord:
    """A record with these keys, as manifest 7."""
    published = Publication(1, "d", "x", "", 0, 1, longest_ms=LIFE)
    made = ControlRecord(3, "e", 1, 16, 1, "d", keys, manifest=7, published=published, now_ms=NOW)
    return replace(made, **changes)


def broker(name: str = "one", **changes: Any) -> Replica:
    """A broker that serves manifest 7 and has every key, heard of just now."""
    silent_ms = changes.pop("silent_ms", 0)
    serving = Serving(name, 7, "digest", ("a", "b"), 1, is_giving=True)
    return Replica(name, NOW - silent_ms, replace(serving, **changes), NOW)


ACTIVE, NEXT = key("a", "active", longest_ms=LIFE), key("b", "next")
WITH_NEXT = record(ACTIVE, NEXT)


@pytest.mark.parametrize(
    ("keys", "step"),
    [
        ((ACTIVE,), Step.ANNOUNCE),
        ((ACTIVE, NEXT), Step.PROMOTE),
        ((key("c", "retiring"), ACTIVE, NEXT), Step.PROMOTE),
        ((key("c", "retiring"), ACTIVE), Step.RETIRE),
    ],
)
def test_the_next_step_follows_from_the_states(keys: tuple[PublicKey, ...], step: Step) -> None:
    """Announce, promote, retire: each leads to the following."""
    assert due_step(record(*keys)) is step
    assert is_possible(step, record(*keys))


def test_a_step_without_its_key_is_impossible() -> None:
    """Nothing to promote, nothing to retire; and only one key waits at a time."""
    assert not is_possible(Step.PROMOTE, record(ACTIVE))
    assert not is_possible(Step.RETIRE, WITH_NEXT)
    assert not is_possible(Step.ANNOUNCE, WITH_NEXT)


def test_when_everybody_serves_it_and_time_has_passed_nothing_is_in_the_way() -> None:
    """Any number of brokers; and none at all, where only consumers have to be waited for."""
    assert obstacles(Step.PROMOTE, WITH_NEXT, [broker("one"), broker("two")], OVERLAP) == []
    assert obstacles(Step.PROMOTE, WITH_NEXT, [], OVERLAP) == []


@pytest.mark.parametrize("step", list(Step))
def test_every_living_broker_must_serve_the_manifest(step: Step) -> None:
    """The one that does not is named, with its trouble."""
    late = broker("two", manifest=6, trouble="ledger: unreadable")
    keys = (ACTIVE, NEXT) if step is Step.PROMOTE else (ACTIVE, key("c", "retiring"))

    (found,) = obstacles(step, record(*keys), [broker("one"), late], OVERLAP)

    assert "two serves manifest 6, not 7" in found.what
    assert "unreadable" in found.what


@pytest.mark.parametrize(
    ("silent_ms", "is_waited_for"),
    [
        (LIVING_MS, False),
        (LIVING_MS + 1, True),
        (OVERLAP - 1, True),
        (OVERLAP, False),
    ],
)
def test_a_silent_broker_is_waited_for_as_long_as_the_overlap(
    silent_ms: int, *, is_waited_for: bool
) -> None:
    """It may be cut off and serve what it had; after that it counts as dead."""
    silent = broker("two", silent_ms=silent_ms)

    found = obstacles(Step.PROMOTE, WITH_NEXT, [broker("one"), silent], OVERLAP)

    assert [("two has been silent" in each.what) for each in found] == [True] * is_waited_for
    assert [each.until_ms for each in found] == [silent.seen_ms + OVERLAP] * is_waited_for


def test_a_broker_without_the_private_half_keeps_a_key_from_signing() -> None:
    """It would stop giving; the file that it lacks is named."""
    lacking = broker("two", halves=("a",))

    (found,) = obstacles(Step.PROMOTE, WITH_NEXT, [broker("one"), lacking], OVERLAP)

    assert "two lacks the private half of b: bring b.pem" in found.what
    assert obstacles(Step.ANNOUNCE, WITH_NEXT, [lacking], OVERLAP) == []


@pytest.mark.parametrize(
    ("shown_ms", "may"), [(OVERLAP - 1, False), (OVERLAP, True), (OVERLAP + 1, True)]
)
def test_a_key_is_shown_for_the_overlap_before_it_signs(shown_ms: int, *, may: bool) -> None:
    """Whoever keeps the key set must have fetched it."""
    waiting = record(ACTIVE, replace(NEXT, since_ms=NOW - shown_ms))

    assert (obstacles(Step.PROMOTE, waiting, [], OVERLAP) == []) is may


@pytest.mark.parametrize("left_ms", [-1, 0, 1])
def test_a_retiring_key_outlives_its_last_token_and_the_overlap(left_ms: int) -> None:
    """Its tokens live as long as the longest that it ever signed."""
    since_ms = NOW + left_ms - LIFE - OVERLAP
    old = key("c", "retiring", since_ms=since_ms, longest_ms=LIFE)

    found = obstacles(Step.RETIRE, record(ACTIVE, old), [], OVERLAP)

    assert may_end_ms(old, OVERLAP) == NOW + left_ms
    assert bool(found) is (left_ms > 0)
    assert all("tokens that it signed may be alive" in each.what for each in found)


def test_a_clock_that_went_back_makes_a_step_wait() -> None:
    """The server's clock is behind what is noted: unsure means later, never sooner."""
    ahead = record(ACTIVE, replace(NEXT, since_ms=NOW + 1))

    assert obstacles(Step.PROMOTE, ahead, [], OVERLAP)


def test_promoting_moves_two_keys_and_notes_when() -> None:
    """The new one's tokens may live as long as the revision in force lets them."""
    older = key("c", "retiring", longest_ms=5)

    keys = promoted(record(older, ACTIVE, NEXT))

    assert [(k.kid, k.state, k.since_ms) for k in keys] == [
        ("c", "retiring", 1),
        ("a", "retiring", NOW),
        ("b", "active", NOW),
    ]
    assert [k.longest_ms for k in keys] == [5, LIFE, LIFE]


def test_announcing_adds_a_key_and_retiring_takes_one_away() -> None:
    """The others stay as they are; the one that went is remembered."""
    made = key("n", "whatever", since_ms=0)

    assert [(k.kid, k.state) for k in announced(record(ACTIVE), made)] == [
        ("a", "active"),
        ("n", "next"),
    ]
    assert [k.kid for k in without(WITH_NEXT, "a")] == ["b"]
    left = gone(WITH_NEXT, "a", "retired", "me")
    assert (left.kid, left.how, left.at_ms) == ("a", "retired", NOW)
