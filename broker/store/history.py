"""The revisions that are kept: the newest ones, so that one can be looked at and taken back."""

from typing import Final

import msgspec

from broker.errors import NotFoundError, UnavailableError
from broker.store import codec
from broker.store.control_record import Publication
from broker.store.keyspace import Keyspace
from broker.store.link import Link

KEPT: Final = 20
"""Revisions, the one in force included."""

KEPT_BYTES: Final = 64 * 1024 * 1024
"""Of all their bundles together: the ledger's memory is for leases."""

_PUBLICATION: Final = msgspec.json.Decoder(Publication)


class History:
    """Reads what was published before."""

    def __init__(self, link: Link, keys: Keyspace) -> None:
        self._link = link
        self._keys = keys

    async def all(self) -> list[Publication]:
        """Return the kept revisions, newest first.

        Raises:
            UnreadableRecordError: an entry is none of ours.
        """
        entries = await self._link.read("HVALS", self._keys.history)
        with codec.reading("the history of revisions"):
            found = [_PUBLICATION.decode(entry) for entry in entries]
        return sorted(found, key=lambda each: -each.revision)

    async def find(self, revision: int) -> Publication:
        """Return who published a revision, when and why.

        Raises:
            NotFoundError: it is not kept, or was never published.
        """
        entry = await self._link.read("HGET", self._keys.history, revision)
        if not entry:
            raise NotFoundError(f"no revision {revision} is kept: see `broker revisions list`")
        with codec.reading("the history of revisions"):
            return _PUBLICATION.decode(entry)

    async def bundle(self, revision: int) -> str:
        """Return the bundle of a revision.

        Raises:
            UnavailableError: it is not there.
        """
        text = await self.text(revision)
        if not text:
            raise UnavailableError(
                f"the bundle of revision {revision} is missing: run `broker apply`"
            )
        return text

    async def text(self, revision: int) -> str:
        """Return what is kept as the bundle of a revision; empty when nothing is."""
        return str(await self._link.read("GET", self._keys.bundle(revision)) or "")

    async def too_old(self, coming: Publication) -> list[int]:
        """Return the revisions that are dropped when another one is kept."""
        left = KEPT_BYTES - coming.size
        dropped: list[int] = []
        for place, entry in enumerate(await self.all(), start=1):
            left -= entry.size
            # The one before stays whatever its size: it is what is gone back to.
            if place > 1 and (place >= KEPT or left < 0):
                dropped.append(entry.revision)
        return dropped
