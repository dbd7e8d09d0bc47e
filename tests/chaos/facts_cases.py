"""Where a broker dies that changes facts, or writes a snapshot of them."""

from typing import Final

CHANGING: Final = ("change.checked", "change.appended", "change.settled")
SNAPSHOT: Final = ("snapshot.pointed", "snapshot.trimmed")

POINTS: Final = frozenset((*CHANGING, *SNAPSHOT))
