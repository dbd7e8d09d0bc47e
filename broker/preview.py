"""Which live leases something that is not in force yet would kill: looked at, and nothing else.

The rule is the one that kills (:mod:`broker.redeciding`), asked with a candidate instead of what is
published. What is granted or ends meanwhile may be missing: this is a look ahead, not a promise.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from broker.affected import Affected
from broker.cursor import foreign, number
from broker.errors import BrokerError
from broker.governance.published import Published
from broker.ids import LeaseId, TaskId, parse_task_id
from broker.lease_walk import LeaseWalk, WalkPage
from broker.model.redecision import NoLonger
from broker.narrowing import Narrowing
from broker.policy.engine import DenyReason
from broker.redeciding import Case, redecide
from broker.store.in_order import Entry
from broker.store.ledger import Ledger
from broker.store.task_tree import EVERY_TASK, Seen

LOOKED_AT: Final = 200_000
"""So many leases are looked at in one go: about half a minute of one core."""

SHOWN: Final = 100
"""So many of the doomed are shown by name."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """A lease that would end, and why."""

    lease: LeaseId
    task: TaskId
    tenant: str
    agent: str
    capability: str
    expires_at_ms: int
    why: NoLonger


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a candidate would do to the leases that were looked at.

    ``doomed`` are the first ones, ``total`` how many there are; ``agents`` and ``capabilities``
    count all of them. ``unreadable`` records could not be judged; of ``unsure`` (by agent) it
    cannot be told: the engine had no answer, and if it stays so, they end. With a ``cursor`` there
    is more to look at, and the counts are of this part.
    """

    looked: int
    total: int
    doomed: tuple[Doomed, ...]
    agents: Mapping[str, int]
    capabilities: Mapping[str, int]
    unreadable: int
    cursor: str
    unsure: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Tell whether nothing is left to look at."""
        return not self.cursor


@dataclass(slots=True)
class _Tally:
    show: int
    looked: int = 0
    doomed: list[Doomed] = field(default_factory=list)
    agents: Counter[str] = field(default_factory=Counter)
    capabilities: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    unsure: Counter[str] = field(default_factory=Counter)

    def add(self, case: Case, why: NoLonger) -> None:
        """Count one that would end, or of which nobody knows."""
        spec = case[0].spec
        if why.reason == DenyReason.ENGINE_ERROR:
            self.unsure[spec.agent] += 1
            return
        self.agents[spec.agent] += 1
        self.capabilities[spec.capability] += 1
        if len(self.doomed) < self.show:
            ids = (spec.id, spec.task, spec.tenant, spec.agent, spec.capability)
            self.doomed.append(Doomed(*ids, case[0].expires_at_ms, why))

    def foreseen(self, cursor: str) -> Foreseen:
        """Return what was counted."""
        return Foreseen(
            looked=self.looked,
            total=self.agents.total(),
            doomed=tuple(self.doomed),
            agents=dict(self.agents),
            capabilities=dict(self.capabilities),
            unreadable=self.unreadable,
            cursor=cursor,
            unsure=dict(self.unsure),
        )


class Preview:
    """Looks ahead. It writes nothing, and needs no running broker."""

    def __init__(self, walk: LeaseWalk, narrowing: Narrowing, buckets: int) -> None:
        self._walk = walk
        self._narrowing = narrowing
        self._buckets = buckets

    @classmethod
    def over(cls, ledger: Ledger) -> "Preview":
        """Build it over a ledger."""
        walk = LeaseWalk(ledger.tree, ledger.leases, ledger.held)
        return cls(walk, Narrowing(ledger.tree), len(ledger.keys.buckets))

    async def foresee(
        self,
        candidate: Published,
        *,
        tenants: Collection[str] | None = None,
        cursor: str = "",
        show: int = SHOWN,
        most: int = LOOKED_AT,
    ) -> Foreseen:
        """Tell which leases a candidate would end, of these tenants (None: of all).

        Having looked at ``most`` leases it stops after the next hundred tasks, with a cursor.

        Raises:
            InvalidRequestError: the cursor is none of this list.
            StoreUnavailableError: a bucket does not answer.
        """
        tally = _Tally(show)
        first, after = _parse(cursor, self._buckets) if cursor else (0, None)
        for bucket in range(first, self._buckets):
            async for page in self._walk.pages(bucket, EVERY_TASK, after):
                await _judge(candidate, page, tenants, tally)
                if tally.looked >= most and page.after is not None:
                    return tally.foreseen(_written(bucket, page.after))
            after = None
        return tally.foreseen("")

    async def foresee_of(
        self, candidate: Published, affected: Affected, *, tenants: Collection[str] | None = None
    ) -> Foreseen:
        """Tell the same, of all that a change can concern: whatever else lives is not looked at.

        Raises:
            StoreUnavailableError: a bucket does not answer.
        """
        if affected.is_all:
            return await self.foresee(candidate, tenants=tenants)
        tally, seen = _Tally(SHOWN), set[LeaseId]()
        for bucket in range(self._buckets):
            for index, until_ms in await self._narrowing.walks(bucket, affected):
                async for page in self._walk.pages(bucket, index, until_ms=until_ms):
                    cases = tuple(case for case in page.cases if case[0].spec.id not in seen)
                    seen.update(case[0].spec.id for case in cases)
                    await _judge(candidate, replace(page, cases=cases), tenants, tally)
        return tally.foreseen("")


async def _judge(
    candidate: Published, page: WalkPage, tenants: Collection[str] | None, tally: _Tally
) -> None:
    tally.unreadable += len(page.unreadable)
    cases = [case for case in page.cases if tenants is None or case[0].spec.tenant in tenants]
    tally.looked += len(cases)
    answers = await redecide(candidate, cases)
    for case, answer in zip(cases, answers, strict=True):
        if isinstance(answer, NoLonger):
            tally.add(case, answer)


def _written(bucket: int, after: Seen) -> str:
    return f"{bucket}.{after.at_ms}.{after.name}"


def _parse(cursor: str, buckets: int) -> tuple[int, Seen]:
    bucket, _, rest = cursor.partition(".")
    at, _, task = rest.partition(".")
    try:
        place = number(bucket, "list"), Entry(number(at, "list"), parse_task_id(task))
    except BrokerError as error:
        raise foreign("list") from error
    if place[0] >= buckets:
        raise foreign("list")
    return place
