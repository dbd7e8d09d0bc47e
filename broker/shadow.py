"""A candidate that decides beside what is published, so that it is known what it would do.

- It sees each decision after it was made: it never influences one, and nobody waits for it.
- What is waiting for it is bounded, and so is how much it decides: what is too much is counted as
  missed. A candidate that cannot be read, or breaks down, is counted as failed, and that is all.
- It decides by its own bundle and the facts that the live policies decide by.
- Only differences are kept: who, for what and in which direction, each with how often.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from broker.clock import Clock
from broker.errors import BrokerError, ConfigurationError, UnavailableError
from broker.facts.facts import Facts
from broker.governance.bundle import Bundle
from broker.governance.published import Published
from broker.model.decision import Permit
from broker.policy.lending import decided_by
from broker.policy.query import Query
from broker.replaying import question_now
from broker.settings.limits import QuotaDefaults
from broker.store.shadow_ledger import (
    FAILED,
    MISSED,
    NOW_GRANTED,
    NOW_REFUSED,
    SAME,
    Difference,
    ShadowLedger,
)

WAITING: Final = 500
"""So many decisions wait for the candidate; further ones are missed."""

AT_ONCE: Final = 100
"""It decides so many in one turn: some ten milliseconds of one core, at most twice a second."""

_log = logging.getLogger(__name__)

Seen = tuple[Query, bool]


class ShadowMetrics(Protocol):
    """What is counted for everybody."""

    def shadowed(self, outcome: str, count: int) -> None:
        """Count answers of a candidate, by one of :data:`broker.store.shadow_ledger.OUTCOMES`."""
        ...


class Shadow:
    """Follows the ledger's candidate, and lets it decide."""

    def __init__(
        self,
        ledger: ShadowLedger,
        facts: Callable[[], Facts],
        metrics: ShadowMetrics,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._facts = facts
        self._metrics = metrics
        self._clock = clock
        self._id = ""
        self._candidate: Published | None = None
        self._waiting: deque[Seen] = deque()
        self._outcomes: Counter[str] = Counter()
        self._differences: Counter[Difference] = Counter()

    def saw(self, query: Query, *, is_permit: bool) -> None:
        """Keep a decision for the candidate, if there is one and room."""
        if not self._id:
            return
        if len(self._waiting) < WAITING:
            self._waiting.append((query, is_permit))
        else:
            self._outcomes[MISSED] += 1

    async def tick(self) -> None:
        """Look for another candidate, let it decide some of what waits, and tell what came of it.

        What the ledger did not take is told again the next time, or forgotten with its candidate.
        """
        try:
            await self._follow()
            if self._id:
                await self._decide()
                await self._tell()
        except UnavailableError:
            return  # the watchers report it
        except BrokerError as error:
            _log.warning("shadow-failed", extra={"error": str(error)})

    async def _follow(self) -> None:
        running = await self._ledger.running()
        if running == self._id:
            return
        self._forget()
        text = await self._ledger.text(running) if running else ""
        if not text:
            return
        try:
            self._candidate = await asyncio.to_thread(_candidate, text, self._clock)
        except ConfigurationError as error:
            # It passed the checks where it was started: by another version than this one.
            _log.warning("shadow-unreadable", extra={"error": str(error)[:500]})
        self._id = running

    def _forget(self) -> None:
        self._id, self._candidate = "", None
        self._waiting.clear()
        self._outcomes.clear()
        self._differences.clear()

    async def _decide(self) -> None:
        some = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
        if not some:
            return
        if self._candidate is None:
            self._outcomes[FAILED] += len(some)
            return
        self._candidate = _by(self._facts(), self._candidate)
        found = await asyncio.to_thread(_answers, self._candidate, some)
        for (query, _), outcome in zip(some, found, strict=True):
            self._outcomes[outcome] += 1
            if outcome in {NOW_REFUSED, NOW_GRANTED}:
                self._differences[_difference(query, outcome)] += 1

    async def _tell(self) -> None:
        if not self._outcomes:
            return
        outcomes, differences = dict(self._outcomes), dict(self._differences)
        self._outcomes.clear()
        self._differences.clear()
        for outcome, count in outcomes.items():
            self._metrics.shadowed(outcome, count)
        await self._ledger.note(self._id, outcomes, differences)


def _candidate(text: str, clock: Clock) -> Published:
    bundle = Bundle.from_bytes(text.encode())
    candidate = Published.of(bundle, revision=0, quotas=QuotaDefaults(), clock=clock)
    return candidate.with_facts(Facts())


def _by(facts: Facts, candidate: Published) -> Published:
    """Let a candidate decide by the facts that the live policies decide by."""
    return candidate if facts.revision == candidate.graph else candidate.with_facts(facts)


def _answers(candidate: Published, some: Sequence[Seen]) -> list[str]:
    return [_answer(candidate, query, is_permit=is_permit) for query, is_permit in some]


def _answer(candidate: Published, query: Query, *, is_permit: bool) -> str:
    try:
        asked = question_now(candidate, query)
        would = asked is not None and _permits(candidate, asked)
    except Exception:  # noqa: BLE001 - whatever a candidate does, it is nobody's concern but its author's
        return FAILED
    if would == is_permit:
        return SAME
    return NOW_GRANTED if would else NOW_REFUSED


def _permits(candidate: Published, asked: Query) -> bool:
    return isinstance(decided_by(candidate.engine, candidate.basis, asked), Permit)


def _difference(query: Query, direction: str) -> Difference:
    capability = query.capability.name if query.capability else str(query.action)
    return Difference(direction, query.task.agent, capability)
