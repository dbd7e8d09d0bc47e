"""One audience of the feed, its subscribers, and a way to let time have passed for them."""

import json

from broker.model.capability import CheckMode, ResourceServer
from broker.model.receipt import ReceiptState
from broker.store.feed_keys import FeedKeys
from broker.store.feed_log import FeedLog
from broker.store.feed_subscribers import (
    Acknowledged,
    Confirmation,
    Connection,
    FeedSubscribers,
    Joined,
)
from broker.store.link import Link
from tests.fakes.ledger import FAR_MS, FakeLedger, entry_of, lease_id

KEYS = FeedKeys("jit")
HOUR_MS = 3_600_000
STRICT = ResourceServer("https://a", CheckMode.FEED, frozenset({"acme"}), staleness_ms=HOUR_MS)
LAX = ResourceServer("https://b", CheckMode.FEED, frozenset({"acme"}), strict=False)


class Audience:
    """One audience's subscribers, and one bucket whose entries are all revocations."""

    def __init__(self, log: FeedLog, ledger: FakeLedger, server: ResourceServer) -> None:
        self.log = log
        self.ledger = ledger
        self.server = server
        self.shipped = 0

    @property
    def subscribers(self) -> FeedSubscribers:
        """What is under test."""
        return self.log.subscribers

    async def join(self, name: str, *, after: int = 0, epoch: str = "") -> Joined:
        """Connect a subscriber."""
        connection = Connection(name, "nonce-1")
        joined = await self.subscribers.join(
            self.server, connection, after=after, epoch=epoch, most=9
        )
        assert joined is not None
        return joined

    async def ship(self, **words: object) -> int:
        """Let the next revocation come into the feed; returns its outbox number and seq."""
        self.shipped += 1
        event = {"feed": json.dumps({"jti": lease_id(self.shipped)}), "aud": "*", "exp": FAR_MS}
        await self.log.append(0, [entry_of(0, self.shipped, **{**event, **words})])
        return self.shipped

    async def acknowledge(self, name: str, seq: int, epoch: str = "") -> Acknowledged:
        """Let a subscriber say that it refuses everything up to a seq."""
        return await self.subscribers.acknowledge(self.server.audience, name, seq, epoch=epoch)

    async def confirmation(self, n: int) -> Confirmation:
        """Ask about one revocation."""
        return await self.subscribers.confirmation(
            0,
            n,
            self.server.audience,
            1,
            staleness_ms=self.server.staleness_ms,
            strict=self.server.strict,
        )

    async def state(self, n: int) -> ReceiptState:
        """Ask about one revocation, in a word."""
        return (await self.confirmation(n)).state

    async def age(self, ms: int) -> None:
        """Let the feed have been born, everybody been seen, everything been shipped earlier."""
        for key, rewrite in ((KEYS.meta, _older_meta), (KEYS.seqs, _older_place)):
            await self._rewrite(key, rewrite, ms)
        await self._rewrite(KEYS.subs(self.server.audience), _older_subscriber, ms)

    async def _rewrite(self, key: str, rewrite: object, ms: int) -> None:
        flat = await self.log._link.read("HGETALL", key)  # noqa: SLF001 - time travel for tests
        for field, value in zip(flat[::2], flat[1::2], strict=True):
            changed = rewrite(field, value, ms)  # type: ignore[operator] - one of the three below
            await self.ledger.write(key, "HSET", field, changed)


def _older_meta(field: str, value: str, ms: int) -> str:
    return str(int(value) - ms) if field in {"born", "now"} else value


def _older_place(_field: str, value: str, ms: int) -> str:
    seq, shipped, *rest = value.split(" ")
    return " ".join((seq, str(int(shipped) - ms), *rest))


def _older_subscriber(field: str, value: str, ms: int) -> str:
    if field == ".confirmed":
        return value
    acked, seen, *rest = value.split(" ")
    return " ".join((acked, str(int(seen) - ms), *rest))


async def audience_of(link: Link, server: ResourceServer) -> Audience:
    """Make an audience of a feed that was born long ago."""
    audience = Audience(FeedLog(link, "jit"), FakeLedger(link), server)
    await audience.log.position()
    await audience.age(2 * HOUR_MS)
    return audience
