"""The facts log: all that people and files say of things and relationships, revision by revision.

Invariants, which the scripts keep whatever runs beside them and wherever it is killed:

- a revision follows the one that its changes were checked against, or is refused;
- a repeated append, by its operation, has the effect of one;
- a revision and the events that tell of it are one;
- what is acknowledged has raised the floor ``graph`` of every bucket: nothing is granted any more
  on an older revision, and what was granted on one is looked at again. Whoever reads a newer
  revision than a bucket's floor raises it, for whoever appended it may have died.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from broker.errors import IdempotencyConflictError, StoreUnavailableError, SupersededError
from broker.facts.change import ChangeSet
from broker.ids import IdFactory
from broker.store import codec, scripts
from broker.store.facts_entry import FactsEntry, Position, Written
from broker.store.facts_reader import FactsReader
from broker.store.facts_rows import MadeBeforeError
from broker.store.floors import GRAPH, Floors
from broker.store.keyspace import Keyspace
from broker.store.link import Link, Value

INLINE: Final = 64 * 1024
"""Characters of a revision that the log itself keeps; a larger one lies beside it, in pieces."""

PIECE: Final = 200_000
"""Characters of a piece: a millisecond of the server's time."""

STAGED_MS: Final = 10 * 60_000
"""How long pieces wait to be put in force."""

GAP_MS: Final = 100
"""Between two revisions, whoever makes them: each makes decisions under way be made again."""

REST_MS: Final = 1_000
"""For how long no revision comes when a decision was overtaken again and again."""

MOST_REST_MS: Final = 1_500
"""After the last revision: then the next one may come, whoever asks for rest."""

JUMP: Final = 1_000
"""By how much numbers go on in a log that went back, beyond all that any bucket asks for."""

_PATIENCE: Final = 40
"""Times that an append waits for its turn."""


class Repeat(Protocol):
    """What two requests that are the same one have in common; ``key`` is empty for none."""

    @property
    def key(self) -> str:
        """Whose key it is."""
        ...

    @property
    def digest(self) -> str:
        """What was asked for under it."""
        ...


@dataclass(frozen=True, slots=True)
class _Sending:
    """One append under way."""

    written: Written
    operation: str
    keys: tuple[Repeat, ...]
    restarts: bool
    body: str
    pieces: int


class FactsLog(FactsReader):
    """The log of one ledger."""

    def __init__(
        self,
        link: Link,
        keys: Keyspace,
        ids: IdFactory,
        *,
        gap_ms: int = GAP_MS,
        retention_ms: int = 24 * 3600 * 1000,
    ) -> None:
        super().__init__(link, keys)
        self._bucket = keys.buckets[0]
        self._ids = ids
        self._retention_ms = retention_ms
        self.gap_ms = gap_ms
        self.floors = Floors(link, keys, ids)

    async def append(
        self,
        parts: Sequence[ChangeSet],
        *,
        base: Position,
        operation: str = "",
        keys: Sequence[Repeat] = (),
        revision: int = 0,
        staged: Callable[[], None] = lambda: None,
    ) -> FactsEntry:
        """Append changes that were checked against the facts at ``base``, as the next revision.

        Repeated with the same ``operation`` (see :meth:`operation`) it has the effect of one.
        ``keys`` are the idempotency keys of the requests that they come from. ``revision`` lets the
        numbers of a log that went back go on further up. ``staged`` is called
        after each piece of a large revision that is kept, before any of it counts.

        Raises:
            SupersededError: the log ends elsewhere by now: check against that, and try again.
            MadeBeforeError: a key among these was used before: see :meth:`made`.
            StoreUnavailableError: the outcome is unknown; repeat it by the same operation.
        """
        number = revision or base.revision + 1
        written = await asyncio.to_thread(Written.of, parts, base, number)
        name, pieces = await self._stage(written, staged)
        operation = operation or self.operation()
        sending = _Sending(written, operation, tuple(keys), revision > 0, name, pieces)
        for _ in range(_PATIENCE):
            status, number = await self._append(sending)
            if status in ("ok", "repeat"):
                return FactsEntry(written.note(number), tuple(parts), restarts=sending.restarts)
            if status == "superseded":
                raise SupersededError(
                    f"the facts are at revision {number}, and this was made from {base.revision}"
                )
            if status == "known":
                raise MadeBeforeError("this request was made before")
            await asyncio.sleep(number / 1000)
        raise SupersededError("others change facts all the time: try again")

    def operation(self) -> str:
        """Return a name for one append."""
        return self._ids.operation()

    async def made(self, same: Repeat) -> int:
        """Return the revision that a request has made already; 0 when it has made none.

        Raises:
            IdempotencyConflictError: its key was used for another request.
        """
        if not same.key:
            return 0
        key = self._bucket.idempotency(same.key)
        digest, revision = await self._link.read("HMGET", key, "digest", "id")
        if digest not in (None, same.digest):
            raise IdempotencyConflictError(
                "the idempotency key was used for another request: use a new key",
                field="Idempotency-Key",
            )
        with codec.reading("an idempotency record"):
            return int(revision or 0)

    async def _append(self, sending: _Sending) -> tuple[str, int]:
        written, text = sending.written, "" if sending.pieces else sending.written.text
        keys = [*self._bucket.head, self._keys.head, self._keys.log, self._keys.bodies]
        keys.append(self._keys.body(sending.body))
        keys += [self._bucket.idempotency(each.key) for each in sending.keys]
        args: list[Value] = [sending.operation, *written.base, *written.position]
        args += [written.said, text, len(written.text), sending.pieces, self.gap_ms]
        args += [int(sending.restarts), self._retention_ms, sending.body, MOST_REST_MS]
        args += [*(each.digest for each in sending.keys), *written.told()]
        reply = await self._link.run(scripts.FACTS_APPEND, keys, args)
        if reply[0] == "incomplete":
            raise StoreUnavailableError("a part of the change was lost before it was complete")
        return reply[0], int(reply[1])

    async def _stage(self, written: Written, staged: Callable[[], None]) -> tuple[str, int]:
        """Keep a large text in pieces, for a while; return its name and how many; 0: it is small.

        The name follows from the text, so whoever is overtaken does not keep it once more.

        Raises:
            StoreUnavailableError: it is not kept whole.
        """
        if len(written.text) <= INLINE:
            return "none", 0
        name = hashlib.sha256(written.text.encode()).hexdigest()
        key, starts = self._keys.body(name), range(0, len(written.text), PIECE)
        if await self._link.run(scripts.FACTS_KEEP, [key], [STAGED_MS]) != len(starts):
            for number, start in enumerate(starts):
                piece = written.text[start : start + PIECE]
                await self._link.run(scripts.FACTS_KEEP, [key], [STAGED_MS, number, piece])
                staged()
        return name, len(starts)

    async def settle(self, revision: int) -> None:
        """Let no decision on an older revision stand, in any bucket; what stands is due again.

        Raises:
            StoreUnavailableError: a bucket could not be reached: repeat it.
        """
        await self.floors.raise_all(GRAPH, revision)

    async def rest(self) -> None:
        """Let no revision come for a moment: a decision was overtaken again and again.

        Raises:
            StoreUnavailableError: nobody may have heard it.
        """
        await self._link.run(scripts.FACTS_REST, [*self._bucket.head, self._keys.head], [REST_MS])

    async def asked_for(self) -> int:
        """Return the newest revision that any bucket asks for: the log was at it once."""
        return max(await self.floors.of_all(GRAPH))

    async def restart(self, by: str, reason: str) -> FactsEntry | None:
        """Go on after the log went back, beyond all that any bucket asks for, and settle that.

        None when there never was anything in it.

        Raises:
            SupersededError: somebody changes facts at this moment.
            StoreUnavailableError: repeat it.
        """
        end, asked = (await self.head()).end, await self.asked_for()
        if max(end.revision, asked) == 0:
            return None
        nothing = ChangeSet(by, reason, ())
        above = max(end.revision, asked) + JUMP
        entry = await self.append([nothing], base=end, revision=above)
        await self.settle(entry.revision)
        return entry
