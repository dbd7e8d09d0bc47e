"""What is remembered of agents, and what was found: one slot of its own, of bounded size.

- One broker has the turn of watching. Moving on along the log, what was learnt and what was found
  is one step, so no event counts twice and no finding is lost, wherever a broker dies.
- A finding wants doing until somebody has noted that it was done.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from broker.errors import UnavailableError
from broker.ids import IdFactory, bucket_of
from broker.store import scripts
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.keyspace import Keyspace
from broker.store.link import Link

KEPT_MS: Final = 35 * 24 * 3_600_000
"""For how long an agent that does nothing is remembered."""

MOST_FINDINGS: Final = 10_000
MOST_SIGNALS: Final = 10_000
"""Signals that are known to have been used."""

LATE_PER_MINUTE: Final = 20
"""Late uses of one agent that are told in a minute; and knocks."""


@dataclass(frozen=True, slots=True)
class Row:
    """A finding as it is kept."""

    id: str
    at_ms: int
    text: str


class WatchLedger:
    """Keeps them."""

    def __init__(
        self, link: Link, keys: Keyspace, ids: IdFactory, *, bounds: ClockBounds = ANY_TIME
    ) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids
        self._bounds = bounds

    async def take(self, process: str, lasts_ms: int) -> str | None:
        """Take or keep the turn; return the cursor (empty: none yet), None: another has it."""
        reply = await self._link.run(scripts.WATCH_TAKE, [self._keys.watch], [process, lasts_ms])
        return reply[1] if reply[0] == "ok" else None

    async def pasts(self, agents: Sequence[str]) -> list[str | None]:
        """Return what is remembered of some agents (``TENANT/NAME``)."""
        if not agents:
            return []
        keys = [self._keys.past(agent) for agent in agents]
        found: list[str | None] = await self._link.read("MGET", *keys)
        return found

    async def note(
        self,
        process: str,
        stood: str,
        cursor: str,
        pasts: Mapping[str, str],
        findings: Sequence[Row],
    ) -> bool:
        """Move on with what was learnt and found; False: the turn is another's by now."""
        keys = [self._keys.watch, *self._keys.findings]
        keys += [self._keys.past(agent) for agent in pasts]
        args: list[str | int] = [process, stood, cursor, KEPT_MS, MOST_FINDINGS, *pasts.values()]
        for row in findings:
            args += [row.id, row.at_ms, row.text]
        reply = await self._link.run(scripts.WATCH_NOTE, keys, args)
        return bool(reply[0] == "ok")

    async def add(self, signal: str, known_ms: int, row: Row) -> bool:
        """Keep the finding that a signal makes; False: the signal was taken before.

        Raises:
            UnavailableError: nobody could tell, for there are too many.
        """
        keys = [self._keys.signals, *self._keys.findings]
        args: list[str | int] = [signal, known_ms, MOST_SIGNALS, row.id, row.at_ms, row.text]
        reply = await self._link.run(scripts.WATCH_ADD, keys, args)
        if reply[0] == "full":
            raise UnavailableError("too many signals within some minutes")
        return bool(reply[0] == "ok")

    async def todo(self, limit: int = 50) -> list[Row]:
        """Return the oldest findings that still want doing."""
        return await self._rows(self._keys.findings[2], ("ZRANGE", 0, limit - 1))

    async def newest(self, until: str, limit: int) -> list[Row]:
        """Return the next findings, newest first; ``until``: ``+inf`` or ``(MS``."""
        window = ("ZREVRANGEBYSCORE", until, "-inf", "LIMIT", 0, limit)
        return await self._rows(self._keys.findings[1], window)

    async def _rows(self, key: str, window: tuple[str | int, ...]) -> list[Row]:
        command, *rest = window
        flat = await self._link.read(str(command), key, *_with_scores(rest))
        names, ats = flat[::2], flat[1::2]
        if not names:
            return []
        texts = await self._link.read("HMGET", self._keys.findings[0], *names)
        rows = zip(names, ats, texts, strict=True)
        return [Row(name, int(float(at)), text) for name, at, text in rows if text]

    async def find(self, finding: str) -> str | None:
        """Return one finding's record."""
        text: str | None = await self._link.read("HGET", self._keys.findings[0], finding)
        return text

    async def replace(self, finding: str, stood: str, text: str) -> bool:
        """Put another record in the place of one that still stands; it wants no more doing."""
        keys = [self._keys.findings[0], self._keys.findings[2]]
        reply = await self._link.run(scripts.WATCH_DONE, keys, [finding, stood, text])
        return bool(reply[0] == "ok")

    async def tell(self, finding: str, kind: str, tenant: str, detail: str) -> None:
        """Tell of a finding, once for each kind of event."""
        bucket = self._keys.buckets[bucket_of(finding) % len(self._keys.buckets)]
        keys = [*bucket.head, bucket.told(f"{kind}:{finding}")]
        args: list[str | int] = [self._ids.operation(), kind, tenant, detail, KEPT_MS]
        await self._link.run(scripts.WATCH_TELL, keys, [*args, *self._bounds.around_now()])

    async def note_use(self, kind: str, tenant: str, agent: str, detail: str) -> None:
        """Note how an agent used what it should not; an agent's notes go to one bucket."""
        name = f"{tenant}/{agent}".encode()
        bucket = self._keys.buckets[hashlib.sha256(name).digest()[0] % len(self._keys.buckets)]
        keys = [*bucket.head, bucket.late(f"{kind}:{tenant}/{agent}")]
        args: list[str | int] = [self._ids.operation(), tenant, LATE_PER_MINUTE, detail, kind]
        await self._link.run(scripts.USE_NOTE, keys, args)


def _with_scores(rest: list[str | int]) -> list[str | int]:
    if "LIMIT" in rest:
        at = rest.index("LIMIT")
        return [*rest[:at], "WITHSCORES", *rest[at:]]
    return [*rest, "WITHSCORES"]
