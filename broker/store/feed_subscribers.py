"""Who listens to the feed, up to where each refuses what it says, and what that confirms.

Invariants:

- a subscriber is registered before it reads anything, so that no event can be confirmed between
  its snapshot and its tail;
- its ``seen`` is stored before the alive message that names it is sent: a strict verifier never
  trusts its state longer than the ledger believes;
- what was once confirmed stays confirmed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from broker.model.capability import ResourceServer
from broker.model.receipt import ReceiptState
from broker.store.clock_bounds import ClockBounds
from broker.store.feed_entry import LogEntry, pairs
from broker.store.feed_keys import FeedKeys, bucket_tag
from broker.store.link import ENDING, Link, Reply, Value, load_script

_JOIN: Final = load_script("feed_join", "feed_common", "feed_subscriber", header=ENDING)
_ALIVE: Final = load_script("feed_alive", "feed_common", "feed_subscriber", header=ENDING)
_ACK: Final = load_script("feed_ack", "feed_common", "feed_subscriber", header=ENDING)
_CONFIRM: Final = load_script("feed_confirm", "feed_common", "feed_subscriber", header=ENDING)

FORGOTTEN_MS: Final = 24 * 3600 * 1000
"""A subscriber of a server that is not strict goes on accepting tokens when it hears nothing, so
it is waited for; after a day it is taken for gone."""

SHORTEST_MEMORY_MS: Final = 5_000
"""A strict subscriber counts at least this long after it was last seen, however short its bound:
alive messages are a second apart."""

_CONFIRMED_SEQ: Final = ".confirmed"
"""A field beside the subscribers' that is none of them: ``scripts/feed_subscriber.lua``."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection of a subscriber: the id is its own, the nonce tells its connections apart."""

    subscriber: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Registered; the log stood at ``seq`` at ``now_ms`` and reached back to ``first``."""

    now_ms: int
    epoch: str
    seq: int
    first: int


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the next alive message may say.

    It may say nothing when the log no longer ``agrees`` with what was read of it, nor when the
    clock is not ``sure``: whoever hears what time it is goes on by that. ``replaced`` subscribers
    are connected anew elsewhere and must not hear it.
    """

    now_ms: int
    epoch: str
    seq: int
    agrees: bool
    replaced: frozenset[str]
    sure: bool = True


class Acknowledged(StrEnum):
    """What became of an acknowledgement.

    It was noted, or came from nobody who is connected, or is of another epoch, or is of what the
    log does not have yet.
    """

    OK = "ok"
    UNKNOWN = "unknown"
    STALE = "stale"
    AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Whether a revocation event has reached an audience.

    CONFIRMED: every subscriber refuses it, or refuses everything. ACCEPTED: not yet, and
    ``detail`` says what is missing. ``bound_at_ms`` is when a strict server's bound confirms it by
    the feed's clock; 0 when no bound is known.
    """

    state: ReceiptState
    detail: str
    bound_at_ms: int = 0


class FeedSubscribers:
    """The subscribers of every audience, seen by all brokers alike."""

    def __init__(
        self, link: Link, keys: FeedKeys, new_epoch: Callable[[], str], bounds: ClockBounds
    ) -> None:
        self._link = link
        self._keys = keys
        self._new_epoch = new_epoch
        self._bounds = bounds

    async def join(
        self, server: ResourceServer, connection: Connection, *, after: int, epoch: str, most: int
    ) -> Joined | None:
        """Register a connection; an older one of the same subscriber is replaced by it.

        ``after`` and ``epoch`` say what the subscriber knows already (0 and empty: nothing). None
        when the audience has ``most`` other subscribers.

        Raises:
            StoreUnavailableError: the outcome is unknown; repeat it.
        """
        keys = [self._keys.meta, self._keys.log, self._keys.subs(server.audience)]
        memory_ms = _memory_ms(server.staleness_ms, strict=server.strict)
        knows: list[Value] = [connection.nonce, after, epoch, memory_ms, most]
        knows += self._bounds.around_now()
        verdict, *where = await self._link.run(
            _JOIN, keys, [self._new_epoch(), connection.subscriber, *knows]
        )
        return Joined(*where) if verdict == "ok" else None

    async def pulse(
        self, audience: str, connections: Sequence[Connection], *, last: LogEntry | None = None
    ) -> Pulse:
        """Note that these connections will hear an alive message now, and learn what it may say.

        ``last`` is the last entry that was read of the log, to be compared.

        Raises:
            StoreUnavailableError: send none.
        """
        keys = [self._keys.meta, self._keys.log, self._keys.subs(audience)]
        args: list[Value] = [self._new_epoch(), *_place(last)]
        for one in connections:
            args += one.subscriber, one.nonce
        args += self._bounds.around_now()
        now_ms, epoch, seq, agrees, replaced, sure = await self._link.run(_ALIVE, keys, args)
        return Pulse(now_ms, epoch, seq, bool(agrees), frozenset(replaced), bool(sure))

    async def acknowledge(
        self, audience: str, subscriber: str, seq: int, *, epoch: str = ""
    ) -> Acknowledged:
        """Note that a subscriber refuses everything that the feed said up to ``seq``.

        An older acknowledgement that comes late changes nothing. ``epoch``, when given, must be
        the one that the numbers are of.

        Raises:
            StoreUnavailableError: the outcome is unknown; repeat it.
        """
        keys = [self._keys.meta, self._keys.subs(audience)]
        return Acknowledged(await self._link.run(_ACK, keys, [subscriber, seq, epoch]))

    async def confirmation(
        self, bucket: int, n: int, audience: str, at_ms: int, *, staleness_ms: int, strict: bool
    ) -> Confirmation:
        """Judge whether outbox entry ``n`` of a bucket, of ``at_ms``, has reached an audience.

        It has when every subscriber acknowledged its seq, or when a strict server's bound has
        passed since it was shipped: whoever did not hear it refuses everything by then. Once
        CONFIRMED it stays so.

        Raises:
            StoreUnavailableError: nothing is known.
        """
        keys = [self._keys.meta, self._keys.seqs, self._keys.subs(audience)]
        memory_ms = _memory_ms(staleness_ms, strict=strict)
        args: list[Value] = [bucket_tag(bucket), n, int(strict), staleness_ms, memory_ms]
        args += self._bounds.around_now()
        return _confirmation(await self._link.run(_CONFIRM, keys, args), at_ms)

    async def listening(self, server: ResourceServer, now_ms: int) -> int:
        """Count the connections that are waited for. Nobody is registered or dropped by it.

        Raises:
            StoreUnavailableError: nothing is known.
        """
        flat = await self._link.read("HGETALL", self._keys.subs(server.audience))
        earliest = now_ms - _memory_ms(server.staleness_ms, strict=server.strict)
        records = [record for name, record in pairs(flat).items() if name != _CONFIRMED_SEQ]
        return sum(int(record.split()[1]) >= earliest for record in records)


def _place(entry: LogEntry | None) -> tuple[Value, ...]:
    return (entry.seq, bucket_tag(entry.change.bucket), entry.change.n) if entry else (0, "", 0)


def _memory_ms(staleness_ms: int, *, strict: bool) -> int:
    return max(staleness_ms, SHORTEST_MEMORY_MS) if strict else FORGOTTEN_MS


def _confirmation(reply: Reply, at_ms: int) -> Confirmation:
    verdict, now_ms, acknowledged, total, bound_ms = reply
    state = ReceiptState.CONFIRMED if verdict in _CONFIRMED else ReceiptState.ACCEPTED
    detail = _DETAILS[verdict].format(
        acknowledged=acknowledged, total=total, age_ms=max(0, now_ms - at_ms)
    )
    if verdict == "waiting" and total == 0:
        detail = "no subscriber is connected"
    return Confirmation(state, detail, bound_ms)


_CONFIRMED: Final = frozenset({"acknowledged", "bound", "earlier", "expired"})

_DETAILS: Final = {
    "unshipped": "not in the feed yet, {age_ms} ms after the ledger had it",
    "lost": "it was lost on its way into the feed, so nobody could be told of it",
    "unheard": "the event is none that resource servers are told of",
    "unreadable": "the event cannot be read, so nobody could be told of it",
    "clock": "the feed's clock and this broker's disagree: nobody can say who has heard it",
    "waiting": "{acknowledged} of {total} subscribers acknowledged",
    "young": "{acknowledged} of {total} acknowledged; the feed has just begun: there may be more",
    "acknowledged": "{acknowledged} of {total} subscribers acknowledged",
    "bound": "the staleness bound has passed: whoever did not hear it refuses everything",
    "earlier": "confirmed before",
    "expired": "everything it concerns has expired",
}
