"""Relationships whose time passed a while ago are taken out of the log, by any broker.

They counted no more from their instant on, so this changes no decision: it makes room. Two brokers
at it at once are harmless, for the second finds nothing to end; what cannot be done now is done
later. A broker that gives no access, perhaps because of its clock, takes no facts away either.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from broker.clock import Clock
from broker.errors import BrokerError
from broker.facts.change import ChangeSet
from broker.facts.expiring import sweep_of
from broker.facts.facts import Facts
from broker.gate import Gate

EVERY_MS: Final = 60_000
GRACE_MS: Final = 3_600_000
"""For so long people still see what there was."""

BY: Final = "broker"

_log = logging.getLogger(__name__)


class FactSweep:
    """Looks through one broker's copy. ``apply`` is how it changes facts."""

    def __init__(
        self,
        facts: Callable[[], Facts],
        apply: Callable[[ChangeSet], Awaitable[int]],
        gate: Gate,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._apply = apply
        self._gate = gate
        self._clock = clock

    async def tick(self) -> None:
        """End what expired, a bounded part of it at a time; what is in the way is for later."""
        try:
            self._gate.require()
            facts = self._facts()
            change = await asyncio.to_thread(self._find, facts)
            if change is not None:
                await self._apply(change)
        except BrokerError as error:
            _log.info("expired relationships are swept later: %s", error.code)

    def _find(self, facts: Facts) -> ChangeSet | None:
        return sweep_of(facts, self._clock.now_ms(), by=BY, grace_ms=GRACE_MS)
