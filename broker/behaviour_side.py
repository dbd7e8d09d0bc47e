"""Builds what watches agents: a part of the composition root."""

from dataclasses import dataclass

from broker.behaviour_acts import Acts, Held
from broker.behaviour_findings import BehaviourFindings
from broker.behaviour_watch import BehaviourWatch
from broker.clock import Clock
from broker.freezing import Freezing
from broker.late_use import LateUse
from broker.settings.behaviour import Behaviour
from broker.store.clock_bounds import ClockBounds
from broker.store.feed_log import FeedLog
from broker.store.ledger import Ledger
from broker.store.link import Link
from broker.store.watch_ledger import WatchLedger


@dataclass(frozen=True, slots=True)
class BehaviourSide:
    """What is noted for the detectors, what they found, and who runs them."""

    ledger: WatchLedger
    late: LateUse
    findings: BehaviourFindings
    clock: Clock
    process: str

    @classmethod
    def over(cls, link: Link, ledger: Ledger, clock: Clock, bounds: ClockBounds) -> "BehaviourSide":
        """Build it."""
        kept = WatchLedger(link, ledger.keys, ledger.ids, bounds=bounds)
        findings = BehaviourFindings(kept, clock)
        return cls(kept, LateUse(kept, clock), findings, clock, ledger.ids.operation())

    def watch(
        self, log: FeedLog, settings: Behaviour, freezing: Freezing, hold: Held
    ) -> BehaviourWatch:
        """Build what follows the log; ``hold`` changes facts."""
        acts = Acts(freezing, hold, self.ledger, self.clock)
        return BehaviourWatch(
            *(self.process, log, self.ledger), rules=settings.rules, acts=acts, clock=self.clock
        )
