"""Snapshots of the facts: everything as of one revision, so that a broker need not read the log.

- A snapshot is staged in pieces, which expire, and is put in force by one small script, if it is
  newer than the one that stands.
- What is loaded is the newest snapshot and the revisions after it, or nothing: a piece that is
  missing or was changed is told, never passed over.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from broker.errors import UnreadableRecordError
from broker.facts.change import Change, decode_changes, encode_changes
from broker.facts.facts import Facts
from broker.ids import IdFactory
from broker.store import codec, scripts
from broker.store.facts_entry import FactsEntry, Position
from broker.store.facts_log import STAGED_MS, FactsLog
from broker.store.facts_rows import Head
from broker.store.keyspace import Keyspace
from broker.store.link import Link, Value

PIECE: Final = 500
"""Changes to a piece: some hundred kB, a millisecond of the server's time."""

KEPT: Final = 1_000
"""Revisions that stay at least, the newest ones."""

KEPT_BODIES: Final = 64 * 1024 * 1024
"""Characters of large revisions that stay: the ledger's memory is for leases."""

TURN_MS: Final = 60_000
"""How long one broker may take to write a snapshot before another one tries."""

LONGEST_TAIL: Final = 1_000
"""Revisions after a snapshot, beyond which the next one is due; and as much text as it has."""

SMALL: Final = 1024 * 1024
"""Characters of a tail that is never too long for its text."""

_TRIES: Final = 3
_BRIEF: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class LoadedFacts:
    """The facts as the log has them, without a bundle, and where it ended."""

    facts: Facts
    end: Position
    head: Head


class FactsSnapshots:
    """Writes and reads them."""

    def __init__(self, link: Link, keys: Keyspace, ids: IdFactory, log: FactsLog) -> None:
        self._link = link
        self._bucket = keys.buckets[0]
        self._keys = keys.facts
        self._ids = ids
        self._log = log

    async def load(self) -> LoadedFacts:
        """Return the newest snapshot with all that came after it.

        Raises:
            UnreadableRecordError: a part is missing, or is not what was written.
            StoreUnavailableError: the log cannot be reached.
        """
        for _ in range(_TRIES):
            head = await self._log.head()
            try:
                return await self._follow(await self._read(head))
            except UnreadableRecordError:
                if (await self._log.head()).name == head.name:
                    raise
        raise UnreadableRecordError("snapshots of the facts are replaced faster than they are read")

    async def _read(self, head: Head) -> LoadedFacts:
        if not head.name:
            return LoadedFacts(Facts(), head.snapshot, head)
        key = self._keys.snapshot(head.name)
        texts = [await self._piece(key, number) for number in range(head.pieces)]
        facts = await asyncio.to_thread(_built, texts, head)
        return LoadedFacts(facts, head.snapshot, head)

    async def _piece(self, key: str, number: int) -> str:
        return str(await self._link.read("HGET", key, str(number)) or "")

    async def _follow(self, loaded: LoadedFacts) -> LoadedFacts:
        facts, end, head = loaded.facts, loaded.end, loaded.head
        while True:
            head, entries = await self._log.after(end)
            if not entries:
                return LoadedFacts(facts, end, head)
            facts = await applied(facts, entries)
            end = entries[-1].position

    def is_due(self, head: Head) -> bool:
        """Tell whether a next snapshot should be written."""
        is_long = head.revision - head.snapshot.revision >= LONGEST_TAIL
        return is_long or head.tail > max(head.size, SMALL)

    async def write(self, facts: Facts, end: Position, head: Head) -> bool:
        """Write what ``facts`` are as the newest snapshot, if nobody else is at it.

        ``head`` is what was read with ``end``. Returns whether it is in force now.

        Raises:
            StoreUnavailableError: the log cannot be reached.
        """
        keys = [*self._bucket.head, self._keys.head]
        if not await self._link.run(scripts.FACTS_TURN, keys, [head.snapshot.revision, TURN_MS]):
            return False
        name = self._ids.operation()
        key, number, size, sum_ = self._keys.snapshot(name), 0, 0, hashlib.sha256()
        for text in _pieces(facts):
            await self._link.run(scripts.FACTS_KEEP, [key], [STAGED_MS, number, text])
            number, size = number + 1, size + len(text)
            sum_.update(text.encode())
        said: list[Value] = [*end, name, number, sum_.hexdigest(), size]
        former = self._keys.snapshot(head.name or "none")
        reply = await self._link.run(
            scripts.FACTS_POINT,
            [self._keys.head, key, former],
            [head.snapshot.revision, *said, STAGED_MS],
        )
        return bool(reply[0] == "ok")

    async def tidy(self) -> None:
        """Drop what is in the newest snapshot, but for as much of the history as is kept.

        Raises:
            StoreUnavailableError: the log cannot be reached.
        """
        head = await self._log.head()
        old = await self._old_bodies(head)
        keys = [self._keys.log, self._keys.bodies, *(self._keys.body(_name(each)) for each in old)]
        args: list[Value] = [head.snapshot.revision, KEPT, *old]
        while await self._link.run(scripts.FACTS_TRIM, keys, args):
            keys, args = keys[:2], args[:2]

    async def _old_bodies(self, head: Head) -> list[str]:
        """Return the large revisions that are in the snapshot, beyond what is kept of them."""
        newest = await self._link.read("ZREVRANGE", self._keys.bodies, 0, -1, "WITHSCORES")
        left, old = KEPT_BODIES, []
        with codec.reading("the list of large revisions of the facts"):
            for member, revision in zip(newest[::2], newest[1::2], strict=True):
                left -= int(member.partition(" ")[2])
                if left < 0 and int(float(revision)) <= head.snapshot.revision:
                    old.append(member)
        return old


async def applied(facts: Facts, entries: Sequence[FactsEntry]) -> Facts:
    """Return the facts after some revisions; what takes long is done beside the event loop."""
    if sum(entry.note.size for entry in entries) > _BRIEF:
        return await asyncio.to_thread(_applied, facts, entries)
    return _applied(facts, entries)


def _applied(facts: Facts, entries: Sequence[FactsEntry]) -> Facts:
    parts = chain.from_iterable(entry.parts for entry in entries)
    return facts.changed_by(parts, entries[-1].revision)


def _built(texts: Sequence[str], head: Head) -> Facts:
    sum_ = hashlib.sha256()
    for text in texts:
        sum_.update(text.encode())
    if sum_.hexdigest() != head.sum:
        raise UnreadableRecordError(
            f"the snapshot of the facts at revision {head.snapshot.revision} is damaged"
        )
    with codec.reading("a snapshot of the facts"):
        return Facts.at(head.snapshot.revision, chain.from_iterable(map(decode_changes, texts)))


def _pieces(facts: Facts) -> Iterator[str]:
    changes: Iterable[Change] = facts.changes()
    while piece := list(islice(changes, PIECE)):
        yield encode_changes(piece).decode()


def _name(member: str) -> str:
    return member.partition(" ")[0]
