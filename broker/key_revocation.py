"""A signing key that was stolen: shown no more, and everything that it signed is dead.

    keep the order ─ publish without the key ─ cut in every bucket ─ brokers clean up

- The order is kept first: whatever dies in between, some broker carries the cut out.
- What the thief signs is refused by introspection at once, by whoever follows the feed as soon as
  the cut arrives, by whoever only keeps the key set when it is fetched again.
"""

from broker.ids import RevocationId
from broker.installation import Installation
from broker.model.requests import Selector, SelectorKind
from broker.own_orders import OwnOrders
from broker.rotation import Rotation
from broker.store.control_record import ControlRecord


class KeyRevocation:
    """Takes a stolen key away."""

    def __init__(self, installation: Installation, rotation: Rotation, *, by: str) -> None:
        self._orders = OwnOrders(installation.ledger)
        self._rotation = rotation
        self._by = by

    async def revoke(
        self, kid: str, reason: str
    ) -> tuple[ControlRecord, RevocationId, tuple[int, ...]]:
        """Take a key away; return the record, the order, and the buckets that miss its cut.

        Raises:
            NotFoundError: no such key is published.
        """
        await self._rotation.require(kid)
        selector = Selector(SelectorKind.KEY, kid)
        order = await self._orders.keep(self._orders.new(), selector, reason, self._by)
        record = await self._rotation.replace_stolen(kid, reason)
        return record, order.id, await self._orders.carry_out(order)
