"""The outboxes: what each bucket's scripts have said and nobody has taken over yet."""

from typing import Final

from broker.store.feed_entry import OutboxEntry, outbox_entry, stream_page
from broker.store.feed_keys import FeedKeys
from broker.store.link import ENDING, Link, load_script

BATCH: Final = 100
"""How many outbox entries are taken over at once: each costs the log's script a few commands, which
together stay well below 20 ms (DESIGN §4)."""

_TRIM: Final = load_script("feed_outbox_trim", header=ENDING)


class FeedOutboxes:
    """Reads and empties the outboxes. Any number of brokers may do so at once."""

    def __init__(self, link: Link, keys: FeedKeys) -> None:
        self._link = link
        self._keys = keys

    async def page(self, bucket: int, *, after: int = 0) -> list[OutboxEntry]:
        """Read up to a page of a bucket's entries beyond number ``after``, oldest first.

        Raises:
            StoreUnavailableError: the bucket cannot be read.
        """
        start = f"({after}-0" if after else "-"
        key = self._keys.outbox(bucket)
        reply = await self._link.read("XRANGE", key, start, "+", "COUNT", BATCH)
        return [outbox_entry(bucket, name, fields) for name, fields in stream_page(reply)]

    async def trim(self, last: OutboxEntry) -> None:
        """Remove a bucket's entries up to ``last``, once the log has them.

        Harmless when repeated. Does nothing when the bucket no longer has ``last`` itself: then
        somebody else removed it, or the bucket lost it and uses its number anew.

        Raises:
            StoreUnavailableError: the bucket cannot be reached; the entries may still be there.
        """
        await self._link.run(_TRIM, [self._keys.outbox(last.bucket)], [last.n, last.op])
