"""Selections, kept for a bounded time under the digest that names them.

What is written under one digest is always the same, so two who pick the same set do not disturb
each other; the description is written last, so a set that is found is whole.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from broker.errors import NotFoundError
from broker.ids import LeaseId, TaskId
from broker.model.selection import Selection
from broker.store import codec, scripts
from broker.store.keyspace import Keyspace
from broker.store.link import Link

CHUNK: Final = 200
"""Leases to a field: about 13 kB, and a page of any list is read from two of them."""

Rows = list[tuple[LeaseId, TaskId]]

_SELECTION: Final = msgspec.json.Decoder(Selection)


class SelectionLedger:
    """Keeps selections."""

    def __init__(self, link: Link, keys: Keyspace) -> None:
        self._link = link
        self._keys = keys

    async def keep(self, selection: Selection, leases: Sequence[str], for_ms: int) -> None:
        """Keep a selection; ``leases`` are ``<lease> <task>``, in the order of their ids."""
        key = self._key(selection.digest)
        for start in range(0, len(leases), CHUNK):
            text = "\n".join(leases[start : start + CHUNK])
            await self._link.run(scripts.SELECTION_KEEP, [key], [for_ms, str(start // CHUNK), text])
        spec = codec.encode(selection)
        await self._link.run(scripts.SELECTION_KEEP, [key], [for_ms, "spec", spec])

    async def hold(self, digest: str, for_ms: int) -> None:
        """Keep a selection for longer.

        Raises:
            NotFoundError: it is no longer kept.
        """
        if not await self._link.run(scripts.SELECTION_KEEP, [self._key(digest)], [for_ms]):
            raise NotFoundError("no such set is kept")

    async def find(self, digest: str) -> Selection:
        """Return a selection.

        Raises:
            NotFoundError: it is unknown, or no longer kept.
            UnreadableRecordError: its record is none of ours.
        """
        text = await self._link.read("HGET", self._key(digest), "spec")
        if not text:
            raise NotFoundError("no such set is kept")
        with codec.reading("a selection in the ledger"):
            return _SELECTION.decode(text)

    async def page(self, digest: str, start: int, limit: int) -> Rows:
        """Return some of a selection's leases with their tasks, in the order of their ids."""
        first, last = start // CHUNK, (start + limit - 1) // CHUNK
        names = [str(number) for number in range(first, last + 1)]
        texts = await self._link.read("HMGET", self._key(digest), *names)
        rows = "\n".join(text for text in texts if text).splitlines()
        with codec.reading("a selection in the ledger"):
            pairs = [row.split(" ") for row in rows[start - first * CHUNK :][:limit]]
            return [(LeaseId(lease), TaskId(task)) for lease, task in pairs]

    def _key(self, digest: str) -> str:
        number = int(digest[:2], 16) % len(self._keys.buckets)
        return self._keys.buckets[number].selection(digest)
