"""Walking the whole ledger, to find what should not be. Nothing is changed: reads only.

What is found while brokers work may be a change under way: what is found twice is a fault.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, Literal

from broker.errors import UnreadableRecordError
from broker.ids import LeaseId, TaskId
from broker.model.task import TaskSpec
from broker.store.control_record import SCHEMA
from broker.store.feed_keys import FeedKeys
from broker.store.keyspace import Bucket
from broker.store.ledger import Ledger
from broker.store.link import Link

_PAGE: Final = 200

Heard = Callable[[int, int], None]
"""Is told how many buckets of how many are done."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that should not be. An ``over``-count mends itself when its leases expire."""

    severity: Literal["fail", "warn"]
    where: str
    what: str
    remedy: str


class LedgerCheck:
    """Checks one ledger."""

    def __init__(self, link: Link, ledger: Ledger) -> None:
        self._link = link
        self._ledger = ledger
        self._feed = FeedKeys(ledger.keys.namespace)

    async def run(self, heard: Heard) -> list[Finding]:
        """Walk everything.

        Raises:
            StoreUnavailableError: a bucket does not answer: nothing can be said of it.
        """
        found = await self._control()
        quotas: set[tuple[str, str]] = set()
        buckets = self._ledger.keys.buckets
        for number, bucket in enumerate(buckets):
            found += [each async for each in self._bucket(number, bucket, quotas)]
            heard(number + 1, len(buckets))
        for kind, name in sorted(quotas):
            found += await self._quota(kind, name)
        return found + await self._dense("the feed log", self._feed.log, self._feed.meta, "seq")

    async def _control(self) -> list[Finding]:
        record = await self._ledger.control.read()
        if record is None:
            return [_fail("control record", "there is none", "run `broker keys init`")]
        here = len(self._ledger.keys.buckets)
        if (record.schema, record.buckets) != (SCHEMA, here):
            what = f"schema {record.schema} and {record.buckets} buckets, not {SCHEMA} and {here}"
            return [_fail("control record", what, "run the version and store.buckets it names")]
        return []

    async def _bucket(
        self, number: int, bucket: Bucket, quotas: set[tuple[str, str]]
    ) -> AsyncIterator[Finding]:
        for finding in await self._dense(f"outbox {number:02x}", bucket.out, bucket.meta, "out"):
            yield finding
        start = 0
        index = bucket.index("all", "")
        while names := await self._link.read("ZRANGE", index, start, start + _PAGE - 1):
            for name in names:
                async for finding in self._task(bucket, TaskId(name), quotas):
                    yield finding
            start += len(names)

    async def _task(
        self, bucket: Bucket, task: TaskId, quotas: set[tuple[str, str]]
    ) -> AsyncIterator[Finding]:
        try:
            spec = await self._ledger.tree.spec(task)
        except UnreadableRecordError:
            yield _fail(task, "its record cannot be read", "restore it, or delete its key")
            return
        if spec is None:
            yield _fail(task, "an index names it, and it is not there", "remove it from the index")
            return
        quotas |= {("tenant", spec.tenant), ("agent", spec.agent), ("agent", spec.actors[0])}
        state = await self._link.read("HGET", bucket.task(task), "state")
        kind = "t" if state == "open" else "k"
        waits = await self._link.read("ZSCORE", bucket.due, f"{kind}:{task}")
        if state == "open" and waits is None:
            yield _fail(task, "open, and nobody will look at its deadline", "cancel it")
        if state == "open" or waits is None:
            async for finding in self._leases(bucket, spec, is_open=state == "open"):
                yield finding

    async def _leases(
        self, bucket: Bucket, task: TaskSpec, *, is_open: bool
    ) -> AsyncIterator[Finding]:
        start = 0
        live = bucket.live(task.id)
        while names := await self._link.read("ZRANGE", live, start, start + _PAGE - 1):
            for name in names:
                finding = await self._lease(bucket, task, str(name), is_open=is_open)
                if finding:
                    yield finding
            start += len(names)

    async def _lease(
        self, bucket: Bucket, task: TaskSpec, name: str, *, is_open: bool
    ) -> Finding | None:
        state = await self._state(name)
        if state is None:
            return _fail(name, "listed as live, and not there", "cancel its task")
        if state == "unreadable":
            return _fail(name, "its record cannot be read", "restore it, or delete its key")
        if await self._link.read("ZSCORE", bucket.due, f"l:{name}:{task.id}") is None:
            return _fail(
                name, "alive, and nobody will end it", f"broker revoke --credential {name}"
            )
        if not is_open and state != "ended":
            return _fail(name, "its task has ended and nobody takes it down", "revoke it")
        return None

    async def _quota(self, kind: str, name: str) -> list[Finding]:
        key = self._ledger.keys.quota(kind, name)
        now = max(await self._ledger.clock.servers())
        members = await self._link.read("ZRANGEBYSCORE", key, now, "+inf")
        over = 0
        for member in members:
            over += await self._state(str(member)) in (None, "ended")
        what = f"counts {over} that are dead, of {len(members)}"
        mends = "it mends itself when they would have expired"
        return [Finding("warn", f"quota of {kind} {name}", what, mends)] if over else []

    async def _state(self, lease: str) -> str | None:
        key = self._ledger.keys.of(lease).lease(LeaseId(lease))
        try:
            state = await self._link.read("HGET", key, "state")
        except UnreadableRecordError:
            return "unreadable"  # told where it is listed
        return None if state is None else str(state)

    async def _dense(self, where: str, stream: str, meta: str, member: str) -> list[Finding]:
        """Compare what a stream holds with how far its numbers have come."""
        told = int(await self._link.read("HGET", meta, member) or 0)
        first = await self._link.read("XRANGE", stream, "-", "+", "COUNT", 1)
        if not first:
            return []
        last = await self._link.read("XREVRANGE", stream, "+", "-", "COUNT", 1)
        low, high = (int(str(rows[0][0]).partition("-")[0]) for rows in (first, last))
        length = int(await self._link.read("XLEN", stream))
        remedy = "some of it was lost: see `broker feed accept-loss`"
        if length != high - low + 1:
            return [_fail(where, f"{high - low + 1 - length} numbers are missing", remedy)]
        if high != told:
            return [_fail(where, f"ends with {high}, though {told} were given", remedy)]
        return []


def _fail(where: str, what: str, remedy: str) -> Finding:
    return Finding("fail", where, what, remedy)
