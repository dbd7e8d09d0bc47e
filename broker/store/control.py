"""The control record: what every broker of an installation must agree on.

- It is changed by compare-and-set only, so two operators cannot overwrite each other.
- ``epoch`` names this ledger: a broker that finds another one, or none, where it knew one stops
  granting; the ledger was lost or swapped.
- A new revision raises the facts of every bucket *before* it is published: from then on nothing is
  granted on a decision that read the old one.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from broker.errors import ConfigurationError, UnavailableError
from broker.ids import IdFactory
from broker.store import codec, scripts
from broker.store.keyspace import Keyspace
from broker.store.link import Link

SCHEMA: Final = 1
"""Version of the ledger's own format."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One of our signing keys as resource servers see it. ``state``: next, active or retiring."""

    kid: str
    alg: str
    state: str
    jwk: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ControlRecord:
    """The record as it stands. ``revision`` 0 means that nothing was published yet."""

    version: int
    epoch: str
    schema: int
    buckets: int
    revision: int
    digest: str
    keys: tuple[PublicKey, ...]


class ControlStore:
    """Reads and changes the control record."""

    def __init__(self, link: Link, keys: Keyspace, ids: IdFactory) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids

    async def read(self) -> ControlRecord | None:
        """Return the record, or None on an empty ledger."""
        flat = await self._link.read("HGETALL", self._keys.control)
        fields = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
        return _record(fields) if fields else None

    async def create(self) -> ControlRecord:
        """Return the record, making it on an empty ledger.

        Raises:
            ConfigurationError: the ledger has another number of buckets or another schema.
        """
        known = await self.read()
        if known is None:
            fields = (
                "epoch",
                self._ids.operation(),
                "schema",
                SCHEMA,
                "buckets",
                len(self._keys.buckets),
            )
            await self._change(0, "", 0, *fields)
            known = await self.read()
        if known is None:
            raise UnavailableError("the control record vanished while it was being made")
        self._require_fit(known)
        return known

    async def require_fit(self) -> None:
        """Stop here unless the ledger, if there is one, was made for a broker like this.

        Raises:
            ConfigurationError: the ledger has another number of buckets or another schema.
            StoreUnavailableError: the record cannot be read.
        """
        known = await self.read()
        if known is not None:
            self._require_fit(known)

    def _require_fit(self, record: ControlRecord) -> None:
        if misfit := self.misfit(record):
            raise ConfigurationError(misfit)

    def misfit(self, record: ControlRecord) -> str:
        """Say why a broker like this cannot work on the ledger; empty when it can.

        It would look for tasks and leases in other places than they are, and find none.
        """
        here = len(self._keys.buckets)
        if record.buckets != here:
            return (
                f"store.buckets is {here}, but this ledger was made with {record.buckets}: "
                f"set store.buckets to {record.buckets}"
            )
        if record.schema != SCHEMA:
            return (
                f"this ledger has schema {record.schema}, this broker speaks {SCHEMA}: "
                "run matching versions"
            )
        return ""

    async def publish(self, bundle: str, digest: str, by: str) -> ControlRecord:
        """Publish a bundle as the next revision; publishing what stands already changes nothing.

        Unless a publisher died halfway: then nothing is decided until a next revision follows.

        Raises:
            UnavailableError: somebody else changed the record meanwhile; try again.
            StoreUnavailableError: a bucket could not be told; nothing was published.
        """
        record = await self.create()
        if record.digest == digest and await self.announced() <= record.revision:
            return record
        revision = record.revision + 1
        await self._raise_facts(revision, digest, by)
        await self._change(record.version, bundle, revision, "revision", revision, "digest", digest)
        return await self.create()

    async def _raise_facts(self, revision: int, digest: str, by: str) -> None:
        detail = codec.encode({"revision": revision, "digest": digest, "by": by})
        await asyncio.gather(
            *(
                self._link.run(
                    scripts.FACTS_RAISE,
                    bucket.head,
                    [self._ids.operation(), revision, detail if number == 0 else ""],
                )
                for number, bucket in enumerate(self._keys.buckets)
            )
        )

    async def announced(self) -> int:
        """Return the newest revision whose facts any bucket asks for.

        Newer than the published one while somebody publishes, or when it died at that.
        """
        facts = await asyncio.gather(
            *(self._link.read("HGET", bucket.meta, "facts") for bucket in self._keys.buckets)
        )
        return max(int(revision or 0) for revision in facts)

    async def bundle(self, revision: int) -> str:
        """Return the bundle of a revision.

        Raises:
            UnavailableError: it is not there.
        """
        text = await self._link.read("GET", self._keys.bundle(revision))
        if not text:
            raise UnavailableError(
                f"the bundle of revision {revision} is missing: run `broker apply`"
            )
        return str(text)

    async def put_keys(self, record: ControlRecord, keys: tuple[PublicKey, ...]) -> ControlRecord:
        """Replace the manifest of public keys.

        Raises:
            UnavailableError: somebody else changed the record meanwhile; try again.
        """
        await self._change(record.version, "", 0, "keys", codec.encode(keys))
        return await self.create()

    async def _change(self, version: int, bundle: str, revision: int, *fields: str | int) -> None:
        keys = [self._keys.control, self._keys.bundle(revision)]
        reply = await self._link.run(scripts.CONTROL_CHANGE, keys, [version, bundle, *fields])
        if reply[0] != "ok" and version != 0:
            raise UnavailableError("the control record was changed by somebody else: try again")


def _record(fields: Mapping[str, str]) -> ControlRecord:
    return ControlRecord(
        version=int(fields["version"]),
        epoch=fields["epoch"],
        schema=int(fields["schema"]),
        buckets=int(fields["buckets"]),
        revision=int(fields.get("revision", 0)),
        digest=fields.get("digest", ""),
        keys=msgspec.json.decode(fields.get("keys", "[]"), type=tuple[PublicKey, ...]),
    )
