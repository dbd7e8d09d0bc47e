"""The whole ledger, as one value: built once over one link."""

from dataclasses import dataclass

from broker.ids import IdFactory
from broker.store.approval_ledger import ApprovalLedger
from broker.store.ban_ledger import BanLedger
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.control import ControlStore
from broker.store.cut_ledger import CutLedger
from broker.store.death_ledger import DeathLedger
from broker.store.decision_log import DecisionLog
from broker.store.due_queue import DueQueue
from broker.store.evidence_ledger import EvidenceLedger
from broker.store.facts_log import FactsLog
from broker.store.facts_snapshots import FactsSnapshots
from broker.store.freeze_ledger import FreezeLedger
from broker.store.glass_ledger import GlassLedger
from broker.store.held_leases import HeldLeases
from broker.store.keyspace import Keyspace
from broker.store.lease_ledger import LeaseLedger
from broker.store.ledger_clock import LedgerClock
from broker.store.limits import Limits
from broker.store.link import Link
from broker.store.live_leases import LiveLeases
from broker.store.paths import Paths
from broker.store.prolong_ledger import ProlongLedger
from broker.store.proof_ledger import ProofLedger
from broker.store.quotas import QuotaLedger
from broker.store.reconciliations import Reconciliations
from broker.store.recorded import Recorded
from broker.store.redo_ledger import RedoLedger
from broker.store.replicas import Replicas
from broker.store.review_ledger import ReviewLedger
from broker.store.revocation_ledger import RevocationLedger
from broker.store.selection_ledger import SelectionLedger
from broker.store.shadow_ledger import ShadowLedger
from broker.store.target_leases import TargetLeases
from broker.store.task_ledger import TaskLedger
from broker.store.task_tree import TaskTree


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every part of it."""

    keys: Keyspace
    ids: IdFactory
    paths: Paths
    tasks: TaskLedger
    freezes: FreezeLedger
    tree: TaskTree
    leases: LeaseLedger
    approvals: ApprovalLedger
    prolonging: ProlongLedger
    deaths: DeathLedger
    bans: BanLedger
    cuts: CutLedger
    orders: RevocationLedger
    due: DueQueue
    quotas: QuotaLedger
    decisions: DecisionLog
    recorded: Recorded
    control: ControlStore
    replicas: Replicas
    clock: LedgerClock
    live: LiveLeases
    held: HeldLeases
    redo: RedoLedger
    selections: SelectionLedger
    proofs: ProofLedger
    evidence: EvidenceLedger
    at_targets: TargetLeases
    reconciliations: Reconciliations
    shadow: ShadowLedger
    glass: GlassLedger
    facts: FactsLog
    snapshots: FactsSnapshots
    reviews: ReviewLedger

    @classmethod
    def over(
        cls,
        link: Link,
        *,
        namespace: str,
        buckets: int,
        limits: Limits,
        bounds: ClockBounds = ANY_TIME,
    ) -> "Ledger":
        """Build it. A broker says by ``bounds`` when the ledger's clock is believed."""
        return cls(
            keys=(keys := Keyspace(namespace, buckets)),
            ids=(ids := IdFactory(buckets)),
            paths=(paths := Paths(link, keys)),
            tasks=TaskLedger(link, keys, ids, paths, limits, bounds=bounds),
            freezes=FreezeLedger(link, keys, ids, limits, bounds=bounds),
            tree=TaskTree(link, keys, ids, bounds=bounds),
            leases=LeaseLedger(link, keys, ids, paths, limits, bounds=bounds),
            approvals=ApprovalLedger(link, keys, ids, limits, bounds=bounds),
            deaths=(deaths := DeathLedger(link, keys, ids, limits, bounds=bounds)),
            prolonging=ProlongLedger(link, keys, bounds=bounds),
            bans=BanLedger(link, keys, ids, bounds=bounds),
            cuts=CutLedger(link, keys, ids, limits, bounds=bounds),
            orders=RevocationLedger(link, keys, ids, limits, bounds=bounds),
            due=DueQueue(link, keys, bounds),
            quotas=QuotaLedger(link, keys, bounds=bounds),
            decisions=DecisionLog(link, keys, ids, limits),
            recorded=Recorded(link, keys),
            control=ControlStore(link, keys, ids),
            replicas=Replicas(link, keys),
            clock=LedgerClock(link, keys),
            live=LiveLeases(link, keys, bounds=bounds),
            held=HeldLeases(link, keys),
            redo=RedoLedger(link, keys),
            selections=SelectionLedger(link, keys),
            proofs=ProofLedger(link, keys),
            evidence=EvidenceLedger(link, keys, limits, bounds.clock),
            at_targets=TargetLeases(link, keys, deaths),
            reconciliations=Reconciliations(link, keys, ids, bounds=bounds),
            shadow=ShadowLedger(link, keys),
            glass=GlassLedger(link, keys, ids, limits, bounds=bounds),
            facts=(facts := FactsLog(link, keys, ids, retention_ms=limits.retention_ms)),
            snapshots=FactsSnapshots(link, keys, ids, facts),
            reviews=ReviewLedger(link, keys, ids, limits),
        )
