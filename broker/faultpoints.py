"""Named places at which a test may kill the broker.

Every verb passes its points in order. In production none is armed and passing costs a comparison; a
test arms one by name and the process dies there, as if by power loss.
"""

import os
import signal
from collections.abc import Mapping
from typing import Final

POINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "open": ("decided", "written", "handed"),
    "claim": ("written",),
    "heartbeat": ("written",),
    "use": ("written",),
    "extend": ("decided", "written"),
    "close": ("written",),
    "tell": ("bound",),
    "freeze": ("written",),
    "thaw": ("written",),
    "issue": ("decided", "asked", "spent", "granted", "signed"),
    "answer": ("written", "followed"),
    "mint": ("reserved", "minted", "activated"),
    "kill": ("done", "noted"),
    "prolong": ("granted", "done", "noted"),
    "ban": ("listed", "written", "laid", "swept"),
    "renew": ("decided", "granted", "signed"),
    "give-back": ("written", "freed"),
    "revoke": ("kept", "ended", "laid", "noted"),
    "session": ("kept", "noted"),
    "refuse": ("noted",),
    "glass": (
        *("asked", "agreed", "ready", "told", "opened", "granted", "noted", "ended"),
        *("over", "expired"),
    ),
    "reap": (
        *("claimed", "batch-ended", "freed", "child-closed", "cut-followed", "freeze-followed"),
        "settled",
    ),
    "redecide": ("ended", "walked", "settled"),
    "change": ("checked", "staged", "appended", "settled"),
    "snapshot": ("pointed", "trimmed"),
    "review": ("answered", "changed", "effected"),
    "ship": ("appended", "trimmed"),
    "watch": ("noted", "froze", "held", "told", "done"),
}
"""What may be interrupted, and after which of its steps. A name is ``<verb>.<step>``.

``decided``: policy has answered. ``asked``: people are asked. ``spent``: evidence is used up, where
it serves once. ``written``, ``granted``, ``kept``, ``laid``, ``noted``: it is in the ledger.
``signed``, ``minted``: the credential exists. ``done``: its target has killed or prolonged it.
``swept``: whoever lives and is
hit by a cut-off of a list has been ended. ``walked``: everything in a bucket was decided again.
``staged``: a piece of what is large lies ready, and counts for nothing yet.
``appended``: it is in the feed log, or in the facts log. ``bound``: the id of a
message stands for one end. ``settled``: it counts in every bucket.
``pointed``: the snapshot is the one that is read.
"""

ARMED: Final = "BROKER_FAULT_POINT"
"""Environment variable by which a test arms one fault point: the process kills itself there."""

NAMES: Final = frozenset(f"{verb}.{step}" for verb, steps in POINTS.items() for step in steps)


class FaultPoints:
    """Dies at the armed point."""

    def __init__(self, armed: str = "") -> None:
        if armed and armed not in NAMES:
            raise ValueError(f"no such fault point: {armed}")
        self._armed = armed

    @classmethod
    def of_this_process(cls) -> "FaultPoints":
        """Return those of a process of our own: a test arms one by the environment."""
        return cls(os.environ.get(ARMED, ""))

    def reach(self, name: str) -> None:
        """Pass a point, or die there."""
        if name == self._armed:
            os.kill(os.getpid(), signal.SIGKILL)
