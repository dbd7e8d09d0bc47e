"""The names of the feed's keys, and of the outboxes that it is filled from."""

from dataclasses import dataclass


def bucket_tag(bucket: int) -> str:
    """Write a bucket's number as keys and records carry it: two hexadecimal digits."""
    return f"{bucket:02x}"


@dataclass(frozen=True, slots=True)
class FeedKeys:
    """Every key of the feed shares the hash tag ``{feed}``, so one script may touch them all."""

    namespace: str

    @property
    def meta(self) -> str:
        """Clock, epoch, last seq, and per bucket the last outbox number taken over."""
        return self._of("meta")

    @property
    def log(self) -> str:
        """The log itself, a stream."""
        return self._of("log")

    @property
    def live(self) -> str:
        """The revocation events in force, by seq: what a snapshot is made of."""
        return self._of("live")

    @property
    def expiry(self) -> str:
        """When each revocation event may be forgotten."""
        return self._of("expiry")

    @property
    def seqs(self) -> str:
        """Which seq an outbox entry became, and when."""
        return self._of("seqs")

    @property
    def cursors(self) -> str:
        """How far each audit sink has stored the log."""
        return self._of("cursors")

    @property
    def notices(self) -> str:
        """How far people and their systems have been told, by whom, and how each receiver is."""
        return self._of("notices")

    def waiting(self, receiver: str) -> str:
        """Name what one receiver has yet to be told."""
        return self._of(f"notices:{receiver}")

    def subs(self, audience: str) -> str:
        """Name the subscribers of one audience."""
        return self._of(f"subs:{audience}")

    def outbox(self, bucket: int) -> str:
        """Name the outbox of one bucket; it lives in that bucket's slot."""
        return f"{self.namespace}:{{b{bucket_tag(bucket)}}}:out"

    def _of(self, name: str) -> str:
        return f"{self.namespace}:{{feed}}:{name}"
