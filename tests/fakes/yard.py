"""A ledger, a toy target, and leases whose credentials are there: what comparing begins from."""

from collections.abc import Callable
from typing import Any, Final

from broker.clock import SystemClock
from broker.comparing import Comparing
from broker.model.comparison import Comparison, Differs
from broker.model.lease import LeaseSpec, LeaseState
from broker.model.target import DeathState, TargetRef
from broker.model.task import TaskSpec
from broker.store.death_ledger import DeathLedger, Note
from broker.store.link import Link
from broker.store.target_leases import TargetLeases
from broker.targets.target import Bounds, Target
from tests.fakes.ledger_kit import MINUTE, LedgerKit
from tests.fakes.replace import replace
from tests.fakes.toy_kind import EPOCH, ToyBackend, ToyOptions
from tests.fakes.toy_target import ToyTarget

NAME: Final = "yard"


class Untold:
    """Counts nothing."""

    def target_called(self, target: str, operation: str, outcome: str) -> None:
        """Forget it."""


def reach(toy: ToyTarget, name: str = NAME, **bounds: Any) -> Target:
    """Reach a toy target."""
    backend, few = ToyBackend(ToyOptions(port=toy.port)), Bounds(**bounds)
    return Target(name, "toy", backend, few, clock=SystemClock(), told=Untold())


class Yard(LedgerKit):
    """A ledger, a target, and leases whose credentials are there."""

    def __init__(self, link: Link, toy: ToyTarget) -> None:
        super().__init__(link)
        self.toy = toy
        self.target = reach(toy, deadline_ms=20_000)
        self.deaths = DeathLedger(link, self.keys, self.ids, self.limits)
        self.waited: list[float] = []
        self.meanwhile: Callable[[], Any] | None = None
        self.at_targets = TargetLeases(link, self.keys, self.deaths)
        self.comparing = Comparing(self.at_targets, self.sleep)

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once; something may happen meanwhile."""
        self.waited.append(seconds)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()

    async def reserve(self, task: TaskSpec, name: str = NAME, **changes: Any) -> LeaseSpec:
        """Reserve a lease."""
        new = self.new_lease(task, state=LeaseState.RESERVED, minting_ms=MINUTE, **changes)
        at = TargetRef(name, self.toy.identity)
        spec = replace(new.spec, locator=f"toy_{new.spec.id}", target=at)
        await self.leases.grant(replace(new, spec=spec))
        return spec

    async def minted(self, task: TaskSpec, name: str = NAME, **changes: Any) -> LeaseSpec:
        """Mint one, as a broker does."""
        spec = await self.reserve(task, name, **changes)
        self.toy.plant(spec.locator, EPOCH, spec.id)
        await self.leases.activate(spec, 0)
        return spec

    async def killed(self, spec: LeaseSpec) -> None:
        """End one, and kill it."""
        await self.leases.end([(spec.id, spec.task)], "revoked")
        if spec.locator in self.toy.names:
            self.toy.drop(spec.locator)
        await self.deaths.note(spec.id, Note(DeathState.CONFIRMED))

    async def compare(self, **changes: Any) -> Comparison:
        """Compare."""
        return await self.comparing.compare(self.target, EPOCH, **changes)

    async def found(self, **changes: Any) -> dict[str, Differs]:
        """Compare, and say what differs by its name there."""
        compared = await self.compare(**changes)
        return {each.locator: each.kind for each in compared.differences}
