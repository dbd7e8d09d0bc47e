"""Builds what watches agents: a part of the composition root."""

from dataclasses import dataclass

from broker.behaviour_acts import Acts, TasksOf
from broker.behaviour_findings import BehaviourFindings
from broker.behaviour_watch import BehaviourWatch
from broker.clock import Clock
from broker.fact_verbs import FactVerbs
from broker.faultpoints import FaultPoints
from broker.late_use import LateUse
from broker.settings.settings import Settings
from broker.signals import Signals
from broker.store.clock_bounds import ClockBounds
from broker.store.feed_log import FeedLog
from broker.store.ledger import Ledger
from broker.store.link import Link
from broker.store.watch_ledger import WatchLedger
from broker.verbs import Verbs


@dataclass(frozen=True, slots=True)
class Watch:
    """Who follows the log, and who takes signals."""

    log: BehaviourWatch
    signals: Signals


@dataclass(frozen=True, slots=True)
class BehaviourSide:
    """What is noted for the detectors, what they found, and who runs them."""

    ledger: Ledger
    kept: WatchLedger
    late: LateUse
    findings: BehaviourFindings
    clock: Clock
    process: str
    faults: FaultPoints

    @classmethod
    def over(cls, link: Link, ledger: Ledger, clock: Clock, bounds: ClockBounds) -> "BehaviourSide":
        """Build it."""
        kept = WatchLedger(link, ledger.keys, ledger.ids, bounds=bounds)
        findings = BehaviourFindings(kept, clock)
        late, process = LateUse(kept, clock), ledger.ids.operation()
        faults = FaultPoints.of_this_process()
        return cls(ledger, kept, late, findings, clock, process, faults)

    def watch(self, settings: Settings, log: FeedLog, verbs: Verbs, fact_verbs: FactVerbs) -> Watch:
        """Build what finds and what is told."""
        kept, whole = self.kept, self.ledger
        acts = Acts(
            *(verbs.freezing, fact_verbs.changes.apply, kept, self.clock),
            tasks=TasksOf(whole),
            faults=self.faults,
        )
        follows = BehaviourWatch(
            *(self.process, log, kept),
            rules=settings.behaviour.rules,
            acts=acts,
            clock=self.clock,
            faults=self.faults,
        )
        signals = Signals(
            *(settings.signals.sources, settings.issuer),
            ledger=kept,
            tasks=whole.tasks,
            acts=acts,
            clock=self.clock,
        )
        return Watch(follows, signals)
