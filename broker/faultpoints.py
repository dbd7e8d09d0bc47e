"""Named places at which a test may kill the broker.

Every verb passes its points in order. In production none is armed and passing costs one dictionary
miss; a test arms one by name and the process dies there, as if by power loss.
"""

import os
import signal
from typing import Final

NAMES: Final = frozenset(
    {
        "open.decided",
        "open.written",
        "claim.written",
        "extend.decided",
        "extend.written",
        "heartbeat.written",
        "close.written",
        "close.shipped",
        "issue.decided",
        "issue.granted",
        "issue.signed",
        "renew.decided",
        "renew.granted",
        "renew.signed",
        "give-back.written",
        "revoke.kept",
        "revoke.laid",
        "revoke.noted",
        "reap.claimed",
        "reap.batch-ended",
        "reap.child-closed",
        "reap.settled",
    }
)


class FaultPoints:
    """Dies at the armed point."""

    def __init__(self, armed: str = "") -> None:
        if armed and armed not in NAMES:
            raise ValueError(f"no such fault point: {armed}")
        self._armed = armed

    def reach(self, name: str) -> None:
        """Pass a point, or die there."""
        if name == self._armed:
            os.kill(os.getpid(), signal.SIGKILL)
