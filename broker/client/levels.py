"""How far the death of credentials has come, and how far it has to."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from broker.client.results import Receipt


class Level(StrEnum):
    """How far: dead in the broker's ledger, told to its target, or refused by it for good."""

    LEDGER = "ledger"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"


class Standing(StrEnum):
    """What of a report is there."""

    DONE = "done"
    """Every receipt has come so far."""
    NOT_YET = "not-yet"
    """Some may still come."""
    IRREVOCABLE = "irrevocable"
    """What is left dies only of age."""


_DEAD: Final = frozenset({"confirmed", "expired"})
_TOLD: Final = _DEAD | {"accepted"}


def has_come(receipt: Receipt, level: Level) -> bool:
    """Tell whether one credential has come so far.

    One that has expired counts everywhere: nobody can use it. One that is irrevocable is dead in
    the ledger, and nowhere else.
    """
    if level is Level.CONFIRMED:
        return receipt.state in _DEAD
    if level is Level.ACCEPTED:
        return receipt.state in _TOLD
    # What is pending without an instant was not ended at all, as far as anybody knows.
    return receipt.state != "pending" or receipt.revoked_at is not None


def reached(receipts: Iterable[Receipt], level: Level) -> int:
    """Count those that have come so far."""
    return sum(has_come(receipt, level) for receipt in receipts)


def standing(receipts: Sequence[Receipt], level: Level) -> Standing:
    """Tell how far a whole report has come."""
    waiting = [receipt for receipt in receipts if not has_come(receipt, level)]
    if not waiting:
        return Standing.DONE
    if all(receipt.state == "irrevocable" for receipt in waiting):
        return Standing.IRREVOCABLE
    return Standing.NOT_YET
