"""Following receipts to their end: until none of them can change any more."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from broker.client.backoff import Backoff
from broker.client.errors import FollowedTooLongError
from broker.client.results import Receipt
from broker.clock import Clock, SystemClock

FINAL_STATES: Final = frozenset({"confirmed", "expired", "irrevocable"})
"""What a receipt stays in (DESIGN §2). ``requested``, ``accepted`` and ``pending`` go on."""


class ReceiptsPendingError(FollowedTooLongError):
    """Some receipts were not final in time. ``receipts`` has all of them, as last seen."""

    def __init__(self, receipts: tuple[Receipt, ...]) -> None:
        waiting = sum(receipt.state not in FINAL_STATES for receipt in receipts)
        super().__init__(f"{waiting} of {len(receipts)} receipts are not final yet")
        self.receipts = receipts


def _unhurried() -> Backoff:
    return Backoff(first_seconds=0.2, cap_seconds=2.0)


async def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Following:
    """How to look again and again: with which delays, by which clock."""

    clock: Clock
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    new_backoff: Callable[[], Backoff] = _unhurried

    async def settled(
        self,
        receipts: Callable[[], AsyncIterator[Receipt]],
        within_seconds: float,
        *,
        is_whole: Callable[[], Awaitable[bool]] = _always,
    ) -> tuple[Receipt, ...]:
        """Return all receipts as soon as every one of them is final.

        Args:
            receipts: lists them anew.
            within_seconds: for how long to go on looking.
            is_whole: tells whether the list can be complete at all.

        Raises:
            ReceiptsPendingError: the time is over.
        """
        ends_ms = self.clock.monotonic_ms() + int(within_seconds * 1000)
        backoff = self.new_backoff()
        while True:
            whole = await is_whole()
            seen = tuple([receipt async for receipt in receipts()])
            if whole and all(receipt.state in FINAL_STATES for receipt in seen):
                return seen
            delay_seconds = backoff.next_seconds()
            if self.clock.monotonic_ms() + delay_seconds * 1000 >= ends_ms:
                raise ReceiptsPendingError(seen)
            await self.sleep(delay_seconds)


DEFAULT_FOLLOWING: Final = Following(SystemClock())
"""By this machine's clock, every two seconds at the slowest."""
