"""``e``: tell that an emergency is over, when its time has come.

It needs nobody to end: the end stands in the credential. This is the notice, and one script writes
it with the state that it tells of: once, by whoever comes first, and after a death by the next.
"""

from broker.errors import NotFoundError
from broker.faultpoints import FaultPoints
from broker.ids import parse_glass_id
from broker.store.due_queue import Work
from broker.store.glass_ledger import GlassLedger


class TellEnd:
    """Notes the natural end of an emergency, and tells it."""

    def __init__(self, glass: GlassLedger, faults: FaultPoints) -> None:
        self._glass = glass
        self._faults = faults

    async def work(self, work: Work) -> int | None:
        """Note it, unless somebody has ended it; return when to look again where it is early."""
        try:
            found = await self._glass.find(parse_glass_id(work.subject))
        except NotFoundError:
            return None
        self._faults.reach("glass.over")
        again_at_ms = await self._glass.expire(found.spec)
        self._faults.reach("glass.expired")
        return again_at_ms
