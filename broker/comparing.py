"""Comparing the ledger with what is at a target, in both directions. Nothing is changed.

While credentials come and go, one look at each would see differences that there are none. So:

- what is active is read *before* the target is asked: it was there then, if anybody left it alone;
- what is found is looked up in the ledger *afterwards*: a reservation is always there first;
- what differs is looked at again, at the target and then in the ledger, when whatever was under way
  has had its time. Only what differs still is told.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from backends.contract import Sighting
from backends.errors import BackendError, OtherTargetError
from backends.inventory import Found, Listing
from broker.model.comparison import Comparison, Difference, Differs, difference
from broker.store.reconciliations import Outcome
from broker.store.target_leases import Standing, TargetLeases
from broker.target_wishes import place_of
from broker.targets.target import Target

_STEP_S: Final = 1.0
"""While it waits it says so this often."""

_AGEING_MS: Final = 5_000

Heard = Callable[[str, int, int], None]
"""Is told what is done, how much of it, and of how much."""


@dataclass(frozen=True, slots=True)
class Incomparable:
    """A target of which nothing can be said, and why: a word, and a sentence.

    Without a word nothing is wrong: its kind does not offer to say what is there.
    """

    target: str
    kind: str
    trouble: str
    message: str


def unheard(what: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class _Seen:
    """What one comparison has come to know."""

    identity: str = ""
    seen: int = 0
    known: int = 0
    elsewhere: int = 0
    foreign: Counter[str] = field(default_factory=Counter)
    active: dict[str, str] = field(default_factory=dict)
    """Locators of active leases that were not found there yet, and their leases."""
    doubtful: dict[str, Difference] = field(default_factory=dict)
    """What was found there and differs, by locator."""


class Comparing:
    """Compares, target by target. ``sleep`` waits for so many seconds."""

    def __init__(
        self,
        leases: TargetLeases,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._leases = leases
        self._sleep = sleep

    async def compare(
        self,
        target: Target,
        epoch: str,
        *,
        lost: frozenset[str] = frozenset(),
        heard: Heard = unheard,
    ) -> Comparison:
        """Compare one target with the ledger of an epoch.

        ``lost`` are epochs of ledgers that are gone for good, whose credentials count as ours.

        Raises:
            BackendError: the target cannot say what is there, or became another one meanwhile.
            StoreUnavailableError: a part of the ledger does not answer.
        """
        seen, ours = _Seen(), frozenset({epoch}) | lost
        where = await self._read_ledger(target, seen, heard)
        async for page in self._pages(target, seen, heard):
            await self._judge(page, seen, ours)
        self._set_elsewhere_aside(seen, where)
        differences = await self._still(target, seen, ours, heard)
        return Comparison(
            target=target.name,
            kind=target.kind,
            identity=seen.identity,
            epoch=epoch,
            seen=seen.seen,
            known=seen.known,
            elsewhere=seen.elsewhere,
            foreign=dict(sorted(seen.foreign.items())),
            differences=tuple(sorted(differences, key=lambda each: (each.kind, each.locator))),
        )

    async def try_to(
        self,
        target: Target,
        epoch: str,
        *,
        lost: frozenset[str] = frozenset(),
        heard: Heard = unheard,
    ) -> Comparison | Incomparable:
        """Compare, or say why that cannot be done.

        Raises:
            StoreUnavailableError: a part of the ledger does not answer.
        """
        if target.unrecorded_ms is None:
            return Incomparable(target.name, target.kind, "", "its kind cannot say what is there")
        try:
            return await self.compare(target, epoch, lost=lost, heard=heard)
        except BackendError as error:
            return Incomparable(target.name, target.kind, error.trouble.value, str(error))

    async def _read_ledger(self, target: Target, seen: _Seen, heard: Heard) -> dict[str, str]:
        """Read what is active at a target; return at which server each was recorded."""
        where: dict[str, str] = {}
        for bucket in range(self._leases.buckets):
            async for spec in self._leases.active(bucket, target.name):
                place = place_of(spec)
                if target.traits_at(place).can_look_up:  # else nothing is there to be missed
                    seen.active[spec.locator], where[spec.locator] = spec.id, place.identity
            heard(f"{target.name}: buckets of the ledger", bucket + 1, self._leases.buckets)
        return where

    async def _pages(self, target: Target, seen: _Seen, heard: Heard) -> AsyncIterator[Listing]:
        """Go through the inventory, as long as one and the same target answers."""
        expected, come, after = len(seen.active), 0, ""
        while True:
            page = await target.inventory(after)
            if seen.identity not in ("", page.identity):
                raise OtherTargetError(f"this is {page.identity}, before it was {seen.identity}")
            seen.identity, come = page.identity, come + len(page.found)
            heard(f"{target.name}: credentials there", come, max(come, expected))
            yield page
            if not page.after:
                return
            after = page.after

    async def _judge(self, page: Listing, seen: _Seen, ours: frozenset[str]) -> None:
        standings = await self._leases.standings([found.lease for found in page.found])
        seen.seen += len(page.found)
        for found, standing in zip(page.found, standings, strict=True):
            known = _known(found, standing, page.identity)
            seen.known += known is not None
            seen.active.pop(found.locator, None)
            kind = _differs(found, known, ours)
            if kind is not None:
                seen.doubtful[found.locator] = difference(kind, found, is_ours=found.epoch in ours)
            elif known is None:
                seen.foreign[found.epoch] += 1

    @staticmethod
    def _set_elsewhere_aside(seen: _Seen, where: dict[str, str]) -> None:
        """Say nothing of what was recorded at another server than the one that answers."""
        here = {name: lease for name, lease in seen.active.items() if where[name] == seen.identity}
        seen.elsewhere, seen.active = len(seen.active) - len(here), here

    async def _still(
        self, target: Target, seen: _Seen, ours: frozenset[str], heard: Heard
    ) -> list[Difference]:
        """Look again at what differs, when nothing that was under way is under way any more."""
        unsettled = {
            name: each for name, each in seen.doubtful.items() if each.kind is not Differs.UNMARKED
        }
        differences = [each for each in seen.doubtful.values() if each.kind is Differs.UNMARKED]
        if not unsettled and not seen.active:
            return differences
        await self._wait(target, heard)
        async for page in self._pages(target, seen, heard):
            for found in page.found:
                seen.active.pop(found.locator, None)
            again = [found for found in page.found if found.locator in unsettled]
            standings = await self._leases.standings([found.lease for found in again])
            for found, standing in zip(again, standings, strict=True):
                kind = _differs(found, _known(found, standing, page.identity), ours)
                if kind is not None:
                    differences.append(difference(kind, found, is_ours=found.epoch in ours))
        return differences + await self._missing(seen)

    async def _missing(self, seen: _Seen) -> list[Difference]:
        """Return what was not there in two looks, and was active before and after them."""
        # What dies of age is gone there a little before the ledger says so.
        now_ms = await self._leases.now_ms() + _AGEING_MS
        standings = await self._leases.standings([*seen.active.values()])
        return [
            Difference(kind=Differs.MISSING, locator=locator, lease=lease, sighting=Sighting.ABSENT)
            for (locator, lease), standing in zip(seen.active.items(), standings, strict=True)
            if standing is not None and standing.is_active and standing.expires_at_ms > now_ms
        ]

    async def _wait(self, target: Target, heard: Heard) -> None:
        seconds = second_look_ms(target) / 1000
        steps = -(-int(seconds * 1000) // int(_STEP_S * 1000))
        for step in range(steps):
            await self._sleep(min(_STEP_S, seconds - step * _STEP_S))
            heard(f"{target.name}: seconds until a second look", step + 1, steps)


def second_look_ms(target: Target) -> int:
    """Return for how long something may be there that the ledger does not know of yet."""
    return max(target.minting_ms, target.unrecorded_ms or 0)


def _known(found: Found, standing: Standing | None, identity: str) -> Standing | None:
    """Return the lease that will kill what was found: by its name there, at this very target."""
    if standing is None or not standing.is_at(found.locator, identity):
        return None
    return standing


def _differs(found: Found, known: Standing | None, ours: frozenset[str]) -> Differs | None:
    """Say how something differs; None: it does not, or it is another ledger's."""
    if known is not None:
        is_undead = known.is_dead and found.sighting is Sighting.ALIVE
        return Differs.UNDEAD if is_undead else None
    if found.epoch in ours:
        return Differs.ORPHAN if found.sighting is Sighting.ALIVE else Differs.REMNANT
    return None if found.epoch else Differs.UNMARKED


def outcome_of(result: Comparison, by: str) -> Outcome:
    """Say in numbers what a comparison came to, and who made it."""
    return Outcome(
        by=by,
        seen=result.seen,
        known=result.known,
        foreign=sum(result.foreign.values()),
        elsewhere=result.elsewhere,
        found={kind.value: result.count(kind) for kind in Differs},
    )
