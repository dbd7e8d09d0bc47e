import json

import pytest

from broker.client.deny import CutDenial, IdDenial
from broker.client.frames import (
    MAX_MESSAGE_BYTES,
    Alive,
    FeedError,
    Frame,
    Position,
    Snapshot,
    parse_message,
)
from broker.client.sse import SseEvent
from tests.fakes import token_mint as mint

CUT = {"of": "agent", "name": "helper", "tenant": "", "issued_before": 5}
FRAME = {"seq": 7, "prev": 4, "epoch": "e1", "events": [{"jti": mint.LEASE, "exp": 9}]}
ALIVE = {"read_at": 1_800_000_000_000, "seq": 7, "epoch": "e1"}


def message(kind: str, data: object) -> SseEvent:
    """Return a message of the feed."""
    return SseEvent(kind, "", json.dumps(data).encode())


def test_a_snapshot_page_is_read() -> None:
    """Every kind of event, in the order of the page."""
    events = [
        {"jti": mint.LEASE, "exp": 9},
        {"task": mint.CHILD, "exp": 10},
        {"cut": CUT, "exp": 11},
        {"cut": {"of": "all", "name": "", "tenant": "acme", "issued_before": 6}, "exp": 12},
    ]

    page = parse_message(
        message("snapshot", {"epoch": "e1", "seq": 7, "events": events, "more": True})
    )

    assert page == Snapshot(
        Position("e1", 7),
        (
            IdDenial(mint.LEASE, 9),
            IdDenial(mint.CHILD, 10),
            CutDenial("agent", "helper", "", 5, 11),
            CutDenial("all", "", "acme", 6, 12),
        ),
        more=True,
    )


def test_a_frame_and_a_sign_of_life_are_read() -> None:
    """Numbers and the epoch arrive as they were sent, the epoch also when it is a number."""
    assert parse_message(message("frame", FRAME)) == Frame(
        Position("e1", 7), 4, (IdDenial(mint.LEASE, 9),)
    )
    assert parse_message(message("alive", {**ALIVE, "epoch": 3})) == Alive(
        Position(3, 7), 1_800_000_000_000
    )


def test_a_generation_stands_for_its_lease() -> None:
    """Whichever token of a lease an event names, the lease is dead."""
    event = {"jti": f"{mint.LEASE}.2", "exp": 9}

    frame = parse_message(message("frame", {**FRAME, "events": [event]}))

    assert isinstance(frame, Frame)
    assert frame.denials == (IdDenial(mint.LEASE, 9),)


def test_a_message_of_a_newer_kind_is_passed_over_and_more_members_are_too() -> None:
    """What a newer broker adds beside the events does no harm."""
    assert parse_message(message("weather", {"x": 1})) is None
    assert parse_message(message("frame", {**FRAME, "x": 1})) is not None


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"exp": 9},
        {"jti": mint.LEASE},
        {"jti": mint.LEASE, "exp": 0},
        {"jti": mint.LEASE, "exp": -1},
        {"jti": mint.LEASE, "exp": 10**12},
        {"jti": mint.LEASE, "exp": "9"},
        {"jti": mint.LEASE, "exp": 9.5},
        {"jti": mint.LEASE, "exp": True},
        {"jti": mint.CHILD, "exp": 9},
        {"jti": "x", "exp": 9},
        {"jti": 1, "exp": 9},
        {"task": mint.LEASE, "exp": 9},
        {"task": "x", "exp": 9},
        {"jti": mint.LEASE, "task": mint.CHILD, "exp": 9},
        {"jti": mint.LEASE, "cut": CUT, "exp": 9},
        {"cut": {}, "exp": 9},
        {"cut": {**CUT, "of": "planet"}, "exp": 9},
        {"cut": {**CUT, "of": "task", "name": "everything"}, "exp": 9},
        {"cut": {**CUT, "name": ""}, "exp": 9},
        {"cut": {**CUT, "of": "all"}, "exp": 9},
        {"cut": {**CUT, "issued_before": "5"}, "exp": 9},
        {"cut": {**CUT, "until": 5}, "exp": 9},
        {"session": "x", "exp": 9},
        {"jti": mint.LEASE, "exp": 9, "unless": "x"},
        None,
        [],
        "x",
    ],
)
def test_an_event_that_is_not_understood_is_never_skipped(event: object) -> None:
    """Skipping one would let a token in; refusing it makes the view stale."""
    with pytest.raises(FeedError):
        parse_message(message("frame", {**FRAME, "events": [event]}))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("frame", {**FRAME, "prev": 7}),
        ("frame", {**FRAME, "prev": 8}),
        ("frame", {**FRAME, "prev": -1}),
        ("frame", {**FRAME, "seq": -1}),
        ("frame", {**FRAME, "seq": "7"}),
        ("frame", {**FRAME, "epoch": None}),
        ("frame", {**FRAME, "events": None}),
        ("frame", {name: FRAME[name] for name in ("seq", "epoch", "events")}),
        ("snapshot", {"epoch": "e1", "seq": 7, "events": []}),
        ("snapshot", {"epoch": "e1", "seq": -7, "events": [], "more": False}),
        ("snapshot", {"epoch": "e1", "seq": 7, "events": [], "more": 1}),
        ("alive", {**ALIVE, "read_at": 0}),
        ("alive", {**ALIVE, "read_at": 10**18}),
        ("alive", {**ALIVE, "seq": -1}),
        ("alive", []),
        ("alive", "x"),
    ],
)
def test_a_malformed_message_is_an_error_of_the_feed(kind: str, data: object) -> None:
    """Nothing else than FeedError comes out, and no half of a message is used."""
    with pytest.raises(FeedError):
        parse_message(message(kind, data))


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b'{"seq":7,"seq":8,"prev":4,"epoch":"e1","events":[]}', b"\xff", b"{} {}"],
)
def test_a_message_is_strict_json(data: bytes) -> None:
    """Two readings of one message are one too many."""
    with pytest.raises(FeedError):
        parse_message(SseEvent("frame", "", data))


def test_a_message_has_a_bound() -> None:
    """A message that would block the loop is refused unread."""
    with pytest.raises(FeedError):
        parse_message(SseEvent("frame", "", b" " * (MAX_MESSAGE_BYTES + 1)))
