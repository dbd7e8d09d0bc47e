"""Ending leases of one task by their names, and freeing the places that they held."""

import contextlib
from collections.abc import Sequence

from broker.errors import StoreUnavailableError
from broker.ids import LeaseId, TaskId
from broker.places import held
from broker.store.lease_ledger import LeaseLedger
from broker.store.quotas import QuotaLedger


class Endings:
    """Ends leases. Every way to end one before its time goes through here."""

    def __init__(self, leases: LeaseLedger, quotas: QuotaLedger) -> None:
        self._leases = leases
        self._quotas = quotas

    async def end(
        self,
        task: TaskId,
        names: Sequence[LeaseId],
        reason: str,
        *,
        actors: Sequence[str],
        tenant: str,
    ) -> list[LeaseId]:
        """End leases; return those that were alive until now. A repeat has no second effect.

        Raises:
            StoreUnavailableError: some of them may not have ended.
        """
        ended = await self._leases.end([(name, task) for name in names], reason)
        # They are dead; a place that cannot be freed counts until it would have expired.
        with contextlib.suppress(StoreUnavailableError):
            await self._quotas.give(held(actors, tenant), names)
        return ended
