"""What a finding leads to: tasks are frozen, the agent is held; and it is told.

Taking away comes first, then telling. Every step may be repeated: a task that was thawed since is
not frozen again for the same finding, and a hold that was lifted since is not laid again.
"""

import logging
from typing import Final, Protocol

from broker.behaviour.detecting import Finding
from broker.behaviour.rules import Action
from broker.clock import Clock
from broker.errors import (
    IdempotencyConflictError,
    InvalidChangeError,
    InvalidRequestError,
    NotFoundError,
)
from broker.facts.change import ChangeSet, HoldThing
from broker.freezing import Freezing
from broker.ids import parse_task_id
from broker.model.fact import Hold, Ref, ThingKind
from broker.store import codec
from broker.store.facts_log import Repeat
from broker.store.watch_ledger import WatchLedger

BY: Final = "broker:behaviour"
"""Who did it, in every record."""

LOGGER: Final = logging.getLogger(__name__)


class Held(Protocol):
    """Makes a change of the facts, once for each request."""

    async def __call__(self, change: ChangeSet, *, same: Repeat) -> int:
        """Return the revision that it is; of a repeat, the one that it was."""
        ...


class _Same:
    """One request for each finding: a repeat changes nothing."""

    def __init__(self, finding: str) -> None:
        self.key = f"behaviour-{finding}"
        self.digest = finding


class Acts:
    """Carries findings out."""

    def __init__(self, freezing: Freezing, hold: Held, ledger: WatchLedger, clock: Clock) -> None:
        self._freezing = freezing
        self._hold = hold
        self._ledger = ledger
        self._clock = clock

    async def act(self, finding: Finding) -> tuple[str, ...]:
        """Do it; return what was done."""
        did: list[str] = []
        if finding.action in (Action.FREEZE, Action.SUSPEND):
            did += await self._freeze(finding)
        if finding.action is Action.SUSPEND:
            did += await self._suspend(finding)
        await self._ledger.tell(
            finding.id, "behaviour.found", finding.tenant, codec.encode(_detail(finding, did))
        )
        return tuple(did)

    async def _freeze(self, finding: Finding) -> list[str]:
        frozen = []
        for name in finding.tasks:
            try:
                task = parse_task_id(name)
                await self._freezing.freeze_own(
                    task, finding.agent, finding.tenant, by=BY, reason=_why(finding)
                )
            except (NotFoundError, InvalidRequestError):
                continue  # gone, or not this agent's: nobody else pays for what it does
            frozen.append(f"froze {task}")
        return frozen

    async def _suspend(self, finding: Finding) -> list[str]:
        hold = Hold(_why(finding), BY, self._clock.now_ms())
        held = HoldThing(Ref(ThingKind.AGENT, finding.tenant, finding.agent), hold)
        change = ChangeSet(BY, _why(finding), (held,))
        try:
            await self._hold(change, same=_Same(finding.id))
        except IdempotencyConflictError:
            return ["held the agent"]  # before, whatever the instant was
        except InvalidChangeError as error:
            LOGGER.warning("an agent could not be held: %s: %s", finding.id, error.code)
            return ["could not hold the agent"]
        return ["held the agent"]


def _why(finding: Finding) -> str:
    return f"{finding.detector}: finding {finding.id}"


def _detail(finding: Finding, did: list[str]) -> dict[str, object]:
    return {
        "finding": finding.id,
        "detector": finding.detector,
        "action": finding.action,
        "agent": finding.agent,
        "count": finding.count,
        "limit": finding.limit,
        "what": finding.what,
        "tasks": finding.tasks,
        "evidence": finding.evidence,
        "did": did,
    }
