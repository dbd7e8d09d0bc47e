"""What was decided, decided again by a candidate: which answers would be others?

- What was granted is asked again as live credentials are (:mod:`broker.redeciding`): a narrower
  answer is a no. What was refused by policy is put to the candidate's policies and registry, and
  held against its capability and the task's ceiling.
- The facts and the time are those of now: what has changed since shows too.
- Only what the ledger still knows can be asked: the answer says since when.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from broker.errors import AttestationError, InvalidRequestError
from broker.governance.published import Published
from broker.model.capability import covers
from broker.model.decision import Permit
from broker.model.redecision import NoLonger
from broker.policy.engine import DenyReason
from broker.policy.query import Query
from broker.redeciding import redecide
from broker.store.recorded import Grant, Recorded, Refusal

SHOWN: Final = 100
"""So many cases are shown; all are counted."""

NEEDS_APPROVAL: Final = "needs-approval"
BY_POLICY: Final = frozenset({*DenyReason, NEEDS_APPROVAL})
"""Reasons that policy gave. Others are rules of the broker's own, which no candidate changes."""

_QUERY: Final = msgspec.json.Decoder(Query)

Direction = Literal["now-refused", "now-granted"]
Heard = Callable[[int, int], None]
"""Is told how many buckets of how many are done."""


@dataclass(frozen=True, slots=True)
class Turned:
    """A request whose answer would be another one. ``id`` is the lease's or the decision's."""

    id: str
    at_ms: int
    direction: Direction
    tenant: str
    agent: str
    capability: str
    was: str
    now: str
    policies: tuple[str, ...]
    missing: tuple[str, ...] = ()


@dataclass(slots=True)
class Replayed:
    """What a replay found. ``beside`` were refused by no policy, and were not asked again."""

    granted_since_ms: int
    refused_since_ms: int
    granted: int = 0
    refused: int = 0
    beside: int = 0
    now_refused: int = 0
    now_granted: int = 0
    agents: Counter[tuple[str, Direction]] = field(default_factory=Counter)
    capabilities: Counter[tuple[str, Direction]] = field(default_factory=Counter)
    turned: list[Turned] = field(default_factory=list)

    def add(self, turned: Turned) -> None:
        """Count one whose answer would be another."""
        self.agents[turned.agent, turned.direction] += 1
        self.capabilities[turned.capability, turned.direction] += 1
        self.now_refused += turned.direction == "now-refused"
        self.now_granted += turned.direction == "now-granted"
        if len(self.turned) < SHOWN:
            self.turned.append(turned)


class Replay:
    """Asks again. It writes nothing, and needs no running broker."""

    def __init__(self, recorded: Recorded, candidate: Published) -> None:
        self._recorded = recorded
        self._candidate = candidate

    async def run(self, since_ms: int, kept_since_ms: int, heard: Heard) -> Replayed:
        """Go through everything that was decided since an instant.

        ``kept_since_ms`` is how far back anything is kept.

        Raises:
            StoreUnavailableError: a bucket does not answer: a part would pass for the whole.
        """
        begin_ms = max(since_ms, kept_since_ms)
        found = Replayed(granted_since_ms=begin_ms, refused_since_ms=begin_ms)
        for bucket in range(self._recorded.buckets):
            async for grants in self._recorded.grants(bucket, begin_ms):
                await self._grants(grants, found)
            listed_ms = await self._recorded.refused_since(bucket)
            found.refused_since_ms = max(found.refused_since_ms, listed_ms)
            async for refusals in self._recorded.refusals(bucket, begin_ms):
                await self._refusals(refusals, found)
            heard(bucket + 1, self._recorded.buckets)
        return found

    async def _grants(self, grants: Sequence[Grant], found: Replayed) -> None:
        answers = await redecide(self._candidate, [(each.held, each.task) for each in grants])
        found.granted += len(grants)
        for grant, answer in zip(grants, answers, strict=True):
            if isinstance(answer, NoLonger):
                found.add(_now_refused(grant, answer))

    async def _refusals(self, refusals: Sequence[Refusal], found: Replayed) -> None:
        asked = [each for each in refusals if each.reason in BY_POLICY]
        found.refused += len(asked)
        found.beside += len(refusals) - len(asked)
        pairs = [(each, self._question(each)) for each in asked]
        put = [(each, query) for each, query in pairs if query is not None]
        decisions = await self._candidate.decider.decide_many([query for _, query in put])
        for (refusal, query), decision in zip(put, decisions, strict=True):
            if isinstance(decision, Permit):
                found.add(_now_granted(refusal, query, decision.trace.policies))

    def _question(self, refusal: Refusal) -> Query | None:
        try:
            query = _QUERY.decode(refusal.question)
        except (msgspec.DecodeError, InvalidRequestError):
            return None
        return question_now(self._candidate, query)


def question_now(published: Published, query: Query) -> Query | None:
    """Put a recorded question as it would be put now; None where it would not come to policy."""
    try:
        caller = published.registry.confirm(query.principal)
    except AttestationError:
        return None
    if query.capability is None:
        return replace(query, principal=caller)
    capability = published.capabilities.get(query.capability.name)
    if capability is None or query.task.tenant not in capability.tenants:
        return None
    if not query.scopes <= capability.scopes:
        return None
    if not covers(query.ceiling, capability.name, query.scopes):
        return None
    return replace(query, principal=caller, capability=capability)


def _now_refused(grant: Grant, answer: NoLonger) -> Turned:
    spec = grant.held.spec
    return Turned(
        id=spec.id,
        at_ms=grant.at_ms,
        direction="now-refused",
        tenant=spec.tenant,
        agent=spec.agent,
        capability=spec.capability,
        was="granted",
        now=answer.reason,
        policies=answer.policies,
        missing=answer.missing,
    )


def _now_granted(refusal: Refusal, query: Query, policies: tuple[str, ...]) -> Turned:
    return Turned(
        id=refusal.decision,
        at_ms=refusal.at_ms,
        direction="now-granted",
        tenant=query.task.tenant,
        agent=query.task.agent,
        capability=query.capability.name if query.capability else "",
        was=refusal.reason,
        now="granted",
        policies=policies,
    )
