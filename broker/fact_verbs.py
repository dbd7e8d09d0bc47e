"""Builds the verbs on facts: a part of the composition root."""

from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass

from broker.affected import Affected
from broker.answer_signing import AnswerSigning
from broker.clock import Clock
from broker.fact_changes import FactChanges
from broker.fact_history import FactHistory
from broker.fact_orders import FactOrders, refusal
from broker.fact_reach import FactReach
from broker.fact_sweep import EVERY_MS, FactSweep
from broker.fact_views import FactViews
from broker.facts.facts import Facts as Known
from broker.faultpoints import FaultPoints
from broker.foresight import Foresight
from broker.gate import Gate
from broker.http.fact_ports import Facts
from broker.preview import Foreseen, Preview
from broker.replica import Replica
from broker.review_effects import ReviewEffects
from broker.reviewing import Reviewing
from broker.settings.settings import Settings
from broker.store.ledger import Ledger
from broker.ticker import Ticker
from broker.touched import Touched


@dataclass(frozen=True, slots=True)
class FactVerbs:
    """What operators do with facts, and what is done to them unasked."""

    views: FactViews
    reach: FactReach
    orders: FactOrders
    history: FactHistory
    changes: FactChanges
    sweep: FactSweep
    reviewing: Reviewing
    review_effects: ReviewEffects

    def start(self, ticker: Ticker, stack: AsyncExitStack) -> None:
        """Begin with what is done unasked; the stack ends it."""
        ticker.every(EVERY_MS, self.sweep.tick)
        stack.push_async_callback(self.changes.stop)

    def ports(self) -> Facts:
        """Return what the edge calls."""
        return Facts(self.views, self.reach, self.orders, self.history)


def build_fact_verbs(
    ledger: Ledger,
    replica: Replica,
    gate: Gate,
    clock: Clock,
    faults: FaultPoints,
    *,
    settings: Settings,
    counted: Callable[[int], None],
    told: Callable[[], None],
) -> FactVerbs:
    """Build them.

    ``counted`` is called with how many changes were made, ``told`` when reviews have news.
    """
    views, history = FactViews(lambda: replica.facts, clock), FactHistory(ledger.facts, clock)
    changes = FactChanges(
        ledger.facts,
        replica.newest_facts,
        refusal=refusal,
        clock=clock,
        faults=faults,
        counted=counted,
    )
    foreseen = _Foresees(replica, Preview.over(ledger))
    foresight = Foresight(foreseen, _Stock(ledger), brake=settings.reevaluation.brake_leases)
    orders = FactOrders(
        facts=lambda: replica.facts,
        newest=_Newest(replica),
        appends=changes,
        inverses=history,
        foresight=foresight,
        clock=clock,
    )
    sweep = FactSweep(lambda: replica.facts, changes.apply, gate, clock)
    whole = (ledger, replica, clock, faults)
    reviewing, effects = _reviews(*whole, changes=changes, told=told, issuer=settings.issuer)
    reach = FactReach(views)
    return FactVerbs(views, reach, orders, history, changes, sweep, reviewing, effects)


def _reviews(
    ledger: Ledger,
    replica: Replica,
    clock: Clock,
    faults: FaultPoints,
    *,
    changes: FactChanges,
    told: Callable[[], None],
    issuer: str,
) -> tuple[Reviewing, ReviewEffects]:
    effects = ReviewEffects(
        ledger.reviews, newest=_Newest(replica), appends=changes, told=told, faults=faults
    )
    reviewing = Reviewing(
        ledger.reviews,
        facts=lambda: replica.facts,
        effects=effects,
        told=told,
        sign=AnswerSigning(issuer, replica, clock).sign,
        clock=clock,
        faults=faults,
    )
    return reviewing, effects


class _Stock:
    """Counts live credentials as quotas do: what has ended may still be counted for a while."""

    def __init__(self, ledger: Ledger) -> None:
        self._quotas = ledger.quotas
        self._clock = ledger.clock
        self.is_any = Touched(ledger.tree, len(ledger.keys.buckets)).any

    async def held(self, of: str, name: str) -> int:
        return await self._quotas.used(of, name, max(await self._clock.servers()))


class _Newest:
    """Reads the facts as their log ends."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica

    async def __call__(self) -> Known:
        facts, _ = await self._replica.newest_facts()
        return facts


class _Foresees:
    """Looks ahead with the policies that are in force here."""

    def __init__(self, replica: Replica, preview: Preview) -> None:
        self._replica = replica
        self._preview = preview

    async def __call__(
        self, facts: Known, tenants: Collection[str] | None, affected: Affected
    ) -> Foreseen:
        candidate = self._replica.published.with_facts(facts)
        return await self._preview.foresee_of(candidate, affected, tenants=tenants)
