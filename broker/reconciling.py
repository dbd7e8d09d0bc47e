"""Ending what a comparison of ledger and target has found, by an operator's order.

    compare again ─ is it the very set? ─ for each: look once more ─ tell ─ kill ─ tell the outcome

- Only what bears this ledger's epoch, or one that the operator says is lost for good, is killed.
- The order is told before anything is killed: whatever dies in between, the audit trail has it.
- No lease remembers these credentials, so no due queue comes back to them: what did not die is
  found by the next comparison, and the order is given again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from backends.contract import Death, Place, Revocable
from backends.errors import BackendError
from broker.comparing import Heard, unheard
from broker.errors import SupersededError
from broker.model.comparison import Comparison, Difference, Differs, digest_of
from broker.model.target import DeathState
from broker.places import Places
from broker.store.lease_ledger import LeaseLedger
from broker.store.reconciliations import Reconciliations
from broker.store.target_leases import Standing, TargetLeases
from broker.target_wishes import place_of
from broker.targets.target import Target

ENDED_BY: Final = "missing"
"""Why a lease ended whose credential somebody else has taken away."""

_TRIES: Final = 3
"""How often one is tried before the next order has to come back to it."""

_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants it, why, and the set that is meant."""

    by: str
    reason: str
    digest: str


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of one. ``spared``: it does not differ any more, so it was left alone.

    ``is_eventual``: its target cannot do more at once than take the order.
    """

    target: str
    difference: Difference
    state: str
    why: str = ""
    is_eventual: bool = False

    @property
    def is_done(self) -> bool:
        """Tell whether nothing is left to do."""
        is_taken = self.is_eventual and self.state == DeathState.ACCEPTED
        return is_taken or self.state in (DeathState.CONFIRMED, "ended", "spared")


class Reconciling:
    """Ends what differs. ``sleep`` waits for so many seconds."""

    def __init__(
        self,
        *,
        at_targets: TargetLeases,
        leases: LeaseLedger,
        places: Places,
        kept: Reconciliations,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._at_targets = at_targets
        self._leases = leases
        self._places = places
        self._kept = kept
        self._sleep = sleep

    async def end(
        self,
        targets: Mapping[str, Target],
        comparisons: Iterable[Comparison],
        order: Order,
        heard: Heard = unheard,
    ) -> list[Ended]:
        """End exactly the set that the order names, or nothing; many at once, as targets bear.

        Raises:
            SupersededError: what differs is another set.
            StoreUnavailableError: the ledger does not answer; some may have been ended.
        """
        found = list(comparisons)
        if (digest := digest_of(found)) != order.digest:
            raise SupersededError(
                f"what differs now is another set, {digest}: nothing was killed; look at it again"
            )
        meant = [(each, one) for each in found for one in each.condemned]
        ended: list[Ended] = []
        while len(ended) < len(meant):
            comparison, _ = meant[len(ended)]
            target = targets[comparison.target]
            batch = meant[len(ended) : len(ended) + target.bounds.threads]
            ended += await _all(
                self._one(target, each, one, order) for each, one in batch if each is comparison
            )
            heard("ended", len(ended), len(meant))
        return ended

    async def _one(
        self, target: Target, comparison: Comparison, one: Difference, order: Order
    ) -> Ended:
        (standing,) = await self._at_targets.standings([one.lease])
        if not _differs_still(one, standing, comparison.identity):
            return Ended(target.name, one, "spared")
        detail = _detail(comparison, one)
        said = {"by": order.by, "reason": order.reason, "digest": order.digest}
        await self._kept.tell("reconcile.ordered", one.lease, {**detail, **said})
        if one.kind is Differs.MISSING and standing is not None:
            return await self._end_lease(target, one, standing)
        place = Place(locator=one.locator, identity=comparison.identity)
        if standing is not None and one.kind is Differs.UNDEAD:
            place = place_of(standing.spec)  # with what the ledger knows of it besides
        state, why = await self._kill(target, place)
        await self._kept.tell("orphan.killed", one.lease, {**detail, "state": state})
        is_eventual = target.traits_at(place).revocable is Revocable.EVENTUALLY
        return Ended(target.name, one, state, why, is_eventual)

    async def _end_lease(self, target: Target, one: Difference, standing: Standing) -> Ended:
        """End a lease whose credential is gone: its holder's is dead, and is told so."""
        spec = standing.spec
        await self._leases.end([(spec.id, spec.task)], ENDED_BY)
        await self._places.free(spec, [spec.id])
        return Ended(target.name, one, "ended")

    async def _kill(self, target: Target, place: Place) -> tuple[str, str]:
        """Kill, and say how far that came and why no further."""
        if target.traits_at(place).revocable is Revocable.NEVER:
            return DeathState.IRREVOCABLE, ""
        state, why = DeathState.PENDING, ""
        for trial in range(_TRIES):
            if trial:
                await self._sleep(_PAUSE_S)
            try:
                death = await target.kill(place)
            except BackendError as error:
                state, why = DeathState.PENDING, error.trouble.value
                continue
            if death is not Death.ACCEPTED:
                return DeathState.CONFIRMED, ""
            state, why = DeathState.ACCEPTED, ""
            if target.traits_at(place).revocable is Revocable.EVENTUALLY:
                break
        return state, why


def _differs_still(one: Difference, standing: Standing | None, identity: str) -> bool:
    """Tell whether the ledger still says what makes it differ."""
    if standing is None or not standing.is_at(one.locator, identity):
        return one.kind in (Differs.ORPHAN, Differs.REMNANT)
    if one.kind is Differs.MISSING:
        return standing.is_active
    return one.kind is Differs.UNDEAD and standing.is_dead


def _detail(comparison: Comparison, one: Difference) -> dict[str, str]:
    return {
        "target": comparison.target,
        "identity": comparison.identity,
        "locator": one.locator,
        "credential": one.lease,
        "epoch": one.epoch,
        "differs": one.kind.value,
    }


async def _all(doing: Iterable[Awaitable[Ended]]) -> list[Ended]:
    """Wait for all of them, and only then let a failure of one through."""
    results = await asyncio.gather(*doing, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if isinstance(result, Ended)]
