"""What became of prolonging a lease at its target, as the ledger has it.

The ledger was first: since :meth:`~broker.store.lease_ledger.LeaseLedger.renew` it covers what the
target is asked for. Until this is told, no other renewal of the lease begins before the one that is
under way has surely ended.
"""

from broker.model.lease import Lease
from broker.store import scripts
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.keyspace import Keyspace
from broker.store.link import Link
from broker.store.refusals import accept


class ProlongLedger:
    """Notes it."""

    def __init__(self, link: Link, keys: Keyspace, *, bounds: ClockBounds = ANY_TIME) -> None:
        self._link = link
        self._keys = keys
        self._bounds = bounds

    async def done(self, lease: Lease) -> None:
        """Note that a lease, dated as it was renewed, lives at its target for so long.

        Raises:
            TaskClosedError, LeaseEndedError, NotFoundError: it has ended: deliver nothing.
            UnavailableError: nobody knows whether it has.
        """
        await self._note(lease, str(lease.expires_at_ms))

    async def not_done(self, lease: Lease) -> None:
        """Note that for certain it was not prolonged, and will not be.

        Raises:
            BrokerError: as for :meth:`done`.
        """
        await self._note(lease, "")

    async def _note(self, lease: Lease, until: str) -> None:
        spec = lease.spec
        bucket = self._keys.of(spec.id)
        keys = [bucket.meta, bucket.cuts, bucket.lease(spec.id), *bucket.path(spec.path)]
        args: list[str | int] = [" ".join(spec.path), lease.generation, until]
        args += self._bounds.around_now()
        accept(await self._link.run(scripts.LEASE_PROLONGED, keys, args))
