"""What the ledger knows of deny lists says to whoever examines an installation."""

from collections.abc import Mapping, Sequence
from typing import Final

from broker.findings import Line, State
from broker.list_worries import Worry, remedy, words, worries
from broker.model.ban_state import ListState

_BAD: Final[Mapping[Worry, State]] = {
    Worry.UNCONFIRMED: "fail",
    Worry.LOST: "warn",
    Worry.CUT_OFF: "warn",
    Worry.NEARLY_FULL: "warn",
}


def examine(check: str, states: Sequence[ListState], overdue_ms: Mapping[str, int]) -> list[Line]:
    """Say of each list what is wrong with it; and of all that are well, that they are."""
    lines = [
        Line(check, _BAD[worry], words(state, worry), remedy(state, worry))
        for state in states
        for worry in worries(state, overdue_ms[state.name.target])
    ]
    well = [each for each in states if not worries(each, overdue_ms[each.name.target])]
    if well:
        lines.append(
            Line(check, "ok", f"{len(well)} lists of what targets refuse are as they must be")
        )
    return lines
