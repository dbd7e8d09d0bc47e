"""Ends what lives and is about to be hit by a cut-off of a full deny list.

It is dead in the ledger first: holders learn it and ask for another before the target refuses them.
Every lease that entered the list before the cut-off was laid is looked at, in pages; whatever comes
later is held back at the door until what it gets is younger than the cut-off.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby

from broker.ids import LeaseId, bucket_of
from broker.model.ban import ListName
from broker.model.lease import COLLATERAL, LeaseState
from broker.places import Places
from broker.store.ban_ledger import BanLedger
from broker.store.death_ledger import DeathLedger, Dying
from broker.store.lease_ledger import LeaseLedger

UntilOf = Callable[[Dying], int]
"""Tells until when the last session of a lease may live."""


class Collateral:
    """Ends it."""

    def __init__(
        self, *, bans: BanLedger, deaths: DeathLedger, leases: LeaseLedger, places: Places
    ) -> None:
        self._bans = bans
        self._deaths = deaths
        self._leases = leases
        self._places = places

    async def end(self, name: ListName, laid_at_ms: int, until_of: UntilOf) -> tuple[int, int]:
        """End what entered before an instant; return how many lived, and until when some might.

        May be repeated from any point.

        Raises:
            BrokerError: not all of it has ended: repeat it.
        """
        ended, until, after = 0, 0, None
        while page := await self._bans.born(name, laid_at_ms, after):
            found = await self._find([entry.name for entry in page])
            until = max([until, *map(until_of, found)])
            ended += await self._end([each for each in found if each.state is not LeaseState.ENDED])
            after = page[-1]
        return ended, until

    async def _find(self, leases: Sequence[LeaseId]) -> list[Dying]:
        found = await asyncio.gather(*(self._deaths.find(lease) for lease in leases))
        return [each for each in found if each is not None]

    async def _end(self, living: Sequence[Dying]) -> int:
        by_bucket = sorted(living, key=lambda each: bucket_of(each.spec.id))
        for _, group in groupby(by_bucket, key=lambda each: bucket_of(each.spec.id)):
            pairs = [(each.spec.id, each.spec.task) for each in group]
            await self._leases.end(pairs, COLLATERAL)
        await asyncio.gather(*(self._places.free(each.spec, [each.spec.id]) for each in living))
        return len(living)
