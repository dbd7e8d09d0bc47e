"""A ledger that went back: restored from a backup, or a failover that lost what was acknowledged.

What was revoked since would live again, and policies and keys may be what they were. So:

- nothing is granted by anybody: the record says so, and no revision is new enough for any bucket;
- everything that was ever issued is cut: what is not known to be alive is dead;
- an operator looks at policies and keys, and publishes: from there it goes on.
"""

from broker.errors import UnavailableError
from broker.model.requests import Selector, SelectorKind
from broker.own_orders import OwnOrders
from broker.store.control_record import ControlRecord, Suspicion
from broker.store.ledger import Ledger

BY = "broker"


class Restoration:
    """Notices that the ledger went back, and sees to it that nothing comes to life again."""

    def __init__(self, ledger: Ledger) -> None:
        self._control = ledger.control
        self._orders = OwnOrders(ledger)
        self._done = ""

    async def suspect(self, why: str) -> None:
        """Say that the ledger went back; whoever says it first is kept.

        Raises:
            UnavailableError: it could not be kept: say it again.
        """
        record = await self._control.read()
        if record is None:
            return  # there is nothing that could come to life
        marked = await self._control.mark(record, Suspicion(why, record.now_ms, self._orders.new()))
        if marked is None:
            raise UnavailableError("the control record was changed by somebody else")
        await self.follow(marked)

    async def follow(self, record: ControlRecord) -> None:
        """Carry out what a suspicion asks for, unless this broker did already.

        Raises:
            StoreUnavailableError: a bucket could not be reached: repeat it.
        """
        suspicion = record.suspicion
        if suspicion is None or self._done == suspicion.order:
            return
        await self._control.close(record)
        everything = Selector(SelectorKind.ALL)
        order = await self._orders.keep(suspicion.order, everything, suspicion.why, BY)
        if not await self._orders.carry_out(order):
            self._done = suspicion.order
