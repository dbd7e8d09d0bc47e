"""What a finding leads to: tasks are frozen, the agent is held; and it is told.

Taking away comes first, then telling. Every step may be repeated: a task that was thawed since is
not frozen again for the same finding, and a hold that was lifted since is not laid again.
"""

import logging
from collections.abc import AsyncIterator
from typing import Final, Protocol

from broker.behaviour.detecting import Finding
from broker.behaviour.rules import SIGNAL, Action
from broker.clock import Clock
from broker.errors import (
    IdempotencyConflictError,
    InvalidChangeError,
    InvalidRequestError,
    NotFoundError,
)
from broker.facts.change import ChangeSet, HoldThing
from broker.faultpoints import FaultPoints
from broker.freezing import Freezing
from broker.ids import parse_task_id
from broker.model.fact import Hold, Ref, ThingKind
from broker.store import codec
from broker.store.facts_log import Repeat
from broker.store.ledger import Ledger
from broker.store.task_tree import Index, Seen
from broker.store.watch_ledger import WatchLedger

BY: Final = "broker:behaviour"
"""Who did it, in every record."""

_PAGE: Final = 200
_EVER_MS: Final = 10**15

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

    def __init__(
        self,
        freezing: Freezing,
        hold: Held,
        ledger: WatchLedger,
        clock: Clock,
        *,
        tasks: "TasksOf",
        faults: FaultPoints,
    ) -> None:
        self._freezing = freezing
        self._tasks = tasks
        self._hold = hold
        self._ledger = ledger
        self._clock = clock
        self._faults = faults

    async def act(self, finding: Finding) -> tuple[str, ...]:
        """Do it; return what was done."""
        did: list[str] = []
        if finding.action in (Action.FREEZE, Action.SUSPEND):
            did += await self._freeze(finding)
            self._faults.reach("watch.froze")
        if finding.action is Action.SUSPEND:
            did += await self._suspend(finding)
            self._faults.reach("watch.held")
        await self._ledger.tell(
            finding.id, "behaviour.found", finding.tenant, codec.encode(_detail(finding, did))
        )
        self._faults.reach("watch.told")
        return tuple(did)

    async def _freeze(self, finding: Finding) -> list[str]:
        frozen = [f"froze {name}" for name in finding.tasks if await self._froze(finding, name)]
        kind, name = _subject(finding)
        if kind in ("agent", "person"):
            count = 0
            async for task in self._tasks.of(kind, name, finding.tenant):
                count += await self._froze(finding, task)
            frozen.append(f"froze {count} tasks")
        return frozen

    async def _froze(self, finding: Finding, name: str) -> bool:
        """Freeze a task, if it is whom the finding is about: nobody else pays for it."""
        kind, subject = _subject(finding)
        whose = subject if kind == "person" else finding.agent
        try:
            return await self._freezing.freeze_own(
                parse_task_id(name),
                whose,
                finding.tenant,
                by=BY,
                reason=_why(finding),
                is_person=kind == "person",
            )
        except (NotFoundError, InvalidRequestError):
            return False

    async def _suspend(self, finding: Finding) -> list[str]:
        hold = Hold(_why(finding), BY, self._clock.now_ms())
        kind, name = _subject(finding)
        is_person = kind == "person"
        thing = ThingKind.PERSON if is_person else ThingKind.AGENT
        held = HoldThing(Ref(thing, finding.tenant, name if is_person else finding.agent), hold)
        change = ChangeSet(BY, _why(finding), (held,))
        try:
            await self._hold(change, same=_Same(finding.id))
        except IdempotencyConflictError:
            return [f"held the {thing}"]  # before, whatever the instant was
        except InvalidChangeError as error:
            LOGGER.warning("somebody could not be held: %s: %s", finding.id, error.code)
            return [f"could not hold the {thing}"]
        return [f"held the {thing}"]


class TasksOf:
    """Finds the tasks of an agent, or on behalf of a person."""

    def __init__(self, ledger: Ledger) -> None:
        self._tree = ledger.tree
        self._buckets = len(ledger.keys.buckets)

    async def of(self, kind: str, name: str, tenant: str) -> AsyncIterator[str]:
        """Yield them, ended ones that are still known too."""
        index = Index(kind, name if kind == "agent" else f"{tenant}/{name}")
        for bucket in range(self._buckets):
            after: Seen | None = None
            while page := await self._tree.older(bucket, index, _EVER_MS, after, _PAGE):
                for entry in page:
                    yield entry.name
                after = page[-1]


def _subject(finding: Finding) -> tuple[str, str]:
    """Return of what kind the subject of a signal is, and its name; nothing of other findings."""
    if finding.detector != SIGNAL:
        return "", ""
    kind, _, name = finding.what.partition(": ")[2].partition(":")
    return kind, name


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
