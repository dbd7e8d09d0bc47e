"""The words and the reply of XREAD."""

from broker.store.stream import parse_entries, tail_command


def test_a_wait_of_zero_is_no_wait() -> None:
    """BLOCK 0 would wait for ever."""
    assert tail_command("s", "1-0", block_ms=0, count=5) == (
        "XREAD", "COUNT", 5, "STREAMS", "s", "1-0",
    )  # fmt: skip


def test_a_wait_is_passed_on() -> None:
    """In milliseconds."""
    assert tail_command("s", "1-0", block_ms=250, count=5) == (
        "XREAD", "COUNT", 5, "BLOCK", 250, "STREAMS", "s", "1-0",
    )  # fmt: skip


def test_no_reply_is_no_entries() -> None:
    """What XREAD answers when the time is over."""
    assert parse_entries(None) == []


def test_entries_become_names_and_fields() -> None:
    """In the order of the stream."""
    reply = [["s", [["1-0", ["a", "1", "b", "2"]], ["2-0", []]]]]

    assert parse_entries(reply) == [("1-0", {"a": "1", "b": "2"}), ("2-0", {})]
