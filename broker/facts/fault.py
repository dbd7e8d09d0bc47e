"""What is wrong with a set of changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WHOLE: Final = -1
"""The index of a fault of the set itself."""

MAX_FAULTS: Final = 1_000
"""How many are listed. Who has more is told how many more there are."""


@dataclass(frozen=True, slots=True)
class ChangeFault:
    """One fault: of which change (from 0, or ``WHOLE``), of which field, and what to do."""

    index: int
    field: str
    message: str
    remedy: str

    def __str__(self) -> str:
        """Write it on one line; no control character passes."""
        place = "change" if self.index == WHOLE else f"changes[{self.index}]"
        text = f"{place}.{self.field}: {self.message} \N{EM DASH} {self.remedy}"
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def listed(faults: Sequence[ChangeFault]) -> tuple[ChangeFault, ...]:
    """Put them in the order of the changes, and leave no more than may be listed."""
    ordered = sorted(dict.fromkeys(faults), key=lambda fault: fault.index)
    if len(ordered) <= MAX_FAULTS:
        return tuple(ordered)
    more = len(ordered) - MAX_FAULTS
    rest = ChangeFault(WHOLE, "changes", f"{more} more faults", "mend these first, then try again")
    return (*ordered[:MAX_FAULTS], rest)
