"""Some brokers on one ledger and one target that refuses by a list; none looks by itself."""

from collections.abc import Sequence
from typing import Final

from broker.bans import Bans, Refusal
from broker.clock import SystemClock
from broker.faultpoints import FaultPoints
from broker.model.lease import LeaseState
from broker.model.target import TargetRef
from broker.store.death_ledger import Dying
from broker.store.ledger import Ledger
from broker.store.limits import Limits
from broker.store.link import Link
from broker.targets.target import Bounds, Target
from broker.targets.targets import Targets
from tests.fakes.ledger_kit import MINUTE, LedgerKit
from tests.fakes.replace import replace
from tests.fakes.toy_kind import ToyOptions
from tests.fakes.toy_list import ListTarget, ToyLists

CLOCK: Final = SystemClock()
AT: Final = TargetRef("yard", "toy-1")


class Untold:
    """Counts nothing."""

    def target_called(self, target: str, operation: str, outcome: str) -> None:
        """Do nothing."""


class Brokers:
    """Some brokers on one ledger and one target."""

    def __init__(self, link: Link, toys: ListTarget) -> None:
        self.kit = LedgerKit(link)
        self.toys = toys
        self.ledger = Ledger.over(link, namespace="jit", buckets=4, limits=Limits())
        self.backend = ToyLists(ToyOptions(port=toys.port))
        self.target = Target(
            "yard",
            "toylist",
            self.backend,
            Bounds(deadline_ms=10_000),
            clock=CLOCK,
            told=Untold(),
        )
        self.all = [Bans.over(self.ledger, Targets([self.target]), FaultPoints()) for _ in range(2)]

    async def ended(self, *, is_probed: bool = False) -> Dying:
        """Let a lease come and go; its credential may live at the target."""
        task = await self.kit.open(ttl_ms=50 * MINUTE)
        new = self.kit.new_lease(task, target=AT, state=LeaseState.RESERVED, minting_ms=MINUTE)
        spec = replace(
            new.spec, locator=f"{task.id}-{new.spec.id} main {AT.identity} {int(is_probed)}"
        )
        await self.ledger.leases.grant(replace(new, spec=spec))
        await self.all[0].enter(self.target, spec)
        await self.ledger.leases.activate(spec, 0)
        await self.ledger.leases.end([(spec.id, task.id)], "task-ended")
        found = await self.ledger.deaths.find(spec.id)
        assert found is not None
        return found

    async def kill(self, number: int, found: Dying) -> Refusal:
        """Let one of them kill."""
        lists = self.target.lists
        assert lists is not None
        return await self.all[number].kill(self.target, lists, found)

    async def forget_looks(self) -> None:
        """Let it be long ago that anybody looked."""
        for name in await self.ledger.bans.names():
            where = self.kit.keys.bans(name.digest)
            await self.kit.link.read("HSET", where.meta, "looked", 0)

    async def stop(self) -> None:
        """Stop them."""
        for each in self.all:
            await each.stop()
        self.target.close()


def tasks_of(found: Sequence[Dying]) -> set[str]:
    """Name their tasks."""
    return {str(each.spec.task) for each in found}
