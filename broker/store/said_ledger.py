"""What agents say of the uses of their credentials: an event for each batch, and counts of it.

A batch is noted once, a task's batches are few in a minute, and what is kept of a task is bounded:
whoever says much without end fills nobody's outbox, and no memory.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from broker.approval_errors import SlowDownError
from broker.errors import InvalidRequestError
from broker.ids import IdFactory, LeaseId, TaskId, parse_lease_id
from broker.model.lease import LeaseSpec
from broker.model.said import SaidBatch, SaidKind, SaidOfTask, SaidTotal, SaidUse
from broker.model.task import Task
from broker.store import codec, scripts
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.keyspace import Keyspace
from broker.store.limits import Limits
from broker.store.link import Link
from broker.store.refusals import accept

PER_MINUTE: Final = 20
"""Batches of one task."""

MOST_KINDS: Final = 64
"""Kinds of exchanges that are counted each by itself, of one task."""

_KNOWN_BATCHES: Final = 16
"""So many of a task's last batches are known: a repeat of one is none."""

_KEY_LENGTH: Final = 32
"""Letters of a key and of a digest, 128 bits: they stand for this within one task alone."""

Specs = Mapping[str, LeaseSpec]


class SaidLedger:
    """Keeps it."""

    def __init__(
        self,
        link: Link,
        keys: Keyspace,
        ids: IdFactory,
        limits: Limits,
        *,
        bounds: ClockBounds = ANY_TIME,
    ) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids
        self._limits = limits
        self._bounds = bounds

    async def note(self, task: Task, batch: SaidBatch, key: str, digest: str) -> None:
        """Note what the task's agent says. It counts as one beat of it.

        ``key`` names the batch (empty: nothing does), ``digest`` what is in it; both hexadecimal.

        Raises:
            InvalidRequestError: a credential is none of this task's; the field says which.
            TaskClosedError: the task has ended.
            SlowDownError: there were too many batches in this minute.
            IdempotencyConflictError: the key stood for another batch.
            UnavailableError: the outbox is full, the clocks disagree, the store does not answer.
        """
        specs = await self._specs(task.spec.id, batch.uses)
        bucket = self._keys.of(task.spec.id)
        used = dict.fromkeys(specs, 0)
        for each in batch.uses:
            if each.is_use:
                used[each.credential] += each.times
        keys = [
            *bucket.head,
            bucket.said(task.spec.id),
            bucket.said_lately(task.spec.id),
            *bucket.path(task.spec.path),
            *(bucket.lease(LeaseId(name)) for name in used),
        ]
        args = [*self._args(task, batch, specs, key, digest), len(used), *used.values()]
        for kind, times in _kinds(batch.uses, specs).items():
            args += [kind, times]
        reply = await self._link.run(scripts.USE_SAID, keys, args)
        if reply[0] == "often":
            raise SlowDownError(int(reply[1]))
        accept(reply)

    def _args(
        self, task: Task, batch: SaidBatch, specs: Specs, key: str, digest: str
    ) -> list[str | int]:
        return [
            self._ids.operation(),
            *self._bounds.around_now(),
            self._limits.outbox,
            PER_MINUTE,
            key[:_KEY_LENGTH],
            digest[:_KEY_LENGTH],
            codec.encode(_detail(task, batch, specs)),
            task.spec.tenant,
            batch.untold,
            MOST_KINDS,
            _KNOWN_BATCHES,
            self._limits.retention_ms,
        ]

    async def of_task(self, task: TaskId) -> SaidOfTask:
        """Return what was said of a task so far; nothing, if nothing was.

        Raises:
            UnreadableRecordError: what is kept is none of ours.
        """
        flat = await self._link.read("HGETALL", self._keys.of(task).said(task))
        found = dict(zip(flat[::2], flat[1::2], strict=True))
        with codec.reading("what was said of a task"):
            totals = [_total(name[2:], text) for name, text in found.items() if name[:2] == "n:"]
            return SaidOfTask(
                task,
                tuple(sorted(totals, key=lambda each: (-each.times, codec.encode(each.kind)))),
                others=int(found.get("others", 0)),
                untold=int(found.get("untold", 0)),
                said_at_ms=int(found.get("at", 0)),
            )

    async def _specs(self, task: TaskId, uses: Sequence[SaidUse]) -> Specs:
        """Return the leases that are spoken of, each of which must be this task's."""
        first = {each.credential: at for at, each in reversed([*enumerate(uses)])}
        first.pop("", None)
        rows = await asyncio.gather(*(self._spec(name) for name in first))
        specs: dict[str, LeaseSpec] = {}
        for (name, at), text in zip(first.items(), rows, strict=True):
            spec = codec.lease_spec(text) if text else None
            if spec is None or spec.task != task:
                raise InvalidRequestError(
                    "is no credential of this task", field=f"uses[{at}].credential"
                )
            specs[name] = spec
        return specs

    async def _spec(self, name: str) -> str | None:
        lease = parse_lease_id(name)
        text: str | None = await self._link.read("HGET", self._keys.of(lease).lease(lease), "spec")
        return text


def _total(kind: str, text: str) -> SaidTotal:
    times, _, said_at = text.partition(" ")
    return SaidTotal(msgspec.json.decode(kind, type=SaidKind), int(times), int(said_at))


def _detail(task: Task, batch: SaidBatch, specs: Specs) -> dict[str, object]:
    """Write the event. What the ledger knows of a credential is the ledger's word."""
    return {
        "task": task.spec.id,
        "agent": task.spec.agent,
        "instance": task.instance,
        "said_by": "agent",
        "untold": batch.untold,
        "uses": [_row(each, specs) for each in batch.uses],
    }


def _row(use: SaidUse, specs: Specs) -> dict[str, object]:
    said: dict[str, object] = msgspec.to_builtins(use)
    spec = specs.get(use.credential)
    known = {} if spec is None else {"capability": spec.capability, "scopes": sorted(spec.scopes)}
    return said | known


def _kinds(uses: Sequence[SaidUse], specs: Specs) -> Counter[str]:
    """Count exchanges by what they have in common, written in one way."""
    counted: Counter[str] = Counter()
    for use in uses:
        counted[codec.encode(_kind(use, specs))] += use.times
    return counted


def _kind(use: SaidUse, specs: Specs) -> SaidKind:
    spec = specs.get(use.credential)
    return SaidKind(
        outcome=use.outcome,
        credential=use.credential,
        capability=spec.capability if spec else "",
        need=use.need,
        rule=use.rule,
        method=use.method,
        host=use.host,
        port=use.port,
        status=use.status,
        problem=use.problem,
        masked=use.masked,
    )
