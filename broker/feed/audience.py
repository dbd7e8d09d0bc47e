"""What receipts ask of the feed."""

from broker.model.capability import ResourceServer
from broker.model.receipt import ReceiptState
from broker.receipts import Heard
from broker.store.feed_subscribers import FeedSubscribers


class FeedAudience:
    """The subscribers of every audience, as :class:`broker.receipts.Audience`."""

    def __init__(self, subscribers: FeedSubscribers) -> None:
        self._subscribers = subscribers

    async def heard(
        self, bucket: int, number: int, server: ResourceServer, *, since_ms: int
    ) -> Heard:
        """Tell whether every verifier of an audience refuses what this event ended.

        Raises:
            StoreUnavailableError: nothing is known.
        """
        found = await self._subscribers.confirmation(
            bucket,
            number,
            server.audience,
            since_ms,
            staleness_ms=server.staleness_ms,
            strict=server.strict,
        )
        return Heard(found.state is ReceiptState.CONFIRMED, found.detail)
