"""A ledger with credentials that live at a target."""

from typing import Any, Final

from broker.ids import LeaseId
from broker.model.lease import Lease, LeaseSpec, LeaseState
from broker.model.target import TargetDeath, TargetRef
from broker.model.task import TaskSpec
from broker.store.death_ledger import DeathLedger
from broker.store.link import Link
from broker.store.new_lease import Renewal
from broker.store.prolong_ledger import ProlongLedger
from tests.fakes.ledger_kit import MINUTE, LedgerKit
from tests.fakes.replace import replace

AT: Final = TargetRef("yard", "toy-1")


class TargetKit(LedgerKit):
    """A ledger, and leases with a target."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.deaths = DeathLedger(link, self.keys, self.ids, self.limits)
        self.prolonging = ProlongLedger(link, self.keys)

    async def reserve(self, task: TaskSpec, *, at: str = AT.name, **changes: Any) -> LeaseSpec:
        """Reserve a lease whose credential is to be made within a minute."""
        new = self.new_lease(
            task,
            target=TargetRef(at, AT.identity),
            state=LeaseState.RESERVED,
            minting_ms=MINUTE,
            **changes,
        )
        await self.leases.grant(new)
        return new.spec

    async def active(self, task: TaskSpec) -> LeaseSpec:
        """Reserve and activate one."""
        spec = await self.reserve(task)
        await self.leases.activate(spec, 0)
        return spec

    async def ended(self, task: TaskSpec, reason: str = "revoked") -> LeaseSpec:
        """Activate one and end it."""
        spec = await self.active(task)
        await self.leases.end([(spec.id, task.id)], reason)
        return spec

    async def death(self, lease: LeaseId) -> TargetDeath:
        """Return how far its death has come."""
        found = await self.deaths.find(lease)
        assert found is not None
        assert found.death is not None
        return found.death

    async def lives_ms(self, lease: LeaseId) -> int:
        """Return for how long its record is kept; -1: without end."""
        return int(await self.link.read("PTTL", self.keys.of(lease).lease(lease)))

    async def dying(self, lease: LeaseId) -> list[str]:
        """Return what waits for its target in its bucket."""
        return list(await self.link.read("ZRANGE", self.keys.of(lease).dying, 0, -1))

    def at_target(self, **changes: Any) -> Renewal:
        """A renewal for four minutes that may take a minute at its target."""
        return self.renewal(**{"minting_ms": MINUTE, **changes})

    async def prolong(self, spec: LeaseSpec, **changes: Any) -> Lease:
        """Prolong a lease in the ledger; return it dated as its target is to be asked."""
        held = await self.leases.view(spec.id)
        granted = await self.leases.renew(held, self.at_target(**changes))
        return replace(
            await self.leases.view(spec.id),
            generation=granted.generation,
            expires_at_ms=granted.expires_at_ms,
        )
