"""Builds what does the due work, by its kind."""

from broker.approving import Approving
from broker.faultpoints import FaultPoints
from broker.freeze_worker import FollowFreeze
from broker.glass_worker import TellEnd
from broker.killing import Killer
from broker.places import Places
from broker.populations import Populations
from broker.reaper import Worker
from broker.revocation import Revocations
from broker.set_orders import SetOrders
from broker.store.ledger import Ledger
from broker.workers import CleanUp, Forget, Look, TakeDown


def workers(
    ledger: Ledger,
    faults: FaultPoints,
    retention_ms: int,
    *,
    populations: Populations,
    revocations: Revocations,
    sets: SetOrders,
    killer: Killer,
    approvals: Approving,
) -> dict[str, Worker]:
    """Build one for each kind that is done piece by piece."""
    places = Places(ledger.quotas)
    take_down = TakeDown(
        tasks=ledger.tasks,
        leases=ledger.leases,
        tree=ledger.tree,
        places=places,
        faults=faults,
        retention_ms=retention_ms,
        ended=approvals.task_ended,
    )
    clean_up = CleanUp(
        tasks=ledger.tasks,
        leases=ledger.leases,
        tree=ledger.tree,
        orders=ledger.orders,
        revocations=revocations,
        sets=sets,
        populations=populations,
        places=places,
        faults=faults,
        buckets=len(ledger.keys.buckets),
    )
    return {
        "t": Look(ledger.tree, ledger.paths),
        "k": take_down,
        "a": approvals,
        "z": FollowFreeze.over(ledger, faults),
        "e": TellEnd(ledger.glass, faults),
        "x": clean_up,
        "v": killer,
        "g": Forget(ledger.tree, retention_ms=retention_ms),
    }
