"""Builds what can be done in an emergency, over a ledger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from backends.access_token import ClaimsOf
from broker.breaking_glass import BreakingGlass
from broker.clock import Clock
from broker.faultpoints import FaultPoints
from broker.glass_desk import GlassDesk
from broker.glass_minting import GlassMinting
from broker.granting import Granting
from broker.ids import bucket_of
from broker.judgement import Judgement
from broker.minting import Minting
from broker.model.alarm import AlarmPort
from broker.places import Places
from broker.reaper import News
from broker.replica import Replica
from broker.store.ledger import Ledger
from broker.target_minting import TargetMinting


class Base(Protocol):
    """What it stands on: :class:`broker.verbs.Parts`."""

    @property
    def ledger(self) -> Ledger:
        """Where it is kept."""
        ...

    @property
    def alarm(self) -> AlarmPort:
        """Who tells before it opens."""
        ...

    @property
    def replica(self) -> Replica:
        """What is in force here."""
        ...

    @property
    def issuer(self) -> str:
        """Our own name."""
        ...

    @property
    def claims_of(self) -> ClaimsOf:
        """What our tokens state."""
        ...

    @property
    def clock(self) -> Clock:
        """This machine's clocks."""
        ...

    @property
    def faults(self) -> FaultPoints:
        """Where tests interrupt it."""
        ...

    @property
    def news(self) -> News:
        """Called with a bucket whose outbox has something."""
        ...

    def wake(self, buckets: Sequence[int]) -> None:
        """Say that access ended in these buckets."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GlassVerbs:
    """Asking and agreeing, fetching, and everything else."""

    breaking: BreakingGlass
    minting: GlassMinting
    desk: GlassDesk

    @classmethod
    def over(cls, base: Base, judgement: Judgement, at_targets: TargetMinting) -> "GlassVerbs":
        """Build them."""

        def told(any_id: str) -> None:
            base.news(bucket_of(any_id), urgent=True)

        return cls(
            breaking=_breaking(base, judgement, told),
            minting=_minting(base, judgement, at_targets, told),
            desk=GlassDesk(
                glass=base.ledger.glass,
                leases=base.ledger.leases,
                places=Places(base.ledger.quotas),
                faults=base.faults,
                ended=lambda lease: base.wake([bucket_of(lease)]),
                told=told,
            ),
        )


def _breaking(base: Base, judgement: Judgement, told: Callable[[str], None]) -> BreakingGlass:
    return BreakingGlass(
        tree=base.ledger.tree,
        glass=base.ledger.glass,
        judgement=judgement,
        alarm=base.alarm,
        ids=base.ledger.ids,
        clock=base.clock,
        faults=base.faults,
        told=told,
    )


def _minting(
    base: Base, judgement: Judgement, at_targets: TargetMinting, told: Callable[[str], None]
) -> GlassMinting:
    ledger = base.ledger
    return GlassMinting(
        tree=ledger.tree,
        leases=ledger.leases,
        glass=ledger.glass,
        granting=Granting(ledger.leases, Places(ledger.quotas)),
        at_targets=at_targets,
        minting=Minting(base.issuer, base.replica, base.claims_of),
        judgement=judgement,
        ids=ledger.ids,
        faults=base.faults,
        told=told,
    )
