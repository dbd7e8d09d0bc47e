"""What was decided and is still known: leases, ended ones too, and refusals. It only reads.

A lease is known as long as its task, which is kept for the retention after it ended; what was asked
for it is that of its last renewal. Refusals are kept as long, the newest of each bucket.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from broker.errors import NotFoundError, UnreadableRecordError
from broker.ids import DecisionId, LeaseId, TaskId
from broker.model.asked import Asked
from broker.model.held import HeldLease
from broker.model.task import TaskSpec
from broker.store import codec, scripts
from broker.store.decision_log import LISTED
from broker.store.in_order import Entry, read_on
from broker.store.keyspace import Keyspace
from broker.store.link import Link, Reply

PAGE: Final = 100
"""Records read at once, about 2 kB each."""

AT_ONCE: Final = 10
"""Tasks that are looked at together: the ledger's answers, not its work, are waited for."""

_ASKED: Final = msgspec.json.Decoder(Asked)


class RefusalRecord(msgspec.Struct, frozen=True):
    """What is kept of a refusal, as far as it is asked again."""

    decision: str
    tenant: str
    reason: str
    question: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What was granted, to whom, and when it was asked for last."""

    held: HeldLease
    task: TaskSpec
    at_ms: int
    used_at_ms: int = 0
    """When a resource server was first told that it is alive; 0: none was, as far as is known."""
    said_times: int = 0
    """How often it was used, as the agent's side says; ``said_at_ms`` is when it did so last."""
    said_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was refused, for which reason and when; ``question`` is the whole query as JSON."""

    decision: DecisionId
    at_ms: int
    reason: str
    question: str


class Recorded:
    """Reads what was decided in one bucket after the other."""

    def __init__(self, link: Link, keys: Keyspace) -> None:
        self._link = link
        self._keys = keys

    @property
    def buckets(self) -> int:
        """How many there are."""
        return len(self._keys.buckets)

    async def grants(self, bucket: int, since_ms: int) -> AsyncIterator[list[Grant]]:
        """Yield what was granted since an instant, task by task; what is unreadable is left out.

        Raises:
            StoreUnavailableError: the bucket does not answer.
        """
        after: Entry[TaskId] | None = None
        index = self._keys.buckets[bucket].index("all", "")
        while tasks := await read_on(self._link, index, TaskId, after, PAGE):
            for start in range(0, len(tasks), AT_ONCE):
                some = tasks[start : start + AT_ONCE]
                asked = (self._of_task(bucket, task.name, since_ms) for task in some)
                for grants in await asyncio.gather(*asked):
                    yield grants
            after = tasks[-1]

    async def grant(self, lease: LeaseId) -> Grant:
        """Return one that was granted, whether it has ended or not.

        Raises:
            NotFoundError: it, or its task, is no longer kept.
            UnreadableRecordError: one of the two is none of ours.
            StoreUnavailableError: the ledger does not answer.
        """
        keys = self._keys.of(lease)
        [row] = await self._link.run(scripts.LEASE_ASKED, [keys.lease(lease)])
        if not row[0]:
            raise NotFoundError("not in the ledger")
        task = codec.lease_spec(row[1]).task
        text = await self._link.read("HGET", keys.task(task), "spec")
        if not text:
            raise NotFoundError("not in the ledger")
        return _read_grant(row, codec.task_spec(text))

    async def refusals(self, bucket: int, since_ms: int) -> AsyncIterator[list[Refusal]]:
        """Yield what was refused since an instant and is kept.

        Raises:
            StoreUnavailableError: the bucket does not answer.
        """
        keys = self._keys.buckets[bucket]
        after = Entry(since_ms, DecisionId(""))
        while found := await read_on(self._link, keys.refusals, DecisionId, after, PAGE):
            names = [keys.decision(entry.name) for entry in found]
            texts = await self._link.read("MGET", *names)
            read = [_refusal(entry, text) for entry, text in zip(found, texts, strict=True)]
            yield [each for each in read if each is not None]
            after = found[-1]

    async def refused_since(self, bucket: int) -> int:
        """Return when the listed refusals begin; 0 when none had to make room for newer ones."""
        key = self._keys.buckets[bucket].refusals
        if int(await self._link.read("ZCARD", key)) < LISTED:
            return 0
        first = await self._link.read("ZRANGE", key, 0, 0, "WITHSCORES")
        return int(float(first[1])) if first else 0

    async def _of_task(self, bucket: int, task: TaskId, since_ms: int) -> list[Grant]:
        keys = self._keys.buckets[bucket]
        text = await self._link.read("HGET", keys.task(task), "spec")
        try:
            with codec.reading("a task in the ledger"):
                spec = codec.task_spec(text or "")
        except UnreadableRecordError:
            return []
        found: list[Grant] = []
        after: Entry[LeaseId] | None = None
        while leases := await read_on(self._link, keys.leases(task), LeaseId, after, PAGE):
            names = [keys.lease(entry.name) for entry in leases]
            rows = await self._link.run(scripts.LEASE_ASKED, names)
            found += [each for row in rows for each in _grant(row, spec) if each.at_ms >= since_ms]
            after = leases[-1]
        return found


def _grant(row: Reply, task: TaskSpec) -> Sequence[Grant]:
    if not row[0]:
        return ()
    try:
        return (_read_grant(row, task),)
    except UnreadableRecordError:
        return ()


def _read_grant(row: Reply, task: TaskSpec) -> Grant:
    _, spec, asked, issued, renewed, expires, generation, used, said, said_at = row
    with codec.reading("a lease in the ledger"):
        at_ms = int(renewed or issued)
        held = HeldLease(
            spec=codec.lease_spec(spec),
            asked=_asked(asked) if asked else None,
            generation=int(generation),
            given_ms=int(expires) - at_ms,
            expires_at_ms=int(expires),
        )
        return Grant(held, task, at_ms, int(used or 0), int(said or 0), int(said_at or 0))


def _refusal(entry: Entry[DecisionId], text: str | None) -> Refusal | None:
    if not text:  # no longer kept
        return None
    try:
        record = msgspec.json.decode(text, type=RefusalRecord)
    except msgspec.DecodeError:
        return None
    return Refusal(entry.name, entry.at_ms, record.reason, record.question)


@lru_cache(maxsize=4096)
def _asked(text: str) -> Asked:
    return _ASKED.decode(text)
