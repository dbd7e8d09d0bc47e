"""The control record: what every broker of an installation must agree on.

- It is changed by compare-and-set only, so two operators cannot overwrite each other.
- ``epoch`` names this ledger: a broker that finds another one, or none, where it knew one stops
  granting; the ledger was lost or swapped.
- A new revision raises the facts of every bucket *before* it is published: from then on nothing is
  granted on a decision that read the old one.
- A change of keys raises the manifest of every bucket *after* it is published: from then on nothing
  is granted to be signed by what was active before. Brokers finish what a dead changer began.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Final

from broker.errors import ConfigurationError, SupersededError, UnavailableError
from broker.ids import IdFactory
from broker.store import codec, scripts
from broker.store.control_record import (
    SCHEMA,
    ControlRecord,
    GoneKey,
    KeyChange,
    Publication,
    PublicKey,
    Suspicion,
    read_record,
)
from broker.store.floors import FACTS, Floors
from broker.store.history import History
from broker.store.keyspace import Keyspace
from broker.store.link import Link, Value

JUMP: Final = 1_000
"""By how much numbers go on in a ledger that went back: more than were given between a backup and
its return, so that no number means two things."""

GONE_KEPT: Final = 50
"""Keys that are remembered after they were retired or revoked."""


class ControlStore:
    """Reads and changes the control record."""

    def __init__(self, link: Link, keys: Keyspace, ids: IdFactory) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids
        self._floors = Floors(link, keys, ids)
        self.history = History(link, keys)

    async def read(self) -> ControlRecord | None:
        """Return the record, or None on an empty ledger.

        Raises:
            UnreadableRecordError: it is none of ours.
            StoreUnavailableError: it cannot be reached.
        """
        now, flat = await self._link.run(scripts.CONTROL_VIEW, [self._keys.control])
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        return read_record(fields, int(now)) if fields else None

    async def create(self) -> ControlRecord:
        """Return the record, making it on an empty ledger.

        Raises:
            ConfigurationError: the ledger has another number of buckets or another schema.
        """
        known = await self.read()
        if known is None:
            buckets = len(self._keys.buckets)
            fields = ("epoch", self._ids.operation(), "schema", SCHEMA, "buckets", buckets)
            await self._change(0, *fields)
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

    async def mark(self, record: ControlRecord, suspicion: Suspicion) -> ControlRecord | None:
        """Keep that this ledger is not trusted; None when the record was changed meanwhile.

        A suspicion that stands already is kept.
        """
        if record.suspicion is not None:
            return record
        if not await self._change(record.version, "suspicion", codec.encode(suspicion)):
            return None
        return await self.read()

    async def close(self, record: ControlRecord) -> None:
        """Let no decision stand before a revision that :meth:`publish` makes after a restore.

        Nor any single use of evidence from before it was noticed: what was used is forgotten.
        """
        if record.suspicion is not None:
            await self.forget_uses(record.suspicion.at_ms)
        await self._floors.raise_all(FACTS, record.revision + JUMP)

    async def forget_uses(self, until_ms: int) -> None:
        """Say in every bucket that evidence which was used until an instant may be forgotten.

        Raises:
            StoreUnavailableError: a bucket could not be told.
        """
        await self._floors.raise_all("uses", until_ms)

    async def publish(
        self,
        bundle: str,
        digest: str,
        by: str,
        *,
        reason: str = "",
        rollback_of: int = 0,
        longest_ms: int = 0,
        base: int | None = None,
        accepts: bool = False,
    ) -> ControlRecord:
        """Publish a bundle as the next revision; publishing what stands already changes nothing.

        Unless a publisher died halfway: then nothing is decided until a next revision follows.
        ``longest_ms`` is how long a token may live by it, ``base`` the revision that it was made
        from. ``accepts`` a ledger that went back: its numbers go on beyond all that was seen.

        Raises:
            SupersededError: another revision was published meanwhile.
            StoreUnavailableError: a bucket could not be told; nothing was published.
        """
        size = len(bundle.encode())
        said = Publication(0, digest, by, reason, 0, size, rollback_of, longest_ms)
        return await self._publish(bundle, said, base, accepts=accepts)

    async def _publish(
        self, bundle: str, said: Publication, base: int | None, *, accepts: bool
    ) -> ControlRecord:
        record = await self.create()
        _require_base(record, record.revision if base is None else base)
        is_accepted = accepts and record.suspicion is not None
        if not is_accepted and record.digest == said.digest and await self._stands(record, bundle):
            return record
        standing = record.revision
        revision = standing + (JUMP if is_accepted else 1)
        if is_accepted:
            await self.close(record)  # whoever noticed may have died before it was told everywhere
        await self._floors.raise_all(FACTS, revision)
        entry = replace(said, revision=revision, at_ms=record.now_ms)
        while not await self._put(record, bundle, entry, accepts=is_accepted):
            # Somebody changed the record: only another revision is in our way.
            record = await self.create()
            _require_base(record, standing)
        record = await self.create()
        await self.settle(record)
        return record

    async def _stands(self, record: ControlRecord, bundle: str) -> bool:
        """Tell whether a bundle is published, whole, and nobody died publishing another."""
        if await self.announced() > record.revision:
            return False
        return await self.history.text(record.revision) == bundle

    async def _put(
        self, record: ControlRecord, bundle: str, entry: Publication, *, accepts: bool
    ) -> bool:
        dropped = await self.history.too_old(entry)
        keys = codec.encode([_may_sign(key, entry.longest_ms) for key in record.keys])
        text = codec.encode(entry)
        return await self._change(
            record.version,
            *("revision", entry.revision, "digest", entry.digest),
            *("keys", keys, "published", text),
            *(("suspicion", "", "manifest", record.manifest + JUMP) if accepts else ()),
            bundle=(bundle, entry.revision, text),
            dropped=dropped,
        )

    async def settle(self, record: ControlRecord) -> None:
        """Finish what a change of the record sets in motion, as far as it is not done.

        Every broker does it for every record that it takes up: whoever changed it may have died.

        Raises:
            StoreUnavailableError: a bucket could not be reached.
        """
        if record.changed is not None:
            detail = {"manifest": record.manifest, **_plain(record.changed)}
            await self._floors.raise_all("keys", record.manifest, "keys.changed", detail)
        if record.published is not None:
            news = ("policy.published", _plain(record.published))
            await self._floors.raise_one(self._keys.buckets[0], "told", record.revision, *news)

    async def announced(self) -> int:
        """Return the newest revision whose facts any bucket asks for.

        Newer than the published one while somebody publishes, or when it died at that.
        """
        return max(await self._floors.of_all(FACTS))

    async def bundle(self, revision: int) -> str:
        """Return the bundle of a revision.

        Raises:
            UnavailableError: it is not there.
        """
        return await self.history.bundle(revision)

    async def put_keys(
        self,
        record: ControlRecord,
        keys: tuple[PublicKey, ...],
        change: KeyChange,
        gone: Sequence[GoneKey] = (),
    ) -> ControlRecord:
        """Replace the manifest of public keys; ``gone`` are those that left it.

        Raises:
            SupersededError: somebody else changed the record meanwhile.
        """
        remembered = (*gone, *record.gone)[:GONE_KEPT]
        fields = (
            *("keys", codec.encode(keys), "manifest", record.manifest + 1),
            *("gone", codec.encode(remembered), "changed", codec.encode(change)),
        )
        if not await self._change(record.version, *fields):
            raise SupersededError("the control record was changed by somebody else: try again")
        changed = await self.create()
        await self.settle(changed)
        return changed

    async def _change(
        self,
        version: int,
        *fields: str | int,
        bundle: tuple[str, int, str] = ("", 0, ""),
        dropped: Sequence[int] = (),
    ) -> bool:
        text, revision, entry = bundle
        keys = [self._keys.control, self._keys.bundle(revision), self._keys.history]
        keys += [self._keys.bundle(old) for old in dropped]
        args: list[Value] = [version, text, revision, entry, len(dropped), *dropped, *fields]
        reply = await self._link.run(scripts.CONTROL_CHANGE, keys, args)
        return bool(reply[0] == "ok")


def _require_base(record: ControlRecord, base: int) -> None:
    if record.revision != base:
        by = f" by {record.published.by}" if record.published else ""
        raise SupersededError(
            f"revision {record.revision} was published{by} meanwhile, and yours was made from "
            f"revision {base}: look at what has changed, and apply again"
        )


def _may_sign(key: PublicKey, longest_ms: int) -> PublicKey:
    """Note how long the tokens may live that a key signs under a new revision."""
    if key.state != "active":
        return key
    longest_ms = max(key.longest_ms, longest_ms)
    return PublicKey(key.kid, key.alg, key.state, key.jwk, key.since_ms, longest_ms)


def _plain(value: Publication | KeyChange) -> dict[str, object]:
    return {name: said for name, said in asdict(value).items() if said not in ("", 0)}
