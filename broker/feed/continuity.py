"""Whether a reader of the feed log has missed anything, or read what the log no longer says.

After a failover that lost the newest entries the log gives their numbers to others. A reader that
only looks for larger numbers would never notice; so it also follows the numbers of every bucket.
"""

from broker.store.feed_entry import LogEntry
from broker.store.feed_log import Position


class Continuity:
    """Where a reader stands."""

    def __init__(self, position: Position, last: LogEntry | None = None) -> None:
        self.epoch = position.epoch
        self.seq = position.seq
        self._shipped = dict(position.shipped)
        self._is_forked = False
        self._has_hole = False
        self.last = last
        """The entry at ``seq``, if it was read."""

    def follow(self, entry: LogEntry) -> bool:
        """Go on to an entry; False when it does not follow from the last one."""
        bucket, n = entry.change.bucket, entry.change.n
        if entry.seq != self.seq + 1:
            self._has_hole = True
            return False
        if n != self._shipped.get(bucket, 0) + 1:
            self._is_forked = True
            return False
        self.seq = entry.seq
        self.last = entry
        self._shipped[bucket] = n
        return True

    def refute(self) -> None:
        """Take in that the log has another entry where this reader stands."""
        self._is_forked = True

    def is_refuted_by(self, position: Position) -> bool:
        """Tell whether the log, within the epoch, is not the one that this reader has read.

        It went back, or lacks an entry in its middle that was not trimmed.
        """
        if position.epoch != self.epoch:
            return False
        went_back = any(n > position.shipped.get(b, 0) for b, n in self._shipped.items())
        lacks_next = self._has_hole and position.first <= self.seq + 1
        return self._is_forked or went_back or lacks_next or position.seq < self.seq

    def goes_on_at(self, position: Position) -> bool:
        """Tell whether the log still has what comes next for this reader."""
        return position.epoch == self.epoch and position.first <= self.seq + 1
