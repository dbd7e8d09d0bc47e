"""Deciding again about single leases, and carrying it out.

- What would not be granted any more ends as if it had been revoked: its end is told to verifiers,
  its target is asked to kill it, its places are freed.
- What was renewed since it was looked at is left: its newest generation was decided by facts that
  are no older.
- Where the engine fails, nobody knows. It is asked again for a while, so that a hiccup ends
  nothing; then what it still has no answer to ends, for unsure means no (I5).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import structlog

from broker.errors import BrokerError
from broker.faultpoints import FaultPoints
from broker.governance.published import Published
from broker.ids import LeaseId, TaskId
from broker.metrics import Metrics
from broker.model.redecision import NoLonger, Redecision
from broker.places import Places
from broker.policy.engine import DenyReason
from broker.redeciding import Case, redecide
from broker.store import codec
from broker.store.held_leases import Unreadable
from broker.store.lease_ledger import Ending, LeaseLedger
from broker.store.redo_ledger import Doubt, RedoLedger

_PAUSE_S: Final = 0.25

Current = Callable[[], Published]
"""What is in force here; it raises UnavailableError where nothing is."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long an engine that fails is asked again before what it decides on is ended."""

    undecided_s: float = 10.0


class Reassessment:
    """Decides again. ``ended`` is called with a bucket in which something ended."""

    def __init__(
        self,
        *,
        leases: LeaseLedger,
        redo: RedoLedger,
        places: Places,
        current: Current,
        metrics: Metrics,
        faults: FaultPoints,
        ended: Callable[[int], None],
        patience: Patience,
    ) -> None:
        self._leases = leases
        self._redo = redo
        self._places = places
        self._current = current
        self._metrics = metrics
        self._faults = faults
        self._ended = ended
        self._patience = patience

    async def carry_out(
        self, bucket: int, cases: Sequence[Case], *, again_ms: int = 0
    ) -> list[Case]:
        """Decide again about leases of one bucket; return those of which nobody knows.

        What time may change is looked at again then. With ``again_ms`` it has been due by time:
        never before that instant, and never again where time changes nothing more.

        Raises:
            BrokerError: not all of it is carried out: repeat it.
        """
        answers = list(zip(cases, await redecide(self._current(), cases), strict=True))
        undecided = [case for case, answer in answers if _is_unknown(answer)]
        refused = [
            (case, answer)
            for case, answer in answers
            if isinstance(answer, NoLonger) and not _is_unknown(answer)
        ]
        await self._end(bucket, refused)
        await self._redo.doubt(bucket, _doubts(answers, again_ms))
        kept = len(cases) - len(refused) - len(undecided)
        self._metrics.redecided(kept=kept, ended=len(refused), undecided=len(undecided))
        return undecided

    async def insist(
        self, bucket: int, cases: Sequence[Case], still_at_it: Callable[[], Awaitable[object]]
    ) -> None:
        """Ask about them again for a while; what has no answer then ends.

        Raises:
            BrokerError: as :meth:`carry_out`.
        """
        waited_s, undecided = 0.0, list(cases)
        while undecided and waited_s < self._patience.undecided_s:
            await asyncio.sleep(_PAUSE_S)
            waited_s += _PAUSE_S
            await still_at_it()
            undecided = await self.carry_out(bucket, undecided)
        if undecided:
            _log.error("engine-has-no-answer", leases=len(undecided), waited_s=waited_s)
            await self._end(bucket, list(zip(undecided, _unanswered(undecided), strict=True)))

    async def give_up(self, bucket: int, unreadable: Sequence[Unreadable]) -> None:
        """End leases whose records cannot be read, as far as that can be done; and tell of it."""
        for each in unreadable:
            _log.error("lease-unreadable", task=each.task, credential=each.lease or "")
            self._metrics.reaper_failed()
            if each.lease is None:
                continue
            why = codec.encode(NoLonger("unreadable"))
            try:
                await self._leases.refuse([Ending(each.lease, each.task, why=why)])
            except BrokerError as error:
                _log.warning("lease-not-ended", credential=each.lease, error=str(error))
        if unreadable:
            self._ended(bucket)

    async def _end(self, bucket: int, refused: Sequence[tuple[Case, NoLonger]]) -> None:
        if not refused:
            return
        endings = [
            Ending(held.spec.id, task.id, held.generation, codec.encode(why))
            for (held, task), why in refused
        ]
        try:
            ended = set(await self._leases.refuse(endings))
            self._faults.reach("redecide.ended")
            await self._free([case for case, _ in refused if case[0].spec.id in ended])
        finally:
            self._ended(bucket)

    async def _free(self, cases: Sequence[Case]) -> None:
        """Free their places: one that is left over counts until its lease would have expired."""
        by_task = sorted(cases, key=_task_of)
        groups = [list(group) for _, group in groupby(by_task, key=_task_of)]
        await asyncio.gather(*(self._places.free(group[0][1], _names(group)) for group in groups))


def _task_of(case: Case) -> TaskId:
    return case[1].id


def _names(cases: Sequence[Case]) -> list[LeaseId]:
    return [held.spec.id for held, _ in cases]


def _is_unknown(answer: Redecision) -> bool:
    return isinstance(answer, NoLonger) and answer.reason == DenyReason.ENGINE_ERROR


def _unanswered(cases: Sequence[Case]) -> list[NoLonger]:
    return [NoLonger(DenyReason.ENGINE_ERROR.value, missing=("an answer of the engine",))] * len(
        cases
    )


def _doubts(answers: Sequence[tuple[Case, Redecision]], again_ms: int) -> list[Doubt]:
    found = [_doubt(case, answer, again_ms) for case, answer in answers]
    return [each for each in found if each is not None and (each.at_ms or again_ms)]


def _doubt(case: Case, answer: Redecision, again_ms: int) -> Doubt | None:
    held, task = case
    if isinstance(answer, NoLonger):
        return None
    is_doubtful = 0 < answer.until_ms < held.expires_at_ms
    return Doubt(held.spec.id, task.id, max(answer.until_ms, again_ms) if is_doubtful else 0)
