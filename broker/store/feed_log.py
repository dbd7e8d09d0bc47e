"""The feed log: every state change of every bucket in one order, for audit and for subscribers.

Invariants, which the scripts keep whatever runs beside them and wherever it is killed:

- seq is dense from 1 within an epoch;
- each outbox entry becomes exactly one log entry; a repetition is recognised by bucket, number and
  operation, answers the same seq and adds nothing;
- the entries of one bucket keep their order, and none is skipped: an outbox that lost entries, or
  gives their numbers to others, is refused until an operator accepts the loss;
- what an audit sink has not stored is not dropped;
- an event in force is in ``in_force`` until its ``exp``.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.feed_cursors import FeedCursors
from broker.store.feed_entry import LogEntry, OutboxEntry, log_entry, pairs, stream_page
from broker.store.feed_event import Announcement, in_force, is_readable
from broker.store.feed_keys import FeedKeys, bucket_tag
from broker.store.feed_outbox import FeedOutboxes
from broker.store.feed_subscribers import FeedSubscribers
from broker.store.link import ENDING, Link, Value, load_script

_APPEND: Final = load_script("feed_append", "feed_common", header=ENDING)
_FOUND: Final = load_script("feed_found", "feed_common", header=ENDING)
_POSITION: Final = load_script("feed_position", "feed_common", header=ENDING)
_ROTATE: Final = load_script("feed_rotate", "feed_common", header=ENDING)
_ADOPT: Final = load_script("feed_adopt", "feed_common", header=ENDING)
_PRUNE: Final = load_script("feed_prune", "feed_common", header=ENDING)
_TRIM: Final = load_script("feed_trim", "feed_common", header=ENDING)

PAGE: Final = 200
"""The most entries that are taken over, read, dropped or forgotten at once."""

WINDOW: Final = 1_000
"""For how many entries of a bucket a repetition is recognised: brokers that died between append
and trim leave at most a batch of 100 each."""


@dataclass(frozen=True, slots=True)
class LogLimits:
    """How long the log may grow.

    ``keep`` entries stay for subscribers that resume. Beyond ``longest``, which only an audit sink
    that stores nothing can cause, shipping stops.
    """

    keep: int = 20_000
    longest: int = 200_000


class Refusal(StrEnum):
    """Why entries were not appended."""

    GAP = "gap"
    FORK = "fork"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Appended:
    """The seqs of the given entries, in their order; ``fresh`` of them are new."""

    seqs: tuple[int, ...]
    fresh: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was appended.

    ``number`` is, for a gap, the outbox number that was expected; for a fork, the number that now
    belongs to another entry; for a full log, its length.
    """

    why: Refusal
    number: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where the log stood at ``now_ms`` by the feed's clock.

    ``first`` is the oldest seq it still has; ``shipped`` says per bucket the last outbox number it
    took over.
    """

    now_ms: int
    epoch: str
    seq: int
    first: int
    shipped: dict[int, int]


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """What one round of tidying left.

    ``sink`` is the slowest audit sink, ``lag`` how many entries it has yet to store. ``is_done`` is
    false while there is more to tidy.
    """

    length: int
    sink: str
    lag: int
    is_done: bool


class FeedLog:
    """The log, with its outboxes, its subscribers and its audit sinks' cursors."""

    def __init__(
        self,
        link: Link,
        namespace: str,
        *,
        limits: LogLimits | None = None,
        new_epoch: Callable[[], str] = lambda: secrets.token_hex(8),
        gone_back: Callable[[str], Awaitable[None]] | None = None,
        bounds: ClockBounds = ANY_TIME,
    ) -> None:
        self._link = link
        self._keys = FeedKeys(namespace)
        self._new_epoch = new_epoch
        self._gone_back = gone_back
        self._bounds = bounds
        self.limits = limits or LogLimits()
        self.outboxes = FeedOutboxes(link, self._keys)
        self.subscribers = FeedSubscribers(link, self._keys, new_epoch, bounds)
        self.cursors = FeedCursors(link, self._keys)

    async def append(self, bucket: int, entries: Sequence[OutboxEntry]) -> Appended | Refused:
        """Take over up to a page of a bucket's entries. Repeating it is harmless.

        Raises:
            ValueError: more than a page.
            StoreUnavailableError: the outcome is unknown; repeat it.
        """
        if len(entries) > PAGE:
            raise ValueError(f"at most {PAGE} entries at once")
        keys = self._keys
        names = [keys.meta, keys.log, keys.live, keys.expiry, keys.seqs]
        head: list[Value] = [self._new_epoch(), bucket_tag(bucket), WINDOW, self.limits.longest]
        words = [word for entry in entries for word in _words(entry)]
        now_ms, verdict, number, *seqs = await self._link.run(
            _APPEND, names, [*head, len(entries), *words, *self._bounds.around_now()]
        )
        if verdict != "ok":
            return Refused(Refusal(verdict), number)
        return Appended(tuple(seqs), number, now_ms)

    async def accept_loss(self, bucket: int, next_n: int) -> int:
        """Go on with ``next_n`` in a bucket whose outbox lost entries; only an operator orders it.

        A new epoch begins, so that every subscriber takes a snapshot. Returns the number that was
        expected until now.

        Raises:
            StoreUnavailableError: the outcome is unknown; repeat it.
        """
        args: list[Value] = [self._new_epoch(), bucket_tag(bucket), next_n]
        args += self._bounds.around_now()
        return int(await self._link.run(_ADOPT, [self._keys.meta], args))

    async def found(self) -> bool:
        """Begin the feed of a ledger that is the first of its installation; say if it began here.

        Any other feed waits, before it confirms, for subscribers that may still listen to a former
        one; this one has none. So only who knows that there never was one may call it.

        Raises:
            StoreUnavailableError: the outcome is unknown; repeat it.
        """
        args: list[Value] = [self._new_epoch(), *self._bounds.around_now()]
        return bool(await self._link.run(_FOUND, [self._keys.meta], args))

    async def position(self) -> Position:
        """Read where the log stands. An empty feed gets its epoch here.

        Raises:
            StoreUnavailableError: the feed cannot be reached.
        """
        keys = [self._keys.meta, self._keys.log]
        args: list[Value] = [self._new_epoch(), *self._bounds.around_now()]
        now_ms, first, flat = await self._link.run(_POSITION, keys, args)
        meta = pairs(flat)
        shipped = {
            int(tag, 16): int(n) for name, n in meta.items() if (tag := name.partition("n:")[2])
        }
        return Position(now_ms, meta["epoch"], int(meta["seq"]), first, shipped)

    async def rotate(self, seen: str) -> str:
        """Begin a new epoch, unless the log already left the ``seen`` one.

        For readers that find that the log went back, or lost what they have read: it is told first,
        for with the log the whole ledger may have gone back. Returns the epoch in force.

        Raises:
            StoreUnavailableError: the outcome is unknown; repeat it.
        """
        if self._gone_back is not None:
            await self._gone_back("its log of what happened lacks what was read of it before")
        args: list[Value] = [seen, self._new_epoch(), *self._bounds.around_now()]
        return str(await self._link.run(_ROTATE, [self._keys.meta], args))

    async def after(self, seq: int) -> list[LogEntry]:
        """Read up to a page of entries beyond ``seq``.

        When the log no longer reaches back that far the first one is not ``seq + 1``.

        Raises:
            StoreUnavailableError: the feed cannot be reached.
        """
        reply = await self._link.read("XRANGE", self._keys.log, f"({seq}-0", "+", "COUNT", PAGE)
        return [log_entry(name, fields) for name, fields in stream_page(reply)]

    async def tail(self, seq: int, *, block_ms: int) -> list[LogEntry]:
        """Wait up to ``block_ms`` for entries beyond ``seq``; else as :meth:`after`.

        Raises:
            StoreUnavailableError: the feed cannot be reached.
        """
        found = await self._link.tail(self._keys.log, f"{seq}-0", block_ms=block_ms, count=PAGE)
        return [log_entry(name, fields) for name, fields in found]

    async def entry(self, seq: int) -> LogEntry | None:
        """Read one entry; None when the log does not have it, or no longer.

        Raises:
            StoreUnavailableError: the feed cannot be reached.
        """
        name = f"{seq}-0"
        found = stream_page(await self._link.read("XRANGE", self._keys.log, name, name))
        return log_entry(*found[0]) if found else None

    async def still_has(self, entry: LogEntry) -> bool:
        """Tell whether the log has this entry in its place; one that was trimmed counts as there.

        A log that lost its newest entries in a failover gives their numbers to others.

        Raises:
            StoreUnavailableError: the feed cannot be reached.
        """
        found = await self.entry(entry.seq)
        if found is not None:
            return found == entry
        reply = await self._link.read("XRANGE", self._keys.log, "-", "+", "COUNT", 1)
        oldest = stream_page(reply)
        return bool(oldest) and log_entry(*oldest[0]).seq > entry.seq

    async def in_force(self, *, after: int, up_to: int) -> tuple[list[Announcement], int | None]:
        """Read a page of the events in force with ``after`` < seq <= ``up_to``.

        Returns them and the seq to go on after; None when this was the last page.

        Raises:
            StoreUnavailableError: the feed cannot be reached.
        """
        span = (f"({after}", up_to)
        reply = await self._link.read("ZRANGEBYSCORE", self._keys.live, *span, "LIMIT", 0, PAGE)
        events = [event for member in reply if (event := in_force(member)) is not None]
        last = int(reply[-1].partition("\n")[0]) if len(reply) == PAGE else None
        return events, last

    async def tidy(self) -> Housekeeping:
        """Forget what has expired and drop what everybody has stored, a page of each.

        Raises:
            StoreUnavailableError: the feed cannot be reached.
        """
        keys = self._keys
        pruned = await self._link.run(
            _PRUNE,
            [keys.meta, keys.live, keys.expiry, keys.seqs],
            [WINDOW, PAGE, *self._bounds.around_now()],
        )
        dropped, length, seq, sink, stored = await self._link.run(
            _TRIM, [keys.meta, keys.log, keys.cursors], [self.limits.keep, PAGE]
        )
        return Housekeeping(length, sink, seq - stored, max(pruned, dropped) < PAGE)


def _words(entry: OutboxEntry) -> tuple[Value, ...]:
    return (
        entry.n,
        entry.type,
        entry.at_ms,
        entry.op,
        entry.tenant,
        entry.feed,
        entry.audiences,
        entry.exp_ms,
        entry.detail,
        _mark(entry),
    )


def _mark(entry: OutboxEntry) -> int:
    if not entry.feed:
        return 0
    return 1 if is_readable(entry) else 2
