"""How far the death of credentials has come, and waiting until it has come far enough."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Final

from broker.cli import exits
from broker.cli.progress import Teller
from broker.client.results import Report

Fetch = Callable[[], Awaitable[Report]]
"""Reads a report, whole, as it is now."""

_PAUSE_SECONDS: Final = 0.25
_LONGEST_PAUSE: Final = 2.0


class Level(StrEnum):
    """How far: dead in our ledger, told to its target, or refused by it for good."""

    LEDGER = "ledger"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"


_REACHED: Final[Mapping[Level, frozenset[str]]] = {
    Level.LEDGER: frozenset(
        {"requested", "accepted", "confirmed", "expired", "irrevocable"},
    ),
    Level.ACCEPTED: frozenset({"accepted", "confirmed", "expired"}),
    Level.CONFIRMED: frozenset({"confirmed", "expired"}),
}


def reached(counts: Mapping[str, int], level: Level) -> int:
    """Count the receipts that have come so far."""
    return sum(count for state, count in counts.items() if state in _REACHED[level])


def exit_code(counts: Mapping[str, int], level: Level | None) -> int:
    """Tell by an exit code whether a report has come so far."""
    if level is None or reached(counts, level) == sum(counts.values()):
        return exits.OK
    waiting = sum(counts.values()) - reached(counts, level)
    if level is not Level.LEDGER and counts.get("irrevocable", 0) == waiting:
        return exits.IRREVOCABLE
    return exits.NOT_REACHED


async def wait_for(fetch: Fetch, level: Level, seconds: float, teller: Teller) -> Report:
    """Read a report until all of it has come so far, or cannot, or the time is up."""
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + seconds, _PAUSE_SECONDS
    while True:
        report = await fetch()
        counts = Counter(receipt.state for receipt in report.receipts)
        teller.tell(level, reached(counts, level), len(report.receipts))
        if exit_code(counts, level) != exits.NOT_REACHED or loop.time() >= end:
            return report
        await asyncio.sleep(min(pause, max(0.0, end - loop.time())))
        pause = min(_LONGEST_PAUSE, pause * 1.5)
