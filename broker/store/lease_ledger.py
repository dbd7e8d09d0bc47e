"""Leases in the ledger.

- A lease is written before its credential exists; for our own tokens in the same script that
  activates it and dates it.
- Each lease starts once and ends once; a repeat of either tells nothing a second time.
"""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from broker.errors import NotFoundError
from broker.ids import IdFactory, LeaseId, TaskId
from broker.model.lease import Lease, LeaseSpec
from broker.model.redecision import NO_LONGER
from broker.store import codec, scripts
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.in_order import Entry, read_on
from broker.store.keyspace import Keyspace
from broker.store.lease_replies import Granted, granted, lease_seen
from broker.store.limits import Limits
from broker.store.link import Link
from broker.store.new_lease import NewLease, Renewal
from broker.store.paths import Paths
from broker.store.refusals import accept

END_BATCH = 25
"""Leases ended by one script: a few milliseconds of the server's time (DESIGN §4: at most 20)."""


class Ending(msgspec.Struct, frozen=True):
    """One lease to be ended.

    With a ``generation`` only if it is still that one; ``why`` is a JSON object for operators.
    """

    lease: LeaseId
    task: TaskId
    generation: int = 0
    why: str = ""


class LeaseLedger:
    """State changes of leases."""

    def __init__(
        self,
        link: Link,
        keys: Keyspace,
        ids: IdFactory,
        paths: Paths,
        limits: Limits,
        *,
        bounds: ClockBounds = ANY_TIME,
    ) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids
        self._paths = paths
        self._limits = limits
        self._bounds = bounds

    async def grant(self, new: NewLease) -> Granted:
        """Reserve a lease, or grant it at once.

        Raises:
            NotFoundError: no such task, or it is another instance's.
            TaskClosedError: the task or an ancestor has ended, or a cut covers it.
            AccessDeniedError: less than a second would be left.
            StaleFactsError, QuotaExceededError, IdempotencyConflictError, UnavailableError.
        """
        spec = new.spec
        bucket = self._keys.of(spec.id)
        keys = [
            *bucket.head,
            bucket.live(spec.task),
            bucket.lease(spec.id),
            bucket.idempotency(new.key or "none"),
            bucket.audiences(spec.path[0]),
            bucket.index("capability", spec.capability),
            bucket.leases(spec.task),
            bucket.index("issuer", spec.evidence_issuer),
            *bucket.path(spec.path),
            *self._approval_keys(new),
            *([bucket.index("tool", spec.tenant)] if spec.tool else ()),
        ]
        return granted(await self._link.run(scripts.LEASE_GRANT, keys, self._grant_args(new)))

    def _grant_args(self, new: NewLease) -> list[str | int]:
        spec = new.spec
        return [
            spec.id,
            self._ids.operation(),
            spec.task,
            " ".join(spec.path),
            spec.instance,
            new.state,
            new.ttl_ms,
            min(new.max_ttl_ms, self._limits.lease_ms),
            new.evidence_exp_ms,
            new.facts,
            spec.tenant,
            spec.agent,
            spec.evidence_issuer,
            spec.capability,
            spec.audience,
            self._limits.task_leases,
            self._limits.outbox,
            new.digest if new.key else "",
            self._limits.retention_ms,
            spec.key_id,
            codec.encode(spec),
            self._limits.lease_ms + self._limits.retention_ms,
            *self._bounds.around_now(),
            new.manifest,
            spec.target.name if spec.target else "",
            new.minting_ms,
            new.graph,
            new.asked,
            new.until_ms,
            1 if spec.tool else 0,
            *_approval_args(new),
            len(self._approval_keys(new)),
        ]

    def _approval_keys(self, new: NewLease) -> list[str]:
        """The approval that is used up, and where a change finds what its voices hold alive."""
        if new.use is None:
            return []
        bucket, tenant = self._keys.of(new.spec.id), new.spec.tenant
        named = [bucket.index("person", f"{tenant}/{name}") for name in new.spec.agreed]
        return [bucket.approval(new.use.approval), *named]

    async def activate(self, spec: LeaseSpec, facts: int, graph: int = 0) -> None:
        """Activate a reservation whose credential now exists; a trail in its spec is recorded.

        Raises:
            TaskClosedError, NotFoundError, StaleFactsError: revoke the credential.
        """
        bucket = self._keys.of(spec.id)
        lease = bucket.lease(spec.id)
        keys = [bucket.meta, bucket.cuts, bucket.due, lease, *bucket.path(spec.path)]
        more = codec.encode(spec) if spec.target is not None and spec.target.trail else ""
        bounds = self._bounds.around_now()
        args: list[str | int] = [spec.id, " ".join(spec.path), facts, *bounds, more, graph]
        accept(await self._link.run(scripts.LEASE_ACTIVATE, keys, args))

    async def renew(self, lease: Lease, renewal: Renewal) -> Granted:
        """Add a generation.

        Raises:
            LeaseNotRenewableError: it would not live longer, or this was renewed since.
            TargetBusyError: its target is being asked for another renewal.
            TaskClosedError, NotFoundError, StaleFactsError, IdempotencyConflictError,
            UnavailableError: as for :meth:`grant`.
        """
        spec = lease.spec
        bucket = self._keys.of(spec.id)
        keys = [
            *bucket.head,
            bucket.live(spec.task),
            bucket.lease(spec.id),
            bucket.idempotency(renewal.key or "none"),
            *bucket.path(spec.path),
        ]
        return granted(
            await self._link.run(scripts.LEASE_RENEW, keys, self._renew_args(spec, renewal))
        )

    def _renew_args(self, spec: LeaseSpec, renewal: Renewal) -> list[str | int]:
        detail = {
            "credential": spec.id,
            "task": spec.task,
            "agent": spec.agent,
            "capability": spec.capability,
        }
        return [
            spec.id,
            self._ids.operation(),
            spec.task,
            " ".join(spec.path),
            spec.instance,
            renewal.ttl_ms,
            renewal.evidence_exp_ms,
            renewal.facts,
            self._limits.outbox,
            renewal.digest if renewal.key else "",
            self._limits.retention_ms,
            renewal.key_id,
            codec.encode(detail),
            *self._bounds.around_now(),
            renewal.manifest,
            renewal.minting_ms,
            renewal.graph,
            renewal.asked,
            renewal.until_ms,
        ]

    async def view(
        self, lease: LeaseId, path: tuple[TaskId, ...] | None = None, *, key_id: str = ""
    ) -> Lease:
        """Show a lease as the judge sees it. A caller that knows the path saves a round trip.

        ``key_id`` is the key that signed the token at hand, which may be of an earlier generation:
        were it stolen, nothing is alive.

        Raises:
            NotFoundError: there is no such lease, or its path is another one.
            UnreadableRecordError: its record, or one of its path, is none of ours.
        """
        if path is None:
            path = await self._paths.of_lease(lease)
        bucket = self._keys.of(lease)
        keys = [bucket.meta, bucket.cuts, bucket.lease(lease), *bucket.path(path)]
        earliest, latest = self._bounds.around_now()
        reply = await self._link.run(scripts.LEASE_VIEW, keys, [" ".join(path), key_id])
        seen = lease_seen(reply)
        if earliest <= seen.judged_at_ms <= latest:
            return seen
        passed_ms = min(seen.judged_at_ms, self._bounds.clock.now_ms())
        return replace(seen, is_sure=False, passed_ms=passed_ms)

    async def note_use(self, lease: Lease, seen_by: str) -> None:
        """Note that a resource server was told that a token is alive: the first time only.

        Raises:
            StoreUnavailableError, UnavailableError: it was not noted, or nobody knows.
        """
        spec = lease.spec
        told = {
            "credential": spec.id,
            "task": spec.task,
            "agent": spec.agent,
            "capability": spec.capability,
            "audience": spec.audience,
            "scopes": spec.scopes,
            "seen_by": seen_by,
        }
        bucket = self._keys.of(spec.id)
        args: list[str | int] = [self._ids.operation(), spec.tenant, self._limits.outbox]
        keys = [*bucket.head, bucket.lease(spec.id)]
        accept(await self._link.run(scripts.LEASE_USED, keys, [*args, codec.encode(told)]))

    async def find(self, lease: LeaseId, path: tuple[TaskId, ...]) -> Lease | None:
        """Show a lease, or None when retention has outlived it."""
        try:
            return await self.view(lease, path)
        except NotFoundError:
            return None

    async def end(self, leases: Sequence[tuple[LeaseId, TaskId]], reason: str) -> list[LeaseId]:
        """End leases of one bucket; return those that were alive until now.

        ``revoked``, ``given-back``, ``undone``, ``collateral`` and ``no-longer-granted`` are told
        to verifiers lease by lease; for other reasons the task's or cut's own event covers them.

        Raises:
            UnreadableRecordError: one of them is none of ours; what came before it has ended.
        """
        return await self._end([Ending(lease, task) for lease, task in leases], reason)

    async def refuse(self, leases: Sequence[Ending]) -> list[LeaseId]:
        """End leases of one bucket that would not be granted any more; as :meth:`end`."""
        return await self._end(leases, NO_LONGER)

    async def _end(self, leases: Sequence[Ending], reason: str) -> list[LeaseId]:
        ended: list[LeaseId] = []
        for start in range(0, len(leases), END_BATCH):
            batch = leases[start : start + END_BATCH]
            bucket = self._keys.of(batch[0].lease)
            keys = [*bucket.head, bucket.dying]
            args: list[str | int] = [self._ids.operation(), reason, self._limits.retention_ms]
            args += self._bounds.around_now()
            for each in batch:
                keys += [bucket.lease(each.lease), bucket.live(each.task)]
                args += [each.lease, each.task, each.generation or "", each.why]
            ended += await self._link.run(scripts.LEASE_END, keys, args)
        return ended

    async def undo(self, new: NewLease, lease: LeaseId) -> None:
        """End a lease that nobody got, and let its idempotency key be used again.

        Raises:
            StoreUnavailableError: it may be alive until it expires.
        """
        await self.end([(lease, new.spec.task)], "undone")
        if new.key:
            await self.forget_key(new.key, lease)

    async def is_known(self, lease: LeaseId, key: str) -> bool:
        """Tell whether an idempotency key stands for something in a lease's bucket."""
        return bool(await self._link.read("EXISTS", self._keys.of(lease).idempotency(key)))

    async def forget_key(self, key: str, lease: LeaseId) -> None:
        """Let an idempotency key be used again, if it still stands for this lease."""
        await self._link.run(scripts.IDEM_FORGET, [self._keys.of(lease).idempotency(key)], [lease])

    async def live_after(
        self, task: TaskId, after: Entry[LeaseId] | None, limit: int
    ) -> list[Entry[LeaseId]]:
        """Return the next of the task's leases that have not been ended yet, by their expiry."""
        key = self._keys.of(task).live(task)
        return await read_on(self._link, key, LeaseId, after, limit)

    async def live(self, task: TaskId, limit: int, start: int = 0) -> list[LeaseId]:
        """Return some of the task's leases that have not been ended yet (limit 0: all)."""
        key = self._keys.of(task).live(task)
        last = start + limit - 1 if limit else -1
        return [LeaseId(name) for name in await self._link.read("ZRANGE", key, start, last)]

    async def page(
        self, task: TaskId, after: Entry[LeaseId] | None, limit: int
    ) -> list[Entry[LeaseId]]:
        """Return the next of a task's leases, whatever their state, by when they were issued.

        None are left where it returns fewer than ``limit``.
        """
        key = self._keys.of(task).leases(task)
        return await read_on(self._link, key, LeaseId, after, limit)


def _approval_args(new: NewLease) -> list[str | int]:
    if new.use is None:
        return ["", "", "", ""]
    return [new.use.approval, new.use.digest, new.use.version, "\n".join(new.spec.agreed)]
