"""Granting in the ledger and in the quotas: both, or neither.

- Nothing is signed before both have agreed; whichever refuses undoes the other (I14).
- A place is counted before its lease is delivered and until it has ended: a crash in between counts
  too many for a while, never too few.
- A repeat under the same idempotency key finds the first grant, and counts as that one (I10).
"""

import contextlib
from collections.abc import Awaitable
from typing import Final, TypeVar

from msgspec.structs import replace

from broker.errors import (
    BrokerError,
    LeaseEndedError,
    QuotaExceededError,
    StoreUnavailableError,
    UnavailableError,
)
from broker.governance.published import Quotas
from broker.ids import LeaseId
from broker.model.lease import Lease, LeaseSpec, LeaseState
from broker.places import Places
from broker.store.lease_ledger import LeaseLedger
from broker.store.lease_replies import Granted
from broker.store.new_lease import NewLease, Renewal
from broker.store.quotas import Quota

Result = TypeVar("Result")

_MARGIN_MS: Final = 1_000
"""Longer than two scripts of one request are apart: no place ends before its lease."""

_CLAMPED_MS: Final = 2_000
"""More than rounding takes off: the lease ends sooner than was asked for, and so must its place."""


class Granting:
    """Grants and prolongs leases. The leases it returns are dated as the token to be signed."""

    def __init__(self, leases: LeaseLedger, places: Places) -> None:
        self._leases = leases
        self._places = places

    async def grant(self, new: NewLease, limits: Quotas) -> Lease:
        """Grant a lease.

        Raises:
            LeaseEndedError: what the idempotency key once granted has ended.
            QuotaExceededError: of the task, an agent at an end of its path, or the tenant.
            BrokerError: as :meth:`~broker.store.lease_ledger.LeaseLedger.grant`.
        """
        if new.key:
            return await self._grant_once(new, limits)
        taking = self._places.begin(new.spec.id, new.spec, limits, new.ttl_ms + _MARGIN_MS)
        granted = await _outcome(self._leases.grant(new))
        full = await _outcome(taking.refused_by())
        if isinstance(granted, Granted) and full is None:
            await self._shorten(new.spec, granted, new.ttl_ms)
            return _fresh(new, granted)
        await self._undo(new, new.spec.id)
        raise granted if isinstance(granted, BrokerError) else _refusal(full)

    async def _grant_once(self, new: NewLease, limits: Quotas) -> Lease:
        """Grant under a key: all repeats share the one lease, and its place."""
        granted = await self._leases.grant(new)
        lease = _fresh(new, granted) if granted.is_new else await self._living(granted)
        left_ms = granted.expires_at_ms - max(lease.judged_at_ms, granted.issued_at_ms)
        taking = self._places.begin(granted.lease, new.spec, limits, left_ms + _MARGIN_MS)
        full = await _outcome(taking.refused_by())
        if full is not None:
            # Of a repeat that merely failed, the first request may have been answered.
            if granted.is_new or isinstance(full, Quota):
                await self._undo(new, granted.lease)
            raise _refusal(full)
        if not granted.is_new:
            await self._free_if_dead(lease)
        return _dated(lease, granted)

    async def reserve(self, new: NewLease, limits: Quotas) -> Lease:
        """Reserve a lease whose credential is still to be made.

        For a repeat under an idempotency key return the lease that the key stands for, as it was
        granted: it has another id.

        Raises:
            QuotaExceededError: as for :meth:`grant`.
            BrokerError: as :meth:`~broker.store.lease_ledger.LeaseLedger.grant`.
        """
        granted = await self._leases.grant(new)
        if granted.lease != new.spec.id:
            spec = replace(new.spec, id=granted.lease)
            return _fresh(replace(new, spec=spec), granted)
        taking = self._places.begin(new.spec.id, new.spec, limits, new.ttl_ms + _MARGIN_MS)
        full = await _outcome(taking.refused_by())
        if full is not None:
            await self.undo(new, new.spec.id)
            raise _refusal(full)
        await self._shorten(new.spec, granted, new.ttl_ms)
        return replace(_fresh(new, granted), state=LeaseState.RESERVED)

    async def end_former(self, former: LeaseSpec) -> None:
        """End a lease that another one takes the place of."""
        await self._leases.end([(former.id, former.task)], "replaced")
        await self._places.free(former, [former.id])

    async def undo(self, new: NewLease, lease: LeaseId) -> None:
        """Take a reservation back, its places and its idempotency key.

        Raises:
            StoreUnavailableError: perhaps it stands until its minting should have ended.
        """
        await self._leases.undo(new, lease)
        await self._places.free(new.spec, [lease])

    async def _free_if_dead(self, lease: Lease) -> None:
        """Free what was counted a moment after the lease's own end had freed it."""
        with contextlib.suppress(BrokerError):
            seen = await self._leases.view(lease.spec.id, lease.spec.path)
            if seen.is_sure and not seen.is_alive:
                await self._places.free(lease.spec, [lease.spec.id])

    async def renew(self, held: Lease, renewal: Renewal, limits: Quotas) -> Lease:
        """Add a generation to a lease.

        Raises:
            LeaseEndedError: what the idempotency key once granted has ended.
            BrokerError: as :meth:`~broker.store.lease_ledger.LeaseLedger.renew`.
        """
        spec = held.spec
        taking = self._places.begin(spec.id, spec, limits, renewal.ttl_ms + _MARGIN_MS)
        full = await _outcome(taking.refused_by())
        if full is not None:
            await self._settle(spec)
            raise _refusal(full)
        try:
            granted = await self._leases.renew(held, renewal)
            # Somebody whose renewal was refused meanwhile may have shortened what we had prolonged.
            await self._places.at_least(spec, granted.lease, granted.expires_at_ms + _MARGIN_MS)
            lease = await self._living(granted)
        except StoreUnavailableError:
            raise  # perhaps it was renewed: it counts for as long as that would be
        except BrokerError:
            await self._settle(spec)
            raise
        if _is_clamped(granted, renewal.ttl_ms):
            await self._settle(spec)
        return _dated(lease, granted)

    async def _settle(self, spec: LeaseSpec) -> None:
        """Count a lease for as long as the ledger says that it lives: not at all if it is dead.

        A renewal beside this one prolongs the places first and the lease then. So whoever shortens
        places looks at the lease once more afterwards: too few are never counted.
        """
        with contextlib.suppress(UnavailableError):
            shortened_to = await self._lives_until(spec)
            if shortened_to:
                await self._places.until(spec, spec.id, shortened_to + _MARGIN_MS)
            lives_until = await self._lives_until(spec)
            if not lives_until:
                await self._places.free(spec, [spec.id])
            elif lives_until > shortened_to:
                await self._places.at_least(spec, spec.id, lives_until + _MARGIN_MS)

    async def _lives_until(self, spec: LeaseSpec) -> int:
        """Return when a lease expires; 0 when it is dead already.

        Raises:
            UnavailableError: nobody knows, or only a clock says so that may be wrong.
        """
        seen = await self._leases.find(spec.id, spec.path)
        if seen is not None and not seen.is_sure:
            raise UnavailableError("the ledger's clock and this broker's disagree")
        return seen.expires_at_ms if seen is not None and seen.is_alive else 0

    async def _living(self, granted: Granted) -> Lease:
        """Look again: nothing is delivered for what has ended meanwhile.

        Raises:
            LeaseEndedError: it has, or the token that was granted has expired.
        """
        lease = await self._leases.view(granted.lease)
        if not lease.is_alive or granted.expires_at_ms <= lease.judged_at_ms:
            raise LeaseEndedError("what was granted has ended")
        return lease

    async def _shorten(self, spec: LeaseSpec, granted: Granted, ttl_ms: int) -> None:
        """Let places end with a lease that got much less than was asked for."""
        if _is_clamped(granted, ttl_ms):
            await self._places.until(spec, granted.lease, granted.expires_at_ms + _MARGIN_MS)

    async def _undo(self, new: NewLease, lease: LeaseId) -> None:
        """Take back what one side gave when the other refused.

        Nothing was signed. Should this fail too, the lease dies of age unseen; and a repeat under
        its key has to get a place before it is given anything.
        """
        with contextlib.suppress(StoreUnavailableError):
            await self._leases.undo(new, lease)
            await self._places.free(new.spec, [lease])


async def _outcome(call: Awaitable[Result]) -> Result | BrokerError:
    """Await a call whose failure must not keep another's outcome from being known."""
    try:
        return await call
    except BrokerError as error:
        return error


def _is_clamped(granted: Granted, ttl_ms: int) -> bool:
    return ttl_ms - (granted.expires_at_ms - granted.issued_at_ms) > _CLAMPED_MS


def _refusal(full: Quota | BrokerError | None) -> BrokerError:
    if isinstance(full, BrokerError):
        return full
    return QuotaExceededError(full.kind if full else "unknown")


def _fresh(new: NewLease, granted: Granted) -> Lease:
    return Lease(
        spec=_signed_by(new.spec, granted),
        state=LeaseState.ACTIVE,
        is_alive=True,
        generation=granted.generation,
        issued_at_ms=granted.issued_at_ms,
        expires_at_ms=granted.expires_at_ms,
        max_expires_at_ms=granted.max_expires_at_ms,
        judged_at_ms=granted.issued_at_ms,
    )


def _signed_by(spec: LeaseSpec, granted: Granted) -> LeaseSpec:
    """Name the key that the grant was signed by: a repeat's is that of the first request."""
    return spec if spec.key_id == granted.key_id else replace(spec, key_id=granted.key_id)


def _dated(lease: Lease, granted: Granted) -> Lease:
    """Show a lease as one of its grants made it: a later renewal changes no earlier answer."""
    return replace(
        lease,
        spec=_signed_by(lease.spec, granted),
        generation=granted.generation,
        issued_at_ms=granted.issued_at_ms,
        expires_at_ms=granted.expires_at_ms,
        max_expires_at_ms=granted.max_expires_at_ms,
    )
