"""Reading entries of the outboxes and of the log: nothing that lies there may stop the reader."""

import pytest

from broker.store.feed_entry import log_entry, outbox_entry, pairs, stream_page
from tests.fakes.ledger import entry_of, fields_of


def _texts(**more: str) -> dict[str, str]:
    words = {name: str(value) for name, value in fields_of(entry_of(0, 1)).items()}
    return {**words, **more}


def test_an_outbox_entry_is_read_with_its_bucket_and_number() -> None:
    """The number is the entry's id."""
    assert outbox_entry(10, "7-0", _texts()) == entry_of(
        10, 7, op="op-0-1", detail='{"lease": "l_00_1"}'
    )


def test_a_log_entry_carries_bucket_and_number_itself() -> None:
    """Its id is the seq."""
    entry = log_entry("9-0", _texts(b="ff", n="3"))

    assert (entry.seq, entry.change.bucket, entry.change.n) == (9, 255, 3)


@pytest.mark.parametrize("name", ["7-1", "x", "", "-0", "7", "7-0\n", "\u0667-0", "9" * 16 + "-0"])
def test_an_id_that_is_none_of_ours_is_number_0(name: str) -> None:
    """Which follows from nothing, so it is refused and not passed over."""
    assert outbox_entry(0, name, {}).n == 0


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "\u0663", "9" * 16, "1\n"])
def test_a_number_that_cannot_be_read_is_0(text: str) -> None:
    """Whatever a foreign hand wrote."""
    assert outbox_entry(0, "1-0", {"at": text, "exp": text}).at_ms == 0
    assert outbox_entry(0, "1-0", {"at": text, "exp": text}).exp_ms == 0


@pytest.mark.parametrize("tag", ["", "1", "001", "FF", "0x", "zz"])
def test_a_bucket_that_cannot_be_read_is_none(tag: str) -> None:
    """It is no bucket of ours."""
    assert log_entry("1-0", {"b": tag}).change.bucket == -1


def test_an_empty_entry_is_read() -> None:
    """Every field is missing."""
    entry = outbox_entry(0, "1-0", {})

    assert (entry.type, entry.op, entry.tenant, entry.feed, entry.detail) == ("",) * 5


def test_pages_and_pairs_are_folded() -> None:
    """As RESP2 brings them."""
    assert pairs(["a", "1", "b", "2"]) == {"a": "1", "b": "2"}
    assert stream_page([["1-0", ["a", "1"]], ["2-0", []]]) == [("1-0", {"a": "1"}), ("2-0", {})]
