"""The last steps of a renewal at a target.

    still the same thing? ─ room at its target? ─ prolong (ledger and quotas) ─ prolong (target)
                                                                 ─ note (ledger) ─ deliver

- The ledger is first: what the target is asked for never outlives the ledger's entry, whoever dies
  in between, and nothing is taken for dead of age that may live.
- One renewal of a credential is under way at a time. What it came to is noted even if whoever asked
  is gone; where nobody knows, the next one waits until it has surely ended.
- A repeat under the same idempotency key asks the target for the same instant again, and delivers
  what that answers: what was delivered before is refused then (I10).
- What has ended meanwhile is not delivered, and killed.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog
from msgspec.structs import replace

from backends.contract import Deadline, Minted, Wish
from backends.errors import BackendError, NotMintedError
from broker.errors import BrokerError, LeaseNotRenewableError
from broker.faultpoints import FaultPoints
from broker.governance.published import Quotas
from broker.granting import Granting
from broker.killing import Killer
from broker.model.capability import Capability
from broker.model.lease import Lease
from broker.model.requests import IssuedCredential
from broker.secret import Secret
from broker.store.new_lease import Renewal
from broker.store.prolong_ledger import ProlongLedger
from broker.target_wishes import digest_of, failed, place_of, refused, refused_at, wish_of
from broker.targets.target import Target
from broker.targets.targets import Targets

_log = structlog.get_logger(__name__)


class Prolonging:
    """Renews at targets."""

    def __init__(
        self,
        *,
        targets: Targets,
        granting: Granting,
        ledger: ProlongLedger,
        killer: Killer,
        faults: FaultPoints,
    ) -> None:
        self._targets = targets
        self._granting = granting
        self._ledger = ledger
        self._killer = killer
        self._faults = faults
        self._under_way: set[asyncio.Task[Any]] = set()

    async def renew(
        self, held: Lease, renewal: Renewal, capability: Capability, limits: Quotas
    ) -> IssuedCredential:
        """Prolong a credential in its place.

        Raises:
            LeaseNotRenewableError: as :meth:`require_renewable`, or it would not live longer.
            TargetBusyError: the target has too much to do, or is being asked for another renewal.
            IssuanceError: it did not prolong it, or nobody knows; it dies when it would have, or
                when this renewal would have ended.
            BrokerError: as :meth:`~broker.granting.Granting.renew`.
        """
        target = self.require_renewable(held, capability)
        wish, deadline = wish_of(held.spec, capability), target.deadline()
        try:
            target.admit_renewal()
        except BackendError as error:
            raise refused(capability, error) from None
        timed = replace(renewal, minting_ms=target.minting_ms)
        lease = await self._granting.renew(held, timed, limits)
        self._faults.reach("prolong.granted")
        # Whoever asked may go; what becomes of it is noted all the same.
        minted = await asyncio.shield(self._spawn(self._prolong(target, lease, wish, deadline)))
        sure = replace(lease, sure_until_ms=lease.expires_at_ms)
        words = {name: Secret(word) for name, word in minted.words.items()}
        return IssuedCredential(sure, words, capability.reach_of(lease.spec.scopes))

    def require_renewable(self, held: Lease, capability: Capability) -> Target:
        """Return the target of a credential that may be renewed there.

        Raises:
            LeaseNotRenewableError: its kind forbids it, or its capability gives another thing now.
            IssuanceError: this broker does not have that target.
        """
        if held.spec.template != digest_of(capability):
            raise LeaseNotRenewableError("this capability gives another thing by now")
        target = self._targets.find(capability.target, capability.backend)
        if target is None:
            raise failed(capability, "this broker does not have that target")
        if not target.traits_at(place_of(held.spec)).renewable:
            raise LeaseNotRenewableError("this kind prolongs nothing")
        return target

    async def _prolong(
        self, target: Target, lease: Lease, wish: Wish, deadline: Deadline
    ) -> Minted:
        try:
            minted = await target.renew(wish, place_of(lease.spec), lease.expires_at_ms, deadline)
        except NotMintedError as error:
            await self._note_refusal(lease)
            raise refused_at(lease.spec, "renewal-failed", error) from None
        except BackendError as error:
            raise refused_at(lease.spec, "renewal-failed", error) from None
        self._faults.reach("prolong.done")
        try:
            await self._ledger.done(lease)
        except BrokerError:
            _ = self._spawn(self._kill_if_dead(lease))
            raise
        self._faults.reach("prolong.noted")
        return minted

    async def _note_refusal(self, lease: Lease) -> None:
        try:
            await self._ledger.not_done(lease)
        except BrokerError as error:
            # It has ended, or the next renewal waits for a while.
            _log.info("renewal-not-noted", credential=lease.spec.id, error=str(error))

    async def _kill_if_dead(self, lease: Lease) -> None:
        """Kill what has ended while it was prolonged; what has not is left as it is."""
        try:
            await self._killer.kill(lease.spec.id)
        except BrokerError as error:
            # The due queue has it.
            _log.warning("kill-not-noted", credential=lease.spec.id, error=str(error))

    def _spawn(self, doing: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(doing)
        self._under_way.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked has it, unless they are gone
