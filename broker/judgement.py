"""Asking policy, and what a refusal leaves behind.

- The gate is asked first: with any watcher objecting nothing is given.
- A decision that read older facts than the ledger holds is made again on fresh ones, for a moment;
  then the request is refused.
- A refusal is recorded for operators; the caller learns its id and nothing else.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from broker.errors import (
    AccessDeniedError,
    StaleFactsError,
    StoreUnavailableError,
    TaskClosedError,
    TaskFrozenError,
)
from broker.faultpoints import FaultPoints
from broker.gate import Gate
from broker.governance.published import Published
from broker.knocks import Knocks
from broker.late_use import UNNOTED, Lateness
from broker.metrics import Metrics
from broker.model.decision import Deny, NeedsApproval, Permit, Trace
from broker.model.principal import Principal
from broker.onlooker import Onlooker
from broker.policy.query import Query
from broker.questions import facts_of
from broker.store import codec
from broker.store.decision_log import DecisionLog

Rest = Callable[[], Awaitable[None]]
"""Asks that facts do not change for a moment."""


async def _no_rest() -> None:
    """Ask nobody."""


_ATTEMPTS: Final = 8
"""Times that a decision is made again when facts move under it."""

Result = TypeVar("Result")

Attempt = Callable[[Published, Principal], Awaitable[Result]]
"""What a giving verb does by one revision, for the caller as that revision knows it."""


class Replica(Protocol):
    """What this broker runs at the moment."""

    @property
    def published(self) -> Published:
        """The published revision.

        Raises:
            UnavailableError: none is loaded.
        """
        ...

    async def refresh(self) -> None:
        """Load what is published now, if it is another revision."""
        ...


class Judgement:
    """Decides, and keeps what operators need to understand a refusal.

    ``knocks`` are the doors of those who give.
    """

    def __init__(
        self,
        gate: Gate,
        replica: Replica,
        *,
        log: DecisionLog,
        metrics: Metrics,
        faults: FaultPoints,
        onlooker: Onlooker,
        rest: Rest = _no_rest,
        late: Lateness = UNNOTED,
    ) -> None:
        self._gate = gate
        self._replica = replica
        self._log = log
        self._metrics = metrics
        self._faults = faults
        self._onlooker = onlooker
        self._rest = rest
        self._late = late
        self.knocks = Knocks(late)

    async def on_fresh_facts(self, caller: Principal, attempt: Attempt[Result]) -> Result:
        """Run a giving verb on the published revision, again if the facts moved meanwhile.

        The caller was resolved when its request came; each attempt resolves it anew, by the very
        revision that decides: nobody is allowed by one what the other would not.

        Raises:
            AttestationError: the caller is nobody any more.
            UnavailableError: revoke-only, or the facts did not come to rest.
        """
        self._gate.require()
        try:
            return await self._at_rest(caller, attempt)
        except TaskFrozenError:
            raise
        except TaskClosedError:
            await self._late.asked(caller)
            raise

    async def _at_rest(self, caller: Principal, attempt: Attempt[Result]) -> Result:
        for overtaken in range(1, _ATTEMPTS + 1):
            published = self._replica.published
            try:
                return await _on(published, caller, attempt)
            except StaleFactsError:
                if overtaken == 1 and _is_newer(self._replica.published, published):
                    continue  # they moved here as well: nothing has to be read
                if overtaken > 1:
                    await self._rest()
                await self._replica.refresh()
        return await _on(self._replica.published, caller, attempt)

    async def permit(self, published: Published, query: Query) -> Permit:
        """Ask policy, where there is nobody to wait for.

        Raises:
            AccessDeniedError: anything but a Permit.
            UnavailableError: revoke-only since the question was put.
        """
        decision = await self.weigh(published, query)
        if isinstance(decision, Permit):
            return decision
        raise await self.refusal(query, "needs-approval", decision.trace)

    async def weigh(self, published: Published, query: Query) -> Permit | NeedsApproval:
        """Ask policy, where people can be asked if it says so.

        Raises:
            AccessDeniedError: it refuses.
            UnavailableError: revoke-only since the question was put.
        """
        decision = await published.decider.decide(query)
        self._metrics.decided(query.action, type(decision).__name__.lower())
        self._onlooker.saw(query, is_permit=isinstance(decision, Permit))
        match decision:
            case Permit() | NeedsApproval():
                self._gate.require()  # the answer may have been a while in coming
                return decision
            case Deny(reason, trace):
                raise await self.refusal(query, reason, trace)

    async def refusal(self, query: Query, reason: str, trace: Trace) -> AccessDeniedError:
        """Record a refusal; return the error that carries its id."""
        record = {"outcome": "deny", "reason": reason, "trace": trace, "request": facts_of(query)}
        try:
            decision = await self._log.note(
                query.principal.ref, query.task.tenant, record, question=codec.encode(query)
            )
        except StoreUnavailableError:
            # Not recorded, still refused: what is asked for is not given in either case.
            return AccessDeniedError(reason)
        self._faults.reach("refuse.noted")
        return AccessDeniedError(reason, decision_id=decision)

    async def refuse(
        self, published: Published, query: Query, reason: str, *missing: str
    ) -> AccessDeniedError:
        """Refuse by a rule of the broker's own (a ceiling, a parent), recorded like policy's."""
        self._metrics.decided(query.action, "deny")
        trace = Trace(published.decider.version, published.revision, missing=missing)
        return await self.refusal(query, reason, trace)


async def _on(published: Published, caller: Principal, attempt: Attempt[Result]) -> Result:
    return await attempt(published, published.registry.confirm(caller))


def _is_newer(now: Published, former: Published) -> bool:
    return now.revision > former.revision or now.graph > former.graph
