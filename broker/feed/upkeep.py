"""What only an operator decides about the feed log.

Whom it waits for no longer, and which loss to accept.

Readiness names these cases; nothing here happens by itself.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from broker.errors import InvalidRequestError
from broker.settings.store import StoreSettings
from broker.store.connect import connect
from broker.store.feed_cursors import Cursor
from broker.store.feed_log import FeedLog


async def trails(settings: StoreSettings) -> Mapping[str, Cursor]:
    """List the audit trails that the log waits for, with how far each has come.

    Raises:
        StoreUnavailableError: the ledger does not answer.
    """
    async with _log(settings) as log:
        return await log.cursors.all()


async def forget_trail(settings: StoreSettings, name: str) -> bool:
    """Wait for a trail no longer: what it has not stored may be dropped. Return if it was known.

    Raises:
        StoreUnavailableError: the outcome is unknown; repeat it.
    """
    async with _log(settings) as log:
        return await log.cursors.forget(name)


async def accept_loss(settings: StoreSettings, bucket: int) -> tuple[int, int]:
    """Go on with what a bucket's outbox still has, after entries of it were lost.

    Every subscriber then takes a snapshot. Return the number that was expected and the one that the
    log goes on with.

    Raises:
        InvalidRequestError: there is no such bucket, or its outbox has nothing to go on with.
        StoreUnavailableError: the outcome is unknown; repeat it.
    """
    if not 0 <= bucket < settings.buckets:
        raise InvalidRequestError(f"from 0 to {settings.buckets - 1}", field="bucket")
    async with _log(settings) as log:
        page = await log.outboxes.page(bucket)
        if not page:
            raise InvalidRequestError("its outbox is empty: nothing to go on with", field="bucket")
        return await log.accept_loss(bucket, page[0].n), page[0].n


@asynccontextmanager
async def _log(settings: StoreSettings) -> AsyncIterator[FeedLog]:
    link = await connect(settings)
    try:
        yield FeedLog(link, settings.namespace)
    finally:
        await link.close()
