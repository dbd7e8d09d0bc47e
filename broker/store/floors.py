"""Numbers of the buckets below which nothing stands any more.

``facts`` is the revision of the bundle, ``graph`` that of the facts log, ``keys`` the manifest of
signing keys. A decision, or a key, of a lower number gives nothing in that bucket. A floor only
rises, and a repeat changes nothing, so anybody may raise what somebody else did not live to.
"""

import asyncio
from typing import Final

from broker.ids import IdFactory
from broker.store import codec, scripts
from broker.store.keyspace import Bucket, Keyspace
from broker.store.link import Link, Value

FACTS: Final = "facts"
GRAPH: Final = "graph"

REDECIDE: Final = "f:facts"
"""Due work of a bucket: its live leases were granted on facts that are older than its floors."""

_WORK: Final = {FACTS: REDECIDE, GRAPH: REDECIDE}


class Floors:
    """The floors of all buckets."""

    def __init__(self, link: Link, keys: Keyspace, ids: IdFactory) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids

    async def raise_all(
        self, floor: str, number: int, kind: str = "", detail: object = None
    ) -> None:
        """Raise a floor in every bucket; bucket 00 tells of it, unless ``kind`` is empty.

        One that is raised by this has work that is due at once.

        Raises:
            StoreUnavailableError: it may not be raised everywhere; what was reached is raised.
        """
        first, *others = self._keys.buckets
        done = await asyncio.gather(
            self.raise_one(first, floor, number, kind, detail),
            *(self.raise_one(bucket, floor, number) for bucket in others),
            return_exceptions=True,
        )
        for failure in done:
            if failure is not None:
                raise failure

    async def raise_one(
        self, bucket: Bucket, floor: str, number: int, kind: str = "", detail: object = None
    ) -> None:
        """Raise a floor in one bucket.

        Raises:
            StoreUnavailableError: it may not be raised.
        """
        said = codec.encode(detail or {})
        args: list[Value] = [self._ids.operation(), floor, number, kind, said]
        await self._link.run(scripts.FLOOR_RAISE, bucket.head, [*args, _WORK.get(floor, "")])

    async def of_all(self, floor: str) -> list[int]:
        """Return a floor of each bucket.

        Raises:
            UnreadableRecordError: one is no number.
            StoreUnavailableError: one cannot be read.
        """
        found = await asyncio.gather(
            *(self._link.read("HGET", bucket.meta, floor) for bucket in self._keys.buckets)
        )
        with codec.reading(f"the {floor} of a bucket"):
            return [int(number or 0) for number in found]
