"""Compares ledger and targets regularly, and says what differs. It changes nothing.

- Of many brokers one has the turn of a target; what it finds is kept in the ledger, and every
  broker shows it: in ``/readyz``, in the metrics, and once in the log.
- Each target is compared by a task of its own: one that hangs delays no other.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final

import structlog
from msgspec import structs

from broker import under_way
from broker.comparing import Comparing, Incomparable, outcome_of
from broker.comparing_lists import ListComparing, ListComparison, counted
from broker.errors import BrokerError, UnavailableError
from broker.foreseen_lists import foreseen
from broker.gate import Gate, Hindrance
from broker.list_watch import ListWatch
from broker.metrics import Metrics
from broker.model.comparison import Comparison, Differs
from broker.replica import Replica
from broker.store.ledger import Ledger
from broker.store.reconciliations import Kept, Outcome, Reconciliations
from broker.targets.target import Target
from broker.targets.targets import Targets
from broker.ticker import Ticker

BY: Final = "broker"
"""Who compared, where no person did."""

_LOOK_MS: Final = 5_000
"""How often it is asked whose turn it is; how often that is, each target says."""

WATCHER: Final = "targets"
"""The word under which it remarks: nobody is refused access for what it finds."""

_TOLD: Final = {
    Differs.ORPHAN: "credentials that no lease has",
    Differs.UNDEAD: "credentials that live although their death was confirmed",
    Differs.MISSING: "active leases whose credential is gone",
}
"""What an operator should look at. The rest is shown by the command, and by the metrics."""

_TOLD_LISTS: Final = {
    "missing": "lists that lack what must stand there",
    "edited": "lists that a hand has edited",
    "foreign": "lists that bear another ledger's mark",
    "unmarked": "lists that bear nobody's mark",
}
"""The same, of lists of what a target refuses."""

_log = structlog.get_logger(__name__)


class ReconcileWatch:
    """Takes turns with the other brokers."""

    def __init__(
        self,
        targets: Targets,
        ledger: Ledger,
        gate: Gate,
        metrics: Metrics,
        replica: Replica,
    ) -> None:
        self._targets = [
            each
            for each in targets.all
            if each.bounds.reconcile_ms and (each.unrecorded_ms is not None or each.lists)
        ]
        self._replica = replica
        self.lists = ListWatch(targets, ledger.bans, gate, metrics)
        self._comparing = Comparing(ledger.at_targets)
        self._lists = ListComparing(ledger.bans)
        self._kept = ledger.reconciliations
        self._control = ledger.control
        self._gate = gate
        self._metrics = metrics
        self._at_work: dict[str, asyncio.Task[None]] = {}

    def start(self, ticker: Ticker, stack: AsyncExitStack) -> None:
        """Begin to look at turns; the stack ends what is under way."""
        ticker.every(_LOOK_MS, self.tick)
        self.lists.start(ticker)
        stack.push_async_callback(self.stop)

    async def tick(self) -> None:
        """Begin with every target whose turn has come, and show what is known of all."""
        if not self._targets:
            return
        try:
            for target in self._targets:
                if await self._has_turn(target):
                    self._begin(target)
            self._show(await self._kept.all())
        except UnavailableError:
            return  # the store's watcher reports it

    async def rested(self) -> None:
        """Wait until nothing is under way."""
        await under_way.rested(self._at_work)

    async def stop(self) -> None:
        """End what is under way; the next turn is some broker's."""
        await under_way.end(self._at_work.values())

    async def _has_turn(self, target: Target) -> bool:
        if target.name in self._at_work:
            return False
        return await self._kept.take(target.name, target.bounds.reconcile_ms) == 0

    def _begin(self, target: Target) -> None:
        task = asyncio.create_task(self._compare(target))
        self._at_work[target.name] = task
        task.add_done_callback(lambda done: self._finished(target.name, done))

    def _finished(self, target: str, task: "asyncio.Task[None]") -> None:
        del self._at_work[target]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("reconcile-failed", target=target, exc_info=error)

    async def _compare(self, target: Target) -> None:
        try:
            record = await self._control.read()
            if record is None:
                return
            result = await self._comparing.try_to(target, record.epoch)
            lists = await self._compare_lists(target)
            await keep(self._kept, result, BY, lists)
        except BrokerError as error:
            _log.warning("reconcile-failed", target=target.name, error=str(error))
            return
        tell(result)
        tell_lists(target.name, lists or ())

    async def _compare_lists(self, target: Target) -> list[ListComparison] | None:
        """Compare its lists; also those that only capabilities know of: a ledger may be lost."""
        if target.lists is None:
            return None
        try:
            capabilities = self._replica.registered.capabilities.values()
            names = await foreseen([target], capabilities)
        except UnavailableError:
            names = frozenset()  # nothing is published yet
        return await self._lists.compare([target], foreseen=names)

    def _show(self, kept: Mapping[str, Kept]) -> None:
        remarks = []
        for target in self._targets:
            last = kept.get(target.name, Kept())
            if last.outcome is not None:
                self._metrics.reconciled(target.name, last.at_ms / 1000, last.outcome.found)
                self._metrics.reconciled_lists(target.name, last.outcome.lists)
                remarks += remarks_on(target.name, last.outcome)
        self._gate.remark(WATCHER, *remarks)


async def keep(
    kept: Reconciliations,
    result: Comparison | Incomparable,
    by: str,
    lists: Sequence[ListComparison] | None = None,
) -> None:
    """Keep what a comparison came to, for every broker to show. ``lists``: None where it has none.

    Raises:
        StoreUnavailableError: perhaps it is not kept.
    """
    trouble = next((each.trouble for each in lists or () if each.trouble), "")
    if isinstance(result, Incomparable):
        trouble = result.trouble or trouble
        outcome = Outcome(by=by)
    else:
        outcome = outcome_of(result, by)
    if trouble:
        await kept.failed(result.target, trouble.partition(":")[0])
    elif lists is not None or isinstance(result, Comparison):
        await kept.keep(result.target, structs.replace(outcome, lists=counted(lists or ())))


def remarks_on(target: str, outcome: Outcome) -> list[Hindrance]:
    """Say what an operator should look at."""
    remedy = f"look at it with `broker reconcile {target}`"
    told = [(outcome.found.get(kind, 0), words) for kind, words in _TOLD.items()]
    told += [(outcome.lists.get(kind, 0), words) for kind, words in _TOLD_LISTS.items()]
    return [Hindrance(f"{target} has {count} {words}", remedy) for count, words in told if count]


def tell_lists(target: str, lists: Sequence[ListComparison]) -> None:
    """Log how lists of what a target refuses differ, if they do."""
    if any(each.is_alarming for each in lists):
        _log.warning("deny-lists-differ", target=target, **counted(lists))


def tell(result: Comparison | Incomparable) -> None:
    """Log what a comparison came to, as loud as what differs is bad."""
    if isinstance(result, Incomparable):
        if result.trouble:
            _log.warning("reconcile-failed", target=result.target, why=result.trouble)
        return
    counts = {kind.value: result.count(kind) for kind in Differs}
    told = {"target": result.target, "seen": result.seen, "known": result.known, **counts}
    told["foreign"] = sum(result.foreign.values())
    if counts[Differs.UNDEAD]:
        _log.error("dead-credential-lives", **told)
    elif any(counts[kind] for kind in _TOLD):
        _log.warning("targets-differ", **told)
    else:
        _log.info("targets-compared", **told)
