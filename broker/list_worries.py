"""What an operator should look at, of a list by which a target refuses what has ended."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from broker.model.ban_state import ListState

HOUR_MS: Final = 3_600_000
"""For how long it is shown that entries were lost."""

_NEARLY: Final = 10
"""With less than a tenth of its room left a list is nearly full."""


class Worry(StrEnum):
    """What may be wrong with a list."""

    UNCONFIRMED = "unconfirmed"
    """What must stand there could not be written or read back for too long: it may live."""
    LOST = "lost"
    """Entries that stood there were gone: what they refused may have lived."""
    CUT_OFF = "cut-off"
    """It was full, and refuses by time of issue."""
    NEARLY_FULL = "nearly-full"
    """It will be cut off soon, and end what lives."""


def worries(state: ListState, overdue_ms: int) -> list[Worry]:
    """Judge a list. ``overdue_ms``: how long it may be unconfirmed before the alarm."""
    is_full = not state.is_cut and state.free * _NEARLY < state.room
    is_lost = bool(state.lost_at_ms) and state.now_ms - state.lost_at_ms < HOUR_MS
    found = {
        Worry.UNCONFIRMED: state.unconfirmed_ms > overdue_ms,
        Worry.LOST: is_lost,
        Worry.CUT_OFF: state.is_cut,
        Worry.NEARLY_FULL: is_full and not state.is_idle,
    }
    return [worry for worry, is_so in found.items() if is_so]


def words(state: ListState, worry: Worry) -> str:
    """Say what is wrong."""
    what = {
        Worry.UNCONFIRMED: (
            f"was not confirmed for {state.unconfirmed_ms // 1000} s"
            + (f": {state.trouble}" if state.trouble else "")
        ),
        Worry.LOST: "had lost what must stand there; that may have lived",
        Worry.CUT_OFF: "was full and is cut off by time of issue",
        Worry.NEARLY_FULL: f"is nearly full: {state.free} of {state.room} are left",
    }
    return f"list {state.name.at} of {state.name.target} {what[worry]}"


def remedy(state: ListState, worry: Worry) -> str:
    """Say what to do about it."""
    look = f"look at it with `broker reconcile {state.name.target}`"
    return {
        Worry.UNCONFIRMED: f"{look}, and at the log for why it is not written",
        Worry.LOST: f"find out who writes there besides brokers; {look}",
        Worry.CUT_OFF: "it ends by itself, with the last session that it refuses",
        Worry.NEARLY_FULL: "spread capabilities over more roles, or shorten their sessions",
    }[worry]


def count(states: Sequence[ListState], overdue_ms: int) -> dict[str, int]:
    """Count the lists of a target by what is wrong with them."""
    found = [worry for state in states for worry in worries(state, overdue_ms)]
    return {worry.value: found.count(worry) for worry in Worry}
