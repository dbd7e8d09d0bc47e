"""Whether a reader notices that the log is not what it read."""

from broker.feed.continuity import Continuity
from broker.store.feed_entry import LogEntry
from broker.store.feed_log import Position
from tests.fakes.ledger import entry_of


def position(seq: int, *, epoch: str = "e", first: int = 1, **shipped: int) -> Position:
    """Make a position; ``b3=5`` says that bucket 3 was taken over up to 5."""
    return Position(0, epoch, seq, first, {int(name[1:]): n for name, n in shipped.items()})


def entry(seq: int, bucket: int, n: int) -> LogEntry:
    """Make an entry of the log."""
    return LogEntry(seq, entry_of(bucket, n))


def test_entries_follow_by_seq_and_by_their_buckets_number() -> None:
    """A bucket that was not known begins at 1."""
    reader = Continuity(position(5, b0=4, b1=1))

    assert reader.follow(entry(6, 0, 5))
    assert reader.follow(entry(7, 2, 1))
    assert reader.follow(entry(8, 1, 2))
    assert (reader.seq, reader.last) == (8, entry(8, 1, 2))


def test_a_hole_does_not_follow_and_leaves_the_reader_where_it_was() -> None:
    """It refutes the reader unless the log was trimmed: then the reader was only slow."""
    reader = Continuity(position(5, b0=5))

    assert not reader.follow(entry(7, 0, 6))
    assert reader.seq == 5
    assert not reader.is_refuted_by(position(9, first=7, b0=9))
    assert reader.is_refuted_by(position(9, first=6, b0=9))


def test_another_number_of_a_bucket_refutes_the_reader() -> None:
    """The log has given an entry's place to another one."""
    for n in (5, 7):
        reader = Continuity(position(5, b0=5))

        assert not reader.follow(entry(6, 0, n))
        assert reader.is_refuted_by(position(9, b0=9))


def test_a_log_that_is_shorter_refutes_the_reader() -> None:
    """In seq, or in one bucket."""
    reader = Continuity(position(5, b0=3, b1=2))

    assert not reader.is_refuted_by(position(5, b0=3, b1=2))
    assert reader.is_refuted_by(position(4, b0=3, b1=2))
    assert reader.is_refuted_by(position(9, b0=2, b1=7))
    assert reader.is_refuted_by(position(9, b0=9))


def test_another_epoch_refutes_nothing() -> None:
    """It says by itself that everything is new."""
    reader = Continuity(position(5, b0=5))

    assert not reader.is_refuted_by(position(1, epoch="f"))
    assert not reader.goes_on_at(position(1, epoch="f"))


def test_a_reader_goes_on_while_the_log_reaches_back_to_it() -> None:
    """Up to the entry that comes next."""
    reader = Continuity(position(5))

    assert reader.goes_on_at(position(9, first=6))
    assert not reader.goes_on_at(position(9, first=7))


def test_a_reader_can_be_told_that_it_is_refuted() -> None:
    """By who compared the entry where it stands."""
    reader = Continuity(position(5))
    reader.refute()

    assert reader.is_refuted_by(position(5))
