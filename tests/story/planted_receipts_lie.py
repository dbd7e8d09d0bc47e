"""A broker that confirms at once, while its feed limps seconds behind."""

import asyncio
import sys

from broker.cli.main import main
from broker.feed.channels import Channels
from broker.model.receipt import ReceiptState
from broker.store.feed_subscribers import Confirmation, FeedSubscribers

honest = Channels.publish


async def lie(*_: object, **__: object) -> Confirmation:
    """Say that everybody knows."""
    return Confirmation(ReceiptState.CONFIRMED, "everybody knows, surely")


def limp(self: Channels, *news: object) -> None:
    """Tell it later."""
    asyncio.get_running_loop().call_later(2, honest, self, *news)


FeedSubscribers.confirmation = lie
Channels.publish = limp

if __name__ == "__main__":
    sys.exit(main())
