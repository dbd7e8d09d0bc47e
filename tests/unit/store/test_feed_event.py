"""Which events can be told to resource servers, and to whom."""

import json
from dataclasses import replace

import pytest

from broker.model.capability import CheckMode, ResourceServer
from broker.store.feed_event import announcement, in_force, is_readable
from tests.fakes.ledger import FAR_MS, entry_of, lease_id

TASK = "t_00_" + "a" * 26
CUT = {"of": "agent", "name": "bot", "tenant": "acme", "issued_before": 5}
READABLE = [
    {"jti": lease_id(1)},
    {"jti": f"{lease_id(1)}.2"},
    {"task": TASK},
    {"task": "c" + TASK[1:]},
    {"cut": CUT},
    {"cut": {"of": "all", "name": "", "tenant": "", "issued_before": 5}},
    {"cut": {"of": "issuer", "name": "https://issuer", "tenant": "", "issued_before": 5}},
]
UNREADABLE = [
    "",
    "{",
    "{}",
    "[]",
    "null",
    '"x"',
    '{"jti": ""}',
    '{"jti": 1}',
    '{"jti": "x"}',
    json.dumps({"jti": TASK}),
    json.dumps({"task": lease_id(1)}),
    json.dumps({"jti": lease_id(1), "task": TASK}),
    json.dumps({"jti": lease_id(1), "more": 1}),
    '{"cut": {}}',
    json.dumps({"cut": {**CUT, "of": "moon"}}),
    json.dumps({"cut": {**CUT, "of": "all"}}),
    json.dumps({"cut": {**CUT, "name": ""}}),
    json.dumps({"cut": {**CUT, "issued_before": "5"}}),
]


def server(*tenants: str, audience: str = "https://a") -> ResourceServer:
    """Make a resource server."""
    return ResourceServer(audience, CheckMode.FEED, frozenset(tenants))


@pytest.mark.parametrize("event", READABLE)
def test_an_event_is_told_as_it_was_said_with_its_end(event: dict[str, object]) -> None:
    """Every form, and nothing added but ``exp``."""
    change = entry_of(0, 1, feed=json.dumps(event), aud="*", exp=5_001)

    told = announcement(7, change)

    assert told is not None
    assert told.seq == 7
    assert json.loads(told.body) == {**event, "exp": 6}


@pytest.mark.parametrize(("exp_ms", "seconds"), [(1_000, 1), (1_001, 2), (1_999, 2), (2_000, 2)])
def test_the_end_is_rounded_up(exp_ms: int, seconds: int) -> None:
    """Nobody forgets an event a moment early."""
    told = announcement(1, entry_of(0, 1, feed=json.dumps({"task": TASK}), exp=exp_ms))

    assert told is not None
    assert json.loads(told.body)["exp"] == seconds


@pytest.mark.parametrize("feed", UNREADABLE)
def test_what_no_verifier_could_read_is_not_told(feed: str) -> None:
    """A verifier refuses what it does not know, and then everything: it must not get there."""
    change = entry_of(0, 1, feed=feed, aud="*", exp=FAR_MS)

    assert announcement(1, change) is None
    assert not is_readable(change)


@pytest.mark.parametrize("words", [{"exp": 0}, {"aud": "a\nb"}, {"tenant": "a\nb"}])
def test_what_has_no_end_or_breaks_a_record_is_not_told(words: dict[str, object]) -> None:
    """It would be in force for ever, or read as something else."""
    change = entry_of(
        0, 1, **{"feed": json.dumps({"task": TASK}), "aud": "*", "exp": FAR_MS, **words}
    )

    assert not is_readable(change)


@pytest.mark.parametrize(
    ("tenant", "audiences", "heard"),
    [
        ("acme", "https://a", True),
        ("acme", "https://b https://a", True),
        ("acme", "*", True),
        ("", "https://a", True),
        ("*", "https://a", True),
        ("beta", "https://a", False),
        ("beta", "*", False),
        ("acme", "https://b", False),
        ("acme", "https://ab", False),
        ("acme", "", False),
        ("", "https://b", False),
    ],
)
def test_an_event_reaches_whom_it_concerns(tenant: str, audiences: str, *, heard: bool) -> None:
    """Its audience and its tenant must both be the server's (I16)."""
    feed = json.dumps({"task": TASK})
    told = announcement(1, entry_of(0, 1, feed=feed, aud=audiences, exp=1, tenant=tenant))

    assert told is not None
    assert told.reaches(server("acme", "other")) is heard


def test_a_server_of_all_tenants_hears_of_every_tenant() -> None:
    """That is what its registration says."""
    told = announcement(1, entry_of(0, 1, feed=json.dumps({"task": TASK}), aud="*", exp=1))

    assert told is not None
    assert told.reaches(server("*"))


def test_a_member_of_the_set_in_force_is_the_same_event() -> None:
    """A snapshot and a frame say the same of it."""
    feed = json.dumps({"task": TASK})
    change = entry_of(0, 1, feed=feed, aud="https://a https://b", exp=1_001)

    told = announcement(7, change)

    assert told is not None
    assert in_force(f"7\n1001\nacme\nhttps://a https://b\n{feed}") == replace(told, at_ms=0)
