"""The whole inner half of a broker over a real server, on a clock that a test sets to the millisecond.

Every bucket has "seen" the year 2033 already. The ledger's clock never goes back, so the server's
own clock no longer counts, and time passes only when a test lets it.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from backends.jwt import access_token_claims
from broker.clock import SystemClock
from broker.faultpoints import FaultPoints
from broker.feed.shipper import Shipper
from broker.gate import Gate
from broker.governance.published import Published
from broker.ids import TaskId, bucket_of
from broker.metrics import Metrics
from broker.model.receipt import Receipt
from broker.pace import Pace
from broker.policy.query import Action
from broker.reaper import Claims, Reaper
from broker.signing.key import SigningKey, new_private_key
from broker.signing.keyring import Keyring
from broker.store.feed_entry import LogEntry
from broker.store.feed_log import FeedLog
from broker.store.ledger import Ledger
from broker.store.limits import Limits
from broker.store.link import Link
from broker.tasks import TaskLimits
from broker.verbs import Parts, Verbs, build_verbs
from tests.fakes.clock import FakeClock
from tests.fakes.faulty_link import FaultyLink
from tests.stateful.people import MINUTE, published
from tests.stateful.quota_clock import QuotaClock

EPOCH_MS: Final = 2_000_000_000_123
"""Where every clock begins: no whole second, so that rounding shows."""

LIMITS: Final = Limits(
    outbox=30,
    children=3,
    task_leases=4,
    task_ms=10 * MINUTE,
    lease_ms=5 * MINUTE,
    retention_ms=12 * MINUTE,
)
TASK_LIMITS: Final = TaskLimits(max_ttl_ms=10 * MINUTE, max_depth=3)
CLAIMS: Final = Claims()

_KEY: Final = SigningKey("k1", new_private_key("EdDSA"))
_KEYRING: Final = Keyring(
    [_KEY], [{"kid": "k1", "alg": "EdDSA", "state": "active", "jwk": _KEY.jwk}]
)


class LaggingReplica:
    """Runs the revision that it last looked up: it learns of another only when it must."""

    keyring = _KEYRING
    verifier = None

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.published: Published = published(0)

    @property
    def registered(self) -> Published:
        """Who there is: here the same in every revision."""
        return self.published

    def steps(self, first: int, last: int) -> None:
        """Know nothing of what the facts were before."""

    async def refresh(self) -> None:
        """Look the revision up."""
        record = await self._ledger.control.read()
        if record is not None:
            self.published = published(record.revision)


@dataclass(frozen=True)
class Raw:
    """What stands in one bucket, unjudged."""

    due: dict[str, int]
    length: int


class World:
    """One broker, and the means to look past it."""

    def __init__(self, link: Link, *, buckets: int) -> None:
        self.link = link
        self.buckets = buckets
        self.places = QuotaClock(link, self.time_of)
        self.faults = FaultyLink(self.places)
        self.ledger = Ledger.over(self.faults, namespace="jit", buckets=buckets, limits=LIMITS)
        self.clock = FakeClock(EPOCH_MS)
        self.feed = FeedLog(self.faults, "jit")
        self.verbs = self.broker(self.ledger, self.feed)
        self.times = [EPOCH_MS] * buckets

    def time_of(self, any_id: str) -> int:
        """Return the time in the bucket of an id."""
        return self.times[bucket_of(any_id)]

    def broker(self, ledger: Ledger, feed: FeedLog) -> Verbs:
        """Build the verbs of a broker."""
        parts = Parts(
            ledger=ledger,
            feed_log=feed,
            gate=Gate([]),
            replica=LaggingReplica(ledger),  # type: ignore[arg-type]  # all that the verbs use
            metrics=Metrics(durability="os", reasons=[], actions=list(Action)),
            faults=FaultPoints(),
            issuer="https://broker.example",
            claims_of=access_token_claims,
            task_limits=TASK_LIMITS,
            agent_quota=500,
            retention_ms=LIMITS.retention_ms,
            claims=CLAIMS,
            news=_ignore_news,
            due=_ignore_due,
            may_sweep=lambda: True,
            clock=self.clock,
            pace=Pace(SystemClock(), share=1.0),  # how long work holds the loop is of real time
        )
        return build_verbs(parts)

    def another_broker(self, link: Link) -> Verbs:
        """Build a second broker over a link of its own."""
        ledger = Ledger.over(link, namespace="jit", buckets=self.buckets, limits=LIMITS)
        return self.broker(ledger, FeedLog(link, "jit"))

    async def set_clocks(self, now_ms: Sequence[int]) -> None:
        """Let every bucket, the feed and the broker have seen a later time."""
        metas = [bucket.meta for bucket in self.ledger.keys.buckets]
        latest = max(now_ms)
        times = [*zip(metas, now_ms, strict=True), ("jit:{feed}:meta", latest)]
        for meta, at in times:
            await self.link.read("HSET", meta, "now", at)
        self.clock.advance(latest - self.clock.now_ms())
        self.times = list(now_ms)
        await self.places.run_out()

    async def ship(self) -> None:
        """Move all outboxes into the feed log."""
        await Shipper(self.feed, self.buckets, clock=self.clock).drain()

    async def reap(self, verbs: Verbs | None = None) -> None:
        """Reap until nothing is due any more."""
        reaper = (verbs or self.verbs).reaper
        for _ in range(40):
            await self.reap_once(reaper)
            if not await self._is_anything_due():
                return
        raise AssertionError("the reaper does not come to an end")

    async def reap_once(self, reaper: Reaper) -> None:
        """Let a reaper work through every bucket, and wait for it."""
        await asyncio.gather(*(reaper.reap(bucket) for bucket in range(self.buckets)))

    async def _is_anything_due(self) -> bool:
        for bucket in self.ledger.keys.buckets:
            now = int(await self.link.read("HGET", bucket.meta, "now"))
            if await self.link.read("ZCOUNT", bucket.due, "-inf", now):
                return True
        return False

    async def raw(self, bucket: int) -> Raw:
        """Read a bucket's due queue and the length of its outbox."""
        names = self.ledger.keys.buckets[bucket]
        flat, length = await asyncio.gather(
            self.link.read("ZRANGE", names.due, 0, -1, "WITHSCORES"),
            self.link.read("XLEN", names.out),
        )
        due = {
            member: int(float(score)) for member, score in zip(flat[::2], flat[1::2], strict=True)
        }
        return Raw(due, length)

    async def events(self, bucket: int, after: int) -> list[tuple[int, dict[str, Any]]]:
        """Read a bucket's outbox beyond a number."""
        key = self.ledger.keys.buckets[bucket].out
        entries = await self.link.read("XRANGE", key, f"({after}-0", "+")
        return [(int(name.partition("-")[0]), _event(flat)) for name, flat in entries]

    async def log_after(self, seq: int) -> list[LogEntry]:
        """Read the feed log to its end."""
        found: list[LogEntry] = []
        while page := await self.feed.after(found[-1].seq if found else seq):
            found += page
        return found

    async def members(self, key: str) -> set[str]:
        """Read a sorted set."""
        return set(await self.link.read("ZRANGE", key, 0, -1))

    async def task_report(self, caller: Any, task: TaskId, limit: int) -> list[Receipt]:
        """Follow a task's report to its end."""
        found, cursor = [], ""
        while True:
            page = await self.verbs.reports.of_task(caller, task, cursor, limit)
            found += page.receipts
            if not (cursor := page.cursor):
                return found

    async def revocation_report(self, caller: Any, revocation: Any, limit: int) -> list[Receipt]:
        """Follow an order's report to its end."""
        found, cursor = [], ""
        while True:
            page = await self.verbs.reports.of_revocation(caller, revocation, cursor, limit)
            found += page.receipts
            if not (cursor := page.cursor):
                return found

    async def keys(self) -> list[str]:
        """List every key of the ledger's buckets."""
        found: set[str] = set()
        for keys in await self.link.each_server("KEYS", "jit:{b*"):
            found |= set(keys)
        return sorted(found)

    async def lives_for_ever(self, key: str) -> bool:
        """Tell whether a key has no expiry."""
        return bool(await self.link.read("PTTL", key) == -1)


def _event(flat: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = dict(zip(flat[::2], flat[1::2], strict=True))
    return {**fields, "detail": json.loads(fields["detail"])}


def _ignore_news(bucket: int, *, urgent: bool) -> None:
    """Nobody ships but the test."""


def _ignore_due(buckets: Sequence[int]) -> None:
    """Nobody reaps but the test."""
