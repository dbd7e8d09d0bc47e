"""``v``: kill at its target what has ended in the ledger, until the target confirms it.

- The due queue holds each such lease from before its credential exists until it is dead; this
  worker only begins what is due and comes back: a target that hangs delays no other work.
- What was never activated may still be on its way: that its target does not know it counts only
  once minting has had its time.
- While a renewal may be under way at the target, nothing is called confirmed: it is looked at once
  more when that has surely ended.
- Retried with growing pauses, without end. Being overdue raises an alarm, and ends nothing.
- Nobody asks policy, facts or keys (I5).
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from backends.contract import Death, Place, Revocable, SelfExpiry, Traits
from backends.errors import BackendError, Trouble
from broker import under_way
from broker.bans import Bans, Refusal
from broker.errors import StoreUnavailableError
from broker.faultpoints import FaultPoints
from broker.ids import LeaseId, parse_lease_id
from broker.model.lease import LeaseState
from broker.model.target import DeathState
from broker.places import Places
from broker.store.death_ledger import DeathLedger, Dying, Note, Noted
from broker.store.due_queue import Work
from broker.store.lease_ledger import LeaseLedger
from broker.store.ledger import Ledger
from broker.target_wishes import place_of
from broker.targets.target import Target
from broker.targets.targets import Targets

_FIRST_MS: Final = 1_000
_MOST_MS: Final = 30_000
_ELSEWHERE_MS: Final = 30_000
"""When a lease of a target that this broker does not have is looked at again."""

_SLACK_MS: Final = 5_000
"""How much later than its expiry a credential has died of age by any clock that counts."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Achieved:
    """What one try came to."""

    state: DeathState
    why: str = ""
    again_in_ms: int = 0
    is_tried: bool = True
    again_at_ms: int = 0


class Killer:
    """Kills, many at once, each target at its own pace."""

    def __init__(
        self,
        *,
        deaths: DeathLedger,
        leases: LeaseLedger,
        places: Places,
        targets: Targets,
        bans: Bans,
        faults: FaultPoints,
    ) -> None:
        self._deaths = deaths
        self._leases = leases
        self._places = places
        self._targets = targets
        self._bans = bans
        self._faults = faults
        self._at_work: dict[LeaseId, asyncio.Task[Noted]] = {}

    @classmethod
    def over(cls, ledger: Ledger, targets: Targets, bans: Bans, faults: FaultPoints) -> "Killer":
        """Build it."""
        return cls(
            deaths=ledger.deaths,
            leases=ledger.leases,
            places=Places(ledger.quotas),
            targets=targets,
            bans=bans,
            faults=faults,
        )

    async def work(self, work: Work) -> int | None:
        """Begin with one lease; the ledger is told what comes of it, and when to come back."""
        _ = self._begin(parse_lease_id(work.subject), work.claimed_ms)
        return None

    async def kill(self, lease: LeaseId) -> bool:
        """Kill one now, and wait for what comes of it; tell whether it is dead.

        Raises:
            BrokerError: nobody knows; the due queue comes back to it.
        """
        return (await asyncio.shield(self._begin(lease, 0))).is_settled

    async def never_minted(self, lease: LeaseId) -> None:
        """Note of a lease that has ended: for certain there is nothing to kill.

        Raises:
            BrokerError: it was not noted; the target will be asked.
        """
        await self._deaths.note(lease, Note(DeathState.CONFIRMED, is_tried=False))

    async def stop(self) -> None:
        """End what is under way; it comes back by the due queue."""
        await under_way.end(self._at_work.values())

    async def rested(self) -> None:
        """Wait until nothing is under way."""
        await under_way.rested(self._at_work)

    def _begin(self, lease: LeaseId, now_ms: int) -> "asyncio.Task[Noted]":
        """Begin, unless it is under way. ``now_ms``: an instant of the ledger's that has passed."""
        task = self._at_work.get(lease)
        if task is None:
            task = self._at_work[lease] = asyncio.create_task(self._one(lease, now_ms))
            task.add_done_callback(lambda done: self._finished(lease, done))
        return task

    def _finished(self, lease: LeaseId, task: "asyncio.Task[Noted]") -> None:
        del self._at_work[lease]
        if task.cancelled() or (error := task.exception()) is None:
            return
        is_store = isinstance(error, StoreUnavailableError)
        _log.warning("kill-not-noted", credential=lease, exc_info=None if is_store else error)

    async def _one(self, lease: LeaseId, now_ms: int) -> Noted:
        found = await self._deaths.find(lease)
        if found is not None and found.state is LeaseState.RESERVED:
            # Whoever minted it is gone, or late: it never becomes active.
            await self._leases.end([(lease, found.spec.task)], "undone")
            await self._places.free(found.spec, [lease])
            found = await self._deaths.find(lease)
        if found is None or found.state is not LeaseState.ENDED:
            return await self._deaths.note(lease, Note(DeathState.PENDING, is_tried=False))
        return await self._follow(lease, found, now_ms)

    async def _follow(self, lease: LeaseId, found: Dying, now_ms: int) -> Noted:
        if found.death is not None and found.death.is_settled:
            return await self._deaths.note(lease, Note(found.death.state))
        spec = found.spec
        name = spec.target.name if spec.target is not None else ""
        target = self._targets.find(name, spec.backend)
        if target is None:
            achieved = _Achieved(
                DeathState.PENDING, "not-here", again_in_ms=_ELSEWHERE_MS, is_tried=False
            )
        else:
            achieved = await self._try(target, found, now_ms)
        noted = await self._deaths.note(lease, _note(achieved, target, place_of(found.spec)))
        self._faults.reach("kill.noted")
        if noted.is_settled and target is not None:
            await self._bans.leave(target, found)
        if not noted.is_settled and noted.since_ms > self._targets.overdue_ms(name):
            _alarm(found, achieved, name, noted.since_ms)
        return noted

    async def _try(self, target: Target, found: Dying, now_ms: int) -> _Achieved:
        traits = target.traits_at(place_of(found.spec))
        if traits.revocable is Revocable.NEVER:
            return _Achieved(DeathState.IRREVOCABLE, again_in_ms=_MOST_MS, is_tried=False)
        if found.ended_by == "expired" and traits.self_expiry is SelfExpiry.FULL:
            return _Achieved(DeathState.EXPIRED, is_tried=False)
        tries = found.death.tries if found.death is not None else 0
        pause = pause_ms(tries)
        try:
            order = await self._order(target, found)
        except BackendError as error:
            is_tried = error.trouble is not Trouble.BUSY
            return _Achieved(DeathState.PENDING, error.trouble.value, pause, is_tried)
        self._faults.reach("kill.done")
        if order.death is Death.ACCEPTED:
            # Come back soon; where only age can tell more, when it has.
            at_ms = 0 if order.can_tell else found.expires_at_ms + _SLACK_MS
            return _Achieved(DeathState.ACCEPTED, again_in_ms=pause, again_at_ms=at_ms)
        sure_at_ms = _sure_at_ms(found, target, order.death)
        if sure_at_ms > max(found.ended_at_ms, now_ms):  # only instants of the ledger are compared
            return _Achieved(DeathState.ACCEPTED, again_at_ms=sure_at_ms)
        return _Achieved(DeathState.CONFIRMED)

    async def _order(self, target: Target, found: Dying) -> Refusal:
        lists = target.lists
        if lists is None:
            return Refusal(await target.kill(place_of(found.spec)), can_tell=True)
        return await self._bans.kill(target, lists, found)


def pause_ms(tries: int) -> int:
    """Return the pause after so many tries: twice as long each time, and never above 30 s."""
    return min(_FIRST_MS << min(tries, 10), _MOST_MS)


def _alarm(found: Dying, achieved: _Achieved, target: str, late_ms: int) -> None:
    """Say that something lives on at its target for too long."""
    if achieved.state is DeathState.IRREVOCABLE:
        return  # the kind has said so
    _log.error(
        "revocation-overdue",
        credential=found.spec.id,
        target=target,
        kind=found.spec.backend,
        capability=found.spec.capability,
        why=achieved.why,
        tries=found.death.tries if found.death is not None else 0,
        late_seconds=late_ms // 1000,
    )


def _sure_at_ms(found: Dying, target: Target, death: Death) -> int:
    """Return when neither a mint nor a renewal can take effect any more; 0: already.

    What was never activated may still be on its way, so its absence says nothing before that.
    """
    is_unknown = death is Death.ABSENT and not found.was_active
    minted_at_ms = found.issued_at_ms + target.minting_ms if is_unknown else 0
    return max(minted_at_ms, found.renewing_until_ms)


def _note(achieved: _Achieved, target: Target | None, place: Place) -> Note:
    traits = target.traits_at(place) if target is not None else None
    dies = traits is not None and _dies_of_age(traits)
    return Note(
        achieved.state,
        achieved.why,
        achieved.again_in_ms,
        achieved.again_at_ms,
        dead_after_ms=_SLACK_MS if dies else None,
        is_tried=achieved.is_tried,
        is_final=traits is not None and traits.is_standing,
    )


def _dies_of_age(traits: Traits) -> bool:
    return traits.self_expiry is SelfExpiry.FULL
