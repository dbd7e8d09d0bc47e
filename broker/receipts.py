"""What became of one lease: the rule from which every receipt is made.

- ``confirmed`` is said only of what the target refuses, and will go on refusing (I3): an
  introspecting server after its stated cache time, a feed server when every live subscriber has
  acknowledged the end or its strict staleness bound has passed. Nobody confirms for an offline one.
- While the ledger's clock and ours disagree nothing is said to have died of age, and no time to
  have passed that has not passed by both.
- A receipt is computed from the ledger when it is asked for: there is no second record to drift.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from broker.ids import LeaseId, TaskId, bucket_of
from broker.model.capability import CheckMode, ResourceServer
from broker.model.lease import COLLATERAL, Lease, LeaseState
from broker.model.receipt import Receipt, ReceiptState
from broker.model.redecision import NO_LONGER
from broker.model.target import DeathState, TargetDeath
from broker.store.feed_subscribers import FeedSubscribers

_OWN_ENDS = frozenset({"revoked", "given-back", "undone", COLLATERAL, NO_LONGER})
"""Ends that were told to verifiers lease by lease."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What ended a lease from above: the number of its event in the bucket's outbox, and when.

    A freeze kills only what was issued until an instant; an end (0) kills all of it.
    """

    number: int
    at_ms: int
    until_ms: int = 0

    def kills(self, issued_at_ms: int) -> bool:
        """Tell whether it kills what was issued then."""
        return not self.until_ms or issued_at_ms <= self.until_ms


def unreadable(lease: LeaseId, task: TaskId) -> Receipt:
    """Return the receipt of a lease whose record is none of ours: nothing is known of its death."""
    return Receipt(
        lease=lease,
        task=task,
        capability="",
        kind="",
        audience="",
        state=ReceiptState.PENDING,
        detail="its record in the ledger cannot be read",
        revoked_at_ms=0,
        expires_at_ms=0,
    )


class Receipts:
    """Makes receipts."""

    def __init__(self, subscribers: FeedSubscribers) -> None:
        self._subscribers = subscribers

    async def of(
        self, lease: Lease, cause: Cause | None, servers: Mapping[str, ResourceServer]
    ) -> Receipt | None:
        """Return the receipt of a lease that has ended, or None while it is alive."""
        if lease.is_alive:
            return None
        if lease.spec.target is not None:
            return _at_target(lease, first(_own(lease), cause))
        told = first(_own(lease), cause)
        if told is None and _is_dead_by_age_alone(lease):
            return None
        if told is None or told.at_ms >= lease.expires_at_ms:
            return _receipt(lease, *_without_event(lease))
        server = servers.get(lease.spec.audience)
        state, detail = await self._taken(lease, told, server)
        if state is not ReceiptState.CONFIRMED and lease.expires_at_ms <= lease.passed_ms:
            state, detail = ReceiptState.EXPIRED, "expired before it was confirmed"
        return _receipt(lease, state, detail, told.at_ms)

    async def _taken(
        self, lease: Lease, told: Cause, server: ResourceServer | None
    ) -> tuple[ReceiptState, str]:
        if server is None or server.check is CheckMode.OFFLINE:
            return (
                ReceiptState.IRREVOCABLE,
                "the resource server checks offline: dies at expires_at",
            )
        if server.check is CheckMode.INTROSPECT:
            return _introspected(lease.passed_ms, told, server)
        heard = await self._subscribers.confirmation(
            bucket_of(lease.spec.id),
            told.number,
            server.audience,
            told.at_ms,
            staleness_ms=server.staleness_ms,
            strict=server.strict,
        )
        return heard.state, heard.detail


def _at_target(lease: Lease, told: Cause | None) -> Receipt | None:
    """Say of a credential at a target what its target has said, and nothing else."""
    if _is_dead_by_age_alone(lease):
        return None
    death = lease.death or TargetDeath(DeathState.REQUESTED)
    ended_ms = lease.ended_at_ms or (told.at_ms if told else lease.passed_ms)
    made = _receipt(
        lease,
        ReceiptState(death.state.value),
        _detail(death) + (_HIT if lease.ended_by == COLLATERAL else ""),
        min(ended_ms, told.at_ms) if told else ended_ms,
    )
    return replace(
        made,
        target=lease.spec.target.name if lease.spec.target else "",
        attempts=death.tries,
        tried_ms=death.tried_at_ms,
        next_attempt_ms=death.next_at_ms,
        settled_at_ms=death.settled_at_ms,
    )


_HIT: Final = "; it was hit when its target's full deny list was cut off: ask for another"

_DETAILS: Final = {
    DeathState.REQUESTED: "dead in the ledger; its target is about to be asked",
    DeathState.ACCEPTED: "its target has the order, and will be asked again",
    DeathState.CONFIRMED: "its target refuses it",
    DeathState.EXPIRED: "has died of age at its target",
    DeathState.IRREVOCABLE: "its target takes nothing back: dies at expires_at",
}


def _detail(death: TargetDeath) -> str:
    if death.state is DeathState.PENDING:
        return f"not dead at its target yet ({death.why or 'unknown'}); will be tried again"
    if death.state is DeathState.IRREVOCABLE and death.settled_at_ms:
        return "a standing secret, permitted by name: nobody takes it back, and no age ends it"
    return _DETAILS[death.state]


def _own(lease: Lease) -> Cause | None:
    if lease.ended_by in _OWN_ENDS and lease.end_number:
        return Cause(lease.end_number, lease.ended_at_ms)
    return None


def first(*causes: Cause | None) -> Cause | None:
    """Return the first of several ends, which killed it.

    What came later is told as well, but changes nothing any more: a receipt never depends on what
    happens to a lease after its death.
    """
    return min((cause for cause in causes if cause), key=lambda cause: cause.number, default=None)


def _is_dead_by_age_alone(lease: Lease) -> bool:
    """Tell whether only a clock that may be wrong says that it is dead: perhaps it is not."""
    is_recorded = lease.state is LeaseState.ENDED
    by_age = lease.ended_by in ("expired", "deadline") and lease.expires_at_ms > lease.passed_ms
    return not lease.is_sure and not is_recorded and by_age


def _without_event(lease: Lease) -> tuple[ReceiptState, str, int]:
    is_expired = lease.state is LeaseState.ENDED and lease.ended_by == "expired"
    if is_expired or lease.expires_at_ms <= lease.passed_ms:
        return ReceiptState.EXPIRED, "died of age", lease.expires_at_ms
    return ReceiptState.REQUESTED, "dead in the ledger; telling its target", lease.passed_ms


def _introspected(now_ms: int, told: Cause, server: ResourceServer) -> tuple[ReceiptState, str]:
    if now_ms >= told.at_ms + server.cache_ms:
        return ReceiptState.CONFIRMED, "introspection answers inactive, no cached answer is left"
    return ReceiptState.ACCEPTED, f"introspection answers inactive; cached for {server.cache_ms} ms"


def _receipt(lease: Lease, state: ReceiptState, detail: str, at_ms: int) -> Receipt:
    spec = lease.spec
    return Receipt(
        lease=spec.id,
        task=spec.task,
        capability=spec.capability,
        kind=spec.backend,
        audience=spec.audience,
        state=state,
        detail=detail,
        revoked_at_ms=at_ms,
        expires_at_ms=lease.expires_at_ms,
        why=lease.why,
    )
