"""Orders that the installation gives itself: no caller is asked, and every tenant is reached.

    keep the order ─ cut in every bucket ─ note where it stands ─ brokers clean up

The order is kept first: whatever dies in between, some broker carries it out.
"""

from broker.ids import RevocationId
from broker.model.principal import ALL_TENANTS
from broker.model.requests import Selector
from broker.revocation import cuts_of, pending
from broker.store.ledger import Ledger
from broker.store.revocation_ledger import Order


class OwnOrders:
    """Keeps and carries out such orders. Both may be repeated."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def new(self) -> RevocationId:
        """Name an order to come."""
        return self._ledger.ids.revocation(self._ledger.ids.any_bucket())

    async def keep(self, name: RevocationId, selector: Selector, reason: str, by: str) -> Order:
        """Keep an order; from here on it is carried out, whoever dies.

        Raises:
            StoreUnavailableError: the outcome is unknown; repeat it.
        """
        order = Order(name, selector, (ALL_TENANTS,), reason, by, digest="")
        return await self._ledger.orders.put(order)

    async def carry_out(self, order: Order) -> tuple[int, ...]:
        """Cut; return the buckets in which the cut does not stand yet.

        Raises:
            StoreUnavailableError: the outcome is unknown; brokers go on trying.
        """
        ledger = self._ledger
        for cut in cuts_of(order):
            standing = await ledger.cuts.lay(order.id, cut)
            await ledger.orders.stands(order.id, cut.field, standing)
        _, standings = await ledger.orders.find(order.id)
        return pending(order, standings, len(ledger.keys.buckets))
