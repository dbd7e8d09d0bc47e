"""One line of the trail."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.audit.record import GENESIS, encode, gap_line, line_of
from broker.store.feed_cursors import Cursor
from broker.store.feed_entry import LogEntry
from tests.fakes.ledger import entry_of

START = Cursor(0, "epoch", GENESIS)
HOSTILE = ["\r\n", "\x00", "\x1b[2J", "\u2028\u2029\x85\x0b\x0c", "\udc80", "\u202e", '"},{"', "\\"]


def test_a_line_names_place_time_and_what_happened() -> None:
    """In this order, without a space, with RFC 3339 times."""
    change = entry_of(
        10, 7, type="task.claimed", at=1_700_000_000_123, op="op", detail={"task": "t"}
    )

    line = line_of(LogEntry(5, change), START)

    assert line.data.decode() == (
        '{"seq":5,"epoch":"epoch","at":"2023-11-14T22:13:20.123Z","type":"task.claimed",'
        f'"tenant":"acme","bucket":"0a","n":7,"op":"op","task":"t","prev":"{GENESIS}"}}'
    )
    assert line.at == Cursor(5, "epoch", hashlib.sha256(line.data).hexdigest())


VALUES = st.recursive(
    st.text() | st.integers() | st.booleans() | st.none() | st.sampled_from([*HOSTILE, "\x7f"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=9), VALUES, max_size=4))
def test_a_record_is_written_in_one_way_whatever_is_in_it(record: dict[str, object]) -> None:
    """The quick way and the general one make the same bytes: a verifier compares them."""
    assert encode(record) == json.dumps(record, separators=(",", ":")).encode()


def test_each_line_names_the_digest_of_the_one_before() -> None:
    """So that a change anywhere shows at the next line."""
    first = line_of(LogEntry(1, entry_of(0, 1)), START)
    second = line_of(LogEntry(2, entry_of(0, 2)), first.at)

    assert json.loads(second.data)["prev"] == hashlib.sha256(first.data).hexdigest()


@pytest.mark.parametrize("text", HOSTILE)
def test_no_value_can_break_a_line(text: str) -> None:
    """In every word of an event: one line, printable ASCII, and the value survives."""
    detail = json.dumps({"task": text, "agent": text, text: text})
    change = entry_of(0, 1, type="task.claimed", op=text, tenant=text, detail=detail)

    data = line_of(LogEntry(1, change), START).data.decode()

    assert data.isascii()
    assert data.isprintable()
    assert len(data.splitlines()) == 1
    record = json.loads(data)
    assert (record["op"], record["tenant"], record["task"]) == (text, text, text)


@pytest.mark.parametrize("detail", ["{", "[]", "null", "1", '"x"', "[" * 100_000, "\x00"])
def test_a_detail_that_cannot_be_read_stops_nobody(detail: str) -> None:
    """It is recorded that it was malformed."""
    record = json.loads(line_of(LogEntry(1, entry_of(0, 1, detail=detail)), START).data)

    assert record["malformed"] is True
    assert record["seq"] == 1


def test_an_event_without_detail_is_no_malformed_one() -> None:
    """Nothing more was to be said."""
    assert b"malformed" not in line_of(LogEntry(1, entry_of(0, 1, detail="")), START).data


def test_an_impossible_time_stops_nobody() -> None:
    """The record says the last instant that can be written."""
    change = entry_of(0, 1, at=999_999_999_999_999)

    assert b'"at":"9999-12-31T23:59:59.000Z"' in line_of(LogEntry(1, change), START).data


def test_what_is_withheld_is_counted() -> None:
    """Nobody takes a short record for a whole one."""
    record = json.loads(line_of(LogEntry(1, entry_of(0, 1, detail={"a": 1, "b": 2})), START).data)

    assert record["withheld"] == 2


def test_a_gap_is_a_line_of_its_own() -> None:
    """It names what is missing, and the chain goes on over it."""
    line = gap_line(9, Cursor(4, "epoch", "d" * 64), 0)

    assert json.loads(line.data) == {
        "seq": 9,
        "epoch": "epoch",
        "at": "1970-01-01T00:00:00.000Z",
        "type": "audit.gap",
        "lost_from": 5,
        "lost_to": 9,
        "prev": "d" * 64,
    }
    assert line.at.seq == 9
