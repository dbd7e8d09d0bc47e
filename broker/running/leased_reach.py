"""What the broker's answers say of reach, read for the proxy."""

from msgspec import UNSET

from broker.reach.reach import NOTHING, Reach, UnreadableReachError, parse_reach


class LeasedReach:
    """The reach of one need's credential: read once for each answer that brings it."""

    def __init__(self) -> None:
        self._written: object = UNSET
        self._read: Reach | None = None

    def of(self, written: object) -> Reach | None:
        """Return what an answer says; None: it does not say. What cannot be read opens nothing."""
        if written is not self._written:
            self._written, self._read = written, _readable(written)
        return self._read


def read(written: object) -> Reach | None:
    """Read what an answer says; None: it does not say.

    Raises:
        UnreadableReachError: it cannot be read.
    """
    return None if written is UNSET else parse_reach(written)


def _readable(written: object) -> Reach | None:
    try:
        return read(written)
    except UnreadableReachError:
        return NOTHING
