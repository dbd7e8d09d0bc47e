"""Orders of operators: an attested operator of the tenant, and the ledger, are all they need.

    keep the order ─ cut or end (dead from here on) ─ note where it stands ─ clean up

- No policy, no facts and no keys are asked.

- A repeat finds the first order and carries on with it, whatever died meanwhile.
- An operator reaches its own tenants only; what lies in others does not exist for it (I16).
- Acknowledged means: the cut stands in every bucket. One that cannot be reached is named, and the
  due queue goes on trying.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from broker.errors import IdempotencyConflictError, NotFoundError
from broker.faultpoints import FaultPoints
from broker.idempotency import Repeatable, repeatable
from broker.ids import IdFactory, RevocationId, TaskId, parse_lease_id, parse_task_id
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.model.requests import SESSIONS, Revocation, Selector, SelectorKind
from broker.model.selection import Progress
from broker.model.task import TaskState
from broker.ownership import is_operator_of, require_operator
from broker.places import Places
from broker.set_orders import SetOrders
from broker.store.cut_ledger import Cut, CutLedger, Standing
from broker.store.lease_ledger import LeaseLedger
from broker.store.revocation_ledger import COME_BACK_MS, Order, RevocationLedger
from broker.store.task_ledger import TaskLedger

_SINGLE: Final = (SelectorKind.CREDENTIAL, SelectorKind.TASK)
_CUTLESS: Final = (*_SINGLE, SelectorKind.SET)


class Revocations:
    """Carries out what operators order. ``wake`` is told the buckets that have work."""

    def __init__(  # noqa: PLR0913 - one argument per collaborator
        self,
        *,
        tasks: TaskLedger,
        leases: LeaseLedger,
        cuts: CutLedger,
        orders: RevocationLedger,
        places: Places,
        sets: SetOrders,
        ids: IdFactory,
        buckets: int,
        faults: FaultPoints,
        wake: Callable[[Sequence[int]], None],
    ) -> None:
        self._tasks = tasks
        self._leases = leases
        self._cuts = cuts
        self._orders = orders
        self._places = places
        self._sets = sets
        self._ids = ids
        self._buckets = buckets
        self._faults = faults
        self._wake = wake

    async def order(
        self, caller: Principal, selector: Selector, reason: str, idempotency_key: str
    ) -> Revocation:
        """Take away what the selector names; the same order under the same key is one order.

        Raises:
            AccessDeniedError: the caller is no operator.
            NotFoundError: what is named does not exist, or lies in another's tenant.
            SelectionChangedError: the set is no longer what its digest names.
        """
        require_operator(caller)
        same = repeatable(caller, "revocations", idempotency_key, (selector, reason))
        name = self._name(same)
        if selector.kind is SelectorKind.SET and await self._orders.is_kept(name):
            kept, _ = await self._orders.find(name)  # a repeat: what it named dies or is dead
            require_reach(caller, kept)
        else:
            kept = await self._kept(caller, name, selector, reason, same.digest)
        order = Order(name, selector, kept.tenants, reason, caller.ref, same.digest)
        if kept.digest != order.digest:
            raise IdempotencyConflictError(
                "the idempotency key was used for another order", field="Idempotency-Key"
            )
        self._faults.reach("revoke.kept")
        await self.carry_out(kept)
        self._faults.reach("revoke.noted")
        return await self._shown(kept.id)

    async def _kept(
        self, caller: Principal, name: RevocationId, selector: Selector, reason: str, digest: str
    ) -> Order:
        tenants = await self._reach(caller, selector)
        order = Order(name, selector, tenants, reason, caller.ref, digest)
        is_long = selector.kind is SelectorKind.SET and not await self._sets.is_short(selector)
        return await self._orders.put(order, 0 if is_long else COME_BACK_MS)

    async def carry_out(self, order: Order) -> None:
        """Do what an order says, as far as it is not done yet; a large set is due work."""
        if order.selector.kind is SelectorKind.SET:
            if await self._sets.is_short(order.selector):
                await self._sets.work(order)
            self._wake(range(self._buckets))
        elif order.selector.kind is SelectorKind.CREDENTIAL:
            lease = await self._leases.view(parse_lease_id(order.selector.value))
            await self._leases.end([(lease.spec.id, lease.spec.task)], "revoked")
            self._faults.reach("revoke.ended")
            await self._places.free(lease.spec, [lease.spec.id])
            self._wake([int(order.selector.value[2:4], 16)])
        elif order.selector.kind is SelectorKind.TASK:
            await self._close(parse_task_id(order.selector.value), order)
        else:
            for cut in cuts_of(order):
                standing = await self._cuts.lay(order.id, cut)
                self._faults.reach("revoke.laid")
                await self._orders.stands(order.id, cut.field, standing)
            self._wake(range(self._buckets))

    async def _close(self, task: TaskId, order: Order) -> None:
        found = await self._tasks.view(task)
        await self._tasks.close(
            found.spec.path,
            TaskState.CANCELLED,
            ended_by="revoked",
            closed_by=f"{order.ordered_by}: {order.reason}",
        )
        self._faults.reach("revoke.ended")
        self._wake([int(task[2:4], 16)])

    async def show(self, caller: Principal, revocation: RevocationId) -> Revocation:
        """Show an order to operators of all the tenants that it reaches.

        Raises:
            NotFoundError: to everybody else.
        """
        order, _ = await self._orders.find(revocation)
        require_reach(caller, order)
        return await self._shown(revocation)

    async def _shown(self, revocation: RevocationId) -> Revocation:
        return await self.told(*await self._orders.find(revocation))

    async def told(
        self, order: Order, standings: Mapping[str, Mapping[int, Standing]]
    ) -> Revocation:
        """Tell of an order, and how far it is carried out.

        Raises:
            NotFoundError: its set is no longer kept.
        """
        before = [s.issued_before_ms for cut in standings.values() for s in cut.values()]
        return Revocation(
            id=order.id,
            selector=order.selector,
            reason=order.reason,
            ordered_by=order.ordered_by,
            issued_before_ms=max(before, default=0),
            pending_buckets=pending(order, standings, self._buckets),
            progress=await self._progress(order),
            ordered_at_ms=order.ordered_at_ms,
        )

    async def _progress(self, order: Order) -> Progress | None:
        is_set = order.selector.kind is SelectorKind.SET
        return await self._sets.progress(order) if is_set else None

    async def _reach(self, caller: Principal, selector: Selector) -> tuple[str, ...]:
        """Return the tenants that the order reaches: all that is named, within the caller's."""
        if selector.kind is SelectorKind.SET:
            return (await self._sets.require_unchanged(caller, selector.value)).tenants
        if selector.kind in _SINGLE:
            return (await self._tenant_of(caller, selector),)
        wanted = selector.value if selector.kind is SelectorKind.TENANT else selector.tenant
        if wanted:
            if not is_operator_of(caller, wanted):
                raise NotFoundError("no such tenant")
            return (wanted,)
        return tuple(sorted(caller.tenants))

    async def _tenant_of(self, caller: Principal, selector: Selector) -> str:
        if selector.kind is SelectorKind.CREDENTIAL:
            tenant = (await self._leases.view(parse_lease_id(selector.value))).spec.tenant
        else:
            tenant = (await self._tasks.view(parse_task_id(selector.value))).spec.tenant
        if not is_operator_of(caller, tenant):
            raise NotFoundError("no such credential or task")
        return tenant

    def _name(self, same: Repeatable) -> RevocationId:
        if not same.key:
            return self._ids.revocation(self._ids.any_bucket())
        digest = hashlib.sha256(same.key.encode()).digest()
        word = base64.b32encode(digest[:16]).decode().lower().rstrip("=")
        return RevocationId(f"r_{digest[16] % self._buckets:02x}_{word}")


def is_single(order: Order) -> bool:
    """Tell whether the order names one credential or task: no cut is needed then."""
    return order.selector.kind in _SINGLE


def cuts_of(order: Order) -> list[Cut]:
    """Return the cuts that an order comes to: one for every tenant, or one that is not confined."""
    selector = order.selector
    if selector.kind in SESSIONS or ALL_TENANTS in order.tenants:
        return [Cut(selector.kind, selector.value)]
    if selector.kind in (SelectorKind.ALL, SelectorKind.TENANT):
        return [Cut(SelectorKind.TENANT, tenant) for tenant in order.tenants]
    return [Cut(selector.kind, selector.value, tenant) for tenant in order.tenants]


def pending(
    order: Order, standings: Mapping[str, Mapping[int, Standing]], buckets: int
) -> tuple[int, ...]:
    """Return the buckets in which a cut of the order does not stand yet."""
    if order.selector.kind in _CUTLESS:
        return ()
    missing = {
        bucket
        for cut in cuts_of(order)
        for bucket in range(buckets)
        if bucket not in standings.get(cut.field, {})
    }
    return tuple(sorted(missing))


def may_see(caller: Principal, order: Order) -> bool:
    """Tell whether the caller is an operator of everything that the order reaches."""
    return caller.kind is Kind.OPERATOR and all(
        caller.answers_for(tenant) for tenant in order.tenants
    )


def require_reach(caller: Principal, order: Order) -> None:
    """Let only operators of everything that the order reaches look at it.

    Raises:
        NotFoundError: for everybody else.
    """
    if not may_see(caller, order):
        raise NotFoundError("no such revocation")
