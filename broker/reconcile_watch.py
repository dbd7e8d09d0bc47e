"""Compares ledger and targets regularly, and says what differs. It changes nothing.

- Of many brokers one has the turn of a target; what it finds is kept in the ledger, and every
  broker shows it: in ``/readyz``, in the metrics, and once in the log.
- Each target is compared by a task of its own: one that hangs delays no other.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from broker.clock import Clock
from broker.comparing import Comparing, Incomparable, outcome_of
from broker.errors import BrokerError, UnavailableError
from broker.gate import Gate, Hindrance
from broker.metrics import Metrics
from broker.model.comparison import Comparison, Differs
from broker.store.control import ControlStore
from broker.store.reconciliations import Kept, Reconciliations
from broker.targets.target import Target
from broker.targets.targets import Targets

WATCHER: Final = "targets"
"""The word under which it remarks: nobody is refused access for what it finds."""

_TOLD: Final = {
    Differs.ORPHAN: "credentials that no lease has",
    Differs.UNDEAD: "credentials that live although their death was confirmed",
    Differs.MISSING: "active leases whose credential is gone",
}
"""What an operator should look at. The rest is shown by the command, and by the metrics."""

_log = structlog.get_logger(__name__)


class ReconcileWatch:
    """Takes turns with the other brokers. ``name`` is this one's, for people."""

    def __init__(  # noqa: PLR0913 - one argument per collaborator
        self,
        *,
        targets: Targets,
        comparing: Comparing,
        kept: Reconciliations,
        control: ControlStore,
        gate: Gate,
        metrics: Metrics,
        clock: Clock,
        name: str,
    ) -> None:
        self._targets = [
            each
            for each in targets.all
            if each.bounds.reconcile_ms and each.unrecorded_ms is not None
        ]
        self._comparing = comparing
        self._kept = kept
        self._control = control
        self._gate = gate
        self._metrics = metrics
        self._clock = clock
        self._name = name
        self._not_before: dict[str, int] = {}
        self._at_work: dict[str, asyncio.Task[None]] = {}

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
        while self._at_work:
            await asyncio.wait(list(self._at_work.values()))

    async def stop(self) -> None:
        """End what is under way; the next turn is some broker's."""
        tasks = list(self._at_work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _has_turn(self, target: Target) -> bool:
        now_ms = self._clock.monotonic_ms()
        if target.name in self._at_work or now_ms < self._not_before.get(target.name, now_ms):
            return False
        away_ms = await self._kept.take(target.name, target.bounds.reconcile_ms)
        self._not_before[target.name] = now_ms + away_ms
        return away_ms == 0

    def _begin(self, target: Target) -> None:
        task = asyncio.create_task(self._compare(target))
        self._at_work[target.name] = task
        task.add_done_callback(lambda _: self._at_work.pop(target.name))

    async def _compare(self, target: Target) -> None:
        try:
            record = await self._control.read()
            if record is None:
                return
            result = await self._comparing.try_to(target, record.epoch)
            await self._kept.keep(target.name, outcome_of(result, self._name))
        except BrokerError as error:
            _log.warning("reconcile-failed", target=target.name, error=str(error))
            return
        except Exception:
            _log.exception("reconcile-failed", target=target.name)
            return
        _tell(result)

    def _show(self, kept: Mapping[str, Kept]) -> None:
        remarks = []
        for target in self._targets:
            if (last := kept.get(target.name)) is None:
                continue
            self._metrics.reconciled(target.name, last.at_ms / 1000, last.outcome.found)
            remarks += remarks_on(target.name, last.outcome.found)
        self._gate.remark(WATCHER, *remarks)


def remarks_on(target: str, found: Mapping[str, int]) -> list[Hindrance]:
    """Say what an operator should look at."""
    remedy = f"look at it with `broker reconcile {target}`"
    return [
        Hindrance(f"{target} has {count} {words}", remedy)
        for kind, words in _TOLD.items()
        if (count := found.get(kind, 0))
    ]


def _tell(result: Comparison | Incomparable) -> None:
    if isinstance(result, Incomparable):
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
