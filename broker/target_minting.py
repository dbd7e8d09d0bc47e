"""The last steps for a credential that lives at a target.

    locate ─ reserve (ledger and quotas) ─ mint ─ activate (ledger) ─ deliver

- The ledger has the credential's place before the target is asked to make it (I1), and its due
  queue comes back to it unless it is activated: whoever dies in between leaves nothing alive.
- Whatever goes wrong, a cancelled request included, ends the reservation, and it is killed.
- A repeat under the same idempotency key kills what the first request made, and only then makes
  another: never two live secrets for one key (I10).
"""

import asyncio
import dataclasses
from collections.abc import Coroutine
from typing import Any, Final

import structlog
from msgspec.structs import replace

from backends.contract import Deadline, Minted, Place, Wish
from backends.errors import BackendError, NotMintedError, Trouble
from broker.bans import Bans
from broker.errors import BrokerError, StoreUnavailableError
from broker.faultpoints import FaultPoints
from broker.governance.published import Quotas
from broker.granting import Granting
from broker.killing import Killer
from broker.model.capability import Capability
from broker.model.lease import Lease, LeaseSpec, LeaseState
from broker.model.requests import IssuedCredential
from broker.model.target import DeathState, TargetRef
from broker.places import Places
from broker.secret import Secret
from broker.store.lease_ledger import LeaseLedger
from broker.store.ledger import Ledger
from broker.store.new_lease import NewLease
from broker.target_wishes import (
    digest_of,
    failed,
    place_of,
    refused,
    refused_at,
    wish_of,
)
from broker.targets.target import Target
from broker.targets.targets import Targets

_REPEATS: Final = 3
"""Requests under one key that may overtake each other before one gives up."""

_log = structlog.get_logger(__name__)


class TargetMinting:
    """Mints at targets."""

    def __init__(
        self,
        *,
        targets: Targets,
        leases: LeaseLedger,
        granting: Granting,
        killer: Killer,
        bans: Bans,
        faults: FaultPoints,
    ) -> None:
        self._targets = targets
        self._leases = leases
        self._granting = granting
        self._killer = killer
        self._bans = bans
        self._faults = faults
        self._later: set[asyncio.Task[None]] = set()

    @classmethod
    def over(
        cls, ledger: Ledger, targets: Targets, killer: Killer, bans: Bans, faults: FaultPoints
    ) -> "TargetMinting":
        """Build it over a ledger."""
        return cls(
            targets=targets,
            leases=ledger.leases,
            granting=Granting(ledger.leases, Places(ledger.quotas)),
            killer=killer,
            bans=bans,
            faults=faults,
        )

    async def issue(
        self, new: NewLease, capability: Capability, limits: Quotas
    ) -> IssuedCredential:
        """Reserve, mint, activate.

        Raises:
            TargetBusyError: the target has too much to do, or did not answer lately.
            IssuanceError: it did not make the credential, or nobody knows; then it is killed.
            BrokerError: as :meth:`~broker.granting.Granting.grant`.
        """
        target = self._targets.find(capability.target, capability.backend)
        if target is None:
            raise failed(capability, "this broker does not have that target")
        wish, deadline = wish_of(new.spec, capability), target.deadline()
        try:
            place = await target.locate(wish, deadline)
        except BackendError as error:
            raise refused(capability, error) from None
        lease = await self._reserve(
            _placed(new, target, place, capability), target, capability, limits
        )
        self._faults.reach("mint.reserved")
        minted = await self._mint(target, lease, wish, deadline, new)
        words = {name: Secret(word) for name, word in minted.words.items()}
        active = replace(lease, state=LeaseState.ACTIVE)
        return IssuedCredential(active, words, capability.reach_of(lease.spec.scopes))

    async def _reserve(
        self, new: NewLease, target: Target, capability: Capability, limits: Quotas
    ) -> Lease:
        """Reserve; what the key made before is killed first."""
        for _ in range(_REPEATS):
            lease = await self._granting.reserve(new, limits)
            if lease.spec.id == new.spec.id:
                return lease
            former = lease.spec
            await self._granting.end_former(former)
            is_dead = await self._killer.kill(former.id)
            if not is_dead and not await self._is_refused(target, former):
                raise failed(capability, "what this key made before is not dead yet")
            await self._leases.forget_key(new.key, former.id)
        raise failed(capability, "several requests have the same key")

    async def _is_refused(self, target: Target, former: LeaseSpec) -> bool:
        """Tell whether its target's list refuses a credential, where nobody can know more."""
        lists = target.lists
        if lists is None or lists.is_probed(place_of(former)):
            return False
        death = (await self._leases.view(former.id)).death
        return death is not None and death.state is DeathState.ACCEPTED

    async def _mint(
        self, target: Target, lease: Lease, wish: Wish, deadline: Deadline, new: NewLease
    ) -> Minted:
        spec = lease.spec
        place = place_of(spec)
        try:
            await self._enter(target, spec)
            minted = await target.mint(wish, place, lease.expires_at_ms, deadline)
            self._faults.reach("mint.minted")
            await self._leases.activate(_followed(spec, minted.trail), new.facts, new.graph)
            self._faults.reach("mint.activated")
        except NotMintedError as error:
            await self._abandon(new, lease, is_nothing=True)
            raise refused_at(spec, "mint-failed", error) from None
        except BackendError as error:
            await self._abandon(new, lease)
            raise refused_at(spec, "mint-failed", error) from None
        except BrokerError:
            await self._abandon(new, lease)
            raise
        except BaseException:
            # Cancelled, whoever waited is gone: what is minted, or will be, is killed all the same.
            self._spawn(self._abandon(new, lease))
            raise
        return minted

    async def _enter(self, target: Target, spec: LeaseSpec) -> None:
        """Let the list by which it will be refused know of it, before it exists.

        Raises:
            NotMintedError: it may not exist now.
        """
        try:
            await self._bans.enter(target, spec)
        except (BackendError, BrokerError) as error:
            trouble = error.trouble if isinstance(error, BackendError) else Trouble.BUSY
            raise NotMintedError(trouble, str(error)) from None

    async def _abandon(self, new: NewLease, lease: Lease, *, is_nothing: bool = False) -> None:
        """End a reservation that nobody got the credential of, and have it killed."""
        try:
            await self._granting.undo(new, lease.spec.id)
            if is_nothing:
                await self._killer.never_minted(lease.spec.id)
            else:
                self._spawn(self._kill(lease))
        except StoreUnavailableError as error:
            # The due queue has it.
            _log.warning("reservation-not-undone", credential=lease.spec.id, error=str(error))

    async def _kill(self, lease: Lease) -> None:
        try:
            await self._killer.kill(lease.spec.id)
        except BrokerError as error:
            _log.warning("kill-not-noted", credential=lease.spec.id, error=str(error))

    def _spawn(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing)
        self._later.add(task)
        task.add_done_callback(self._later.discard)


def _placed(new: NewLease, target: Target, place: Place, capability: Capability) -> NewLease:
    spec = replace(
        new.spec,
        locator=place.locator,
        target=TargetRef(target.name, place.identity, probe=place.probe),
        renewable=new.spec.renewable and target.traits_at(place).renewable,
        template=digest_of(capability),
    )
    return replace(new, spec=spec, state=LeaseState.RESERVED, minting_ms=target.minting_ms)


def _followed(spec: LeaseSpec, trail: str) -> LeaseSpec:
    """Add what the target said of the credential."""
    if spec.target is None or not trail:
        return spec
    return replace(spec, target=dataclasses.replace(spec.target, trail=trail))
