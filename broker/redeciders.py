"""Everything that decides again, over one ledger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from broker.doubts import Doubts
from broker.faultpoints import FaultPoints
from broker.freshness import Freshness, Replica
from broker.lease_walk import LeaseWalk
from broker.metrics import Metrics
from broker.movement import Movement
from broker.narrowing import Narrowing
from broker.pace import Pace
from broker.places import Places
from broker.reassessment import Patience, Reassessment
from broker.reevaluation import Reevaluation
from broker.store.ledger import Ledger


class Base(Protocol):
    """What they stand on: see :class:`broker.verbs.Parts`."""

    @property
    def ledger(self) -> Ledger:
        """Everything that is kept."""
        ...

    @property
    def replica(self) -> Replica:
        """What is in force here."""
        ...

    @property
    def metrics(self) -> Metrics:
        """What is counted."""
        ...

    @property
    def faults(self) -> FaultPoints:
        """Where tests interrupt it."""
        ...

    @property
    def patience(self) -> Patience:
        """For how long a failing engine is asked again."""
        ...

    @property
    def pace(self) -> Pace:
        """How it gives way to requests."""
        ...

    @property
    def news(self) -> Callable[..., None]:
        """Called with a bucket in which something ended."""
        ...

    @property
    def due(self) -> Callable[[Sequence[int]], None]:
        """Called with buckets that have work."""
        ...


@dataclass(frozen=True, slots=True)
class Redeciders:
    """Who looks at whole buckets when facts change, and at single leases when their time comes."""

    reevaluation: Reevaluation
    doubts: Doubts

    @classmethod
    def over(cls, base: Base) -> "Redeciders":
        """Build them."""

        def ended(bucket: int) -> None:
            base.news(bucket, urgent=True)
            base.due([bucket])

        ledger, faults, metrics = base.ledger, base.faults, base.metrics
        freshness = Freshness(base.replica)
        reassessment = Reassessment(
            leases=ledger.leases,
            redo=ledger.redo,
            places=Places(ledger.quotas),
            current=freshness.published,
            metrics=metrics,
            faults=faults,
            ended=ended,
            patience=base.patience,
        )
        return cls(
            reevaluation=Reevaluation(
                redo=ledger.redo,
                walk=LeaseWalk(ledger.tree, ledger.leases, ledger.held),
                reassessment=reassessment,
                freshness=freshness,
                movement=Movement(ledger.control.history, base.replica.steps),
                narrowing=Narrowing(ledger.tree),
                pace=base.pace,
                due=base.due,
                metrics=metrics,
                faults=faults,
            ),
            doubts=Doubts(
                redo=ledger.redo,
                held=ledger.held,
                reassessment=reassessment,
                freshness=freshness,
            ),
        )

    async def stop(self) -> None:
        """End what is under way."""
        await self.reevaluation.stop()
        await self.doubts.stop()
