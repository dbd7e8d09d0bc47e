"""A broker that confirms at once, while its feed limps seconds behind."""

import asyncio
import sys

from broker.feed.audience import FeedAudience

from broker.cli.main import main
from broker.feed.channels import Channels
from broker.receipts import Heard


async def lie(*_: object, **__: object) -> Heard:
    """Say that everybody knows."""
    return Heard(is_confirmed=True, detail="everybody knows, surely")


honest = Channels.publish


def limp(self: Channels, *news: object) -> None:
    """Tell it later."""
    asyncio.get_running_loop().call_later(2, honest, self, *news)


FeedAudience.heard = lie
Channels.publish = limp

if __name__ == "__main__":
    sys.exit(main())
