"""Picking an exact set of live credentials, so that precisely this set can be taken away.

    pick (walk the ledger) ─ name it by its digest ─ keep it for a while ─ prove it unchanged

- The digest covers the criteria, the tenants that they were asked in, the ledger's epoch and every
  lease id: it names one set of one ledger.
- A set is proved by picking again. What has died meanwhile is no change, for it is as dead as it
  was to be; whatever has come to it, or lives and no longer belongs to it, is (``docs/adr``).
- An operator reaches its own tenants only; what lies in others looks absent (I16).
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol

from broker.cursor import number
from broker.errors import NotFoundError, SelectionChangedError
from broker.ids import LeaseId, TaskId, parse_task_id
from broker.model.capability import Capability
from broker.model.lease import Lease
from broker.model.principal import Kind, Principal
from broker.model.requests import LeasePage
from broker.model.selection import Criteria, LiveLease, Selection
from broker.ownership import is_operator_of, require_operator
from broker.selecting import Picked, Picking, Selecting
from broker.store import codec
from broker.store.control import ControlStore
from broker.store.lease_ledger import LeaseLedger
from broker.store.ledger_clock import LedgerClock
from broker.store.paths import Paths
from broker.store.selection_ledger import CHUNK, SelectionLedger
from broker.store.task_ledger import TaskLedger

KEPT_MS: Final = 15 * 60 * 1000
"""How long a set waits for somebody to take it away: long enough to read it and ask a colleague."""


class Registered(Protocol):
    """Who and what is registered: all that a data class needs."""

    @property
    def capabilities(self) -> Mapping[str, Capability]:
        """The capabilities of the published revision."""
        ...


class Selections:
    """Picks sets for operators, and proves them."""

    def __init__(
        self,
        *,
        selecting: Selecting,
        kept: SelectionLedger,
        tasks: TaskLedger,
        leases: LeaseLedger,
        paths: Paths,
        control: ControlStore,
        clock: LedgerClock,
        registered: Callable[[], Registered],
    ) -> None:
        self._selecting = selecting
        self._kept = kept
        self._tasks = tasks
        self._leases = leases
        self._paths = paths
        self._control = control
        self._clock = clock
        self._registered = registered

    async def take(self, caller: Principal, criteria: Criteria) -> Selection:
        """Pick what is alive now, name it, and keep it for :data:`KEPT_MS`.

        Raises:
            AccessDeniedError: the caller is no operator.
            NotFoundError: the tenant or task does not exist, or is another's.
            SelectionTooLargeError: narrow the criteria.
        """
        require_operator(caller)
        tenants = await self._reach(caller, criteria)
        now = max(*await self._clock.servers(), (await self._clock.furthest_bucket())[1])
        before = now - criteria.older_than_ms if criteria.older_than_ms else 0
        picked = await self._pick(criteria, tenants, before)
        epoch = await self._epoch()
        selection = Selection(
            digest=digest_of(criteria, tenants, before, epoch, picked.leases),
            criteria=criteria,
            tenants=tenants,
            issued_before_ms=before,
            epoch=epoch,
            taken_at_ms=now,
            taken_by=caller.ref,
            count=len(picked.leases),
            agents=Counter(lease.agent for lease in picked.leases.values()),
            capabilities=Counter(lease.capability for lease in picked.leases.values()),
            unreadable=picked.unreadable,
        )
        rows = [f"{name} {lease.task}" for name, lease in sorted(picked.leases.items())]
        await self._kept.keep(selection, rows, KEPT_MS)
        return selection

    async def show(self, caller: Principal, digest: str) -> Selection:
        """Show a set that is kept to operators of all that it was picked in.

        Raises:
            NotFoundError: to everybody else, and when it is no longer kept.
        """
        selection = await self._kept.find(digest)
        if caller.kind is not Kind.OPERATOR or not all(map(caller.answers_for, selection.tenants)):
            raise NotFoundError("no such set is kept")
        return selection

    async def page(self, caller: Principal, digest: str, cursor: str, limit: int) -> LeasePage:
        """Return a page of a set's credentials, as they are now.

        Raises:
            NotFoundError: as :meth:`show`.
        """
        selection = await self.show(caller, digest)
        start = number(cursor, "list") if cursor else 0
        rows = await self._kept.page(digest, start, limit)
        views = [await self._view(lease, task) for lease, task in rows]
        after = start + limit
        return LeasePage(
            tuple(view for view in views if view), str(after) if after < selection.count else ""
        )

    async def require_unchanged(self, caller: Principal, digest: str) -> Selection:
        """Return a set that is what it was when it was named, but for what has died.

        Raises:
            NotFoundError: as :meth:`show`.
            SelectionChangedError: something has come to it, or lives on outside it.
        """
        kept = await self.show(caller, digest)
        if kept.epoch != await self._epoch():
            raise SelectionChangedError(0, 0, other_ledger=True)
        picked = await self._pick(kept.criteria, kept.tenants, kept.issued_before_ms)
        names = await self._names(kept)
        grown = picked.leases.keys() - names.keys()
        missing = {name: names[name] for name in names.keys() - picked.leases.keys()}
        shrunk = sum([await self._is_alive(*row) for row in missing.items()])
        if grown or shrunk:
            raise SelectionChangedError(len(grown), shrunk)
        return kept

    async def _names(self, kept: Selection) -> dict[LeaseId, TaskId]:
        names: dict[LeaseId, TaskId] = {}
        for start in range(0, kept.count, CHUNK):
            names |= dict(await self._kept.page(kept.digest, start, CHUNK))
        if len(names) != kept.count:
            raise NotFoundError("the set is not kept whole")
        return names

    async def _is_alive(self, lease: LeaseId, task: TaskId) -> bool:
        view = await self._view(lease, task)
        return view is not None and view.is_alive

    async def _view(self, lease: LeaseId, task: TaskId) -> Lease | None:
        try:
            return await self._leases.find(lease, await self._paths.of_task(task))
        except NotFoundError:
            return None  # retention has outlived it

    async def _pick(self, criteria: Criteria, tenants: Collection[str], before: int) -> Picked:
        return await self._selecting.pick(
            Picking(criteria, tenants, before, self._of_class(criteria.data_class))
        )

    def _of_class(self, data_class: str) -> Collection[str] | None:
        """Name the capabilities of a data class.

        Raises:
            UnavailableError: nothing readable was ever published.
        """
        if not data_class:
            return None
        known = self._registered().capabilities.values()
        return frozenset(each.name for each in known if each.data_class == data_class)

    async def _reach(self, caller: Principal, criteria: Criteria) -> tuple[str, ...]:
        if criteria.tenant and not is_operator_of(caller, criteria.tenant):
            raise NotFoundError("no such tenant")
        if criteria.task:
            found = await self._tasks.view(parse_task_id(criteria.task))
            if not is_operator_of(caller, found.spec.tenant):
                raise NotFoundError("no such task")
        return (criteria.tenant,) if criteria.tenant else tuple(sorted(caller.tenants))

    async def _epoch(self) -> str:
        record = await self._control.read()
        return record.epoch if record else ""


def digest_of(
    criteria: Criteria,
    tenants: Collection[str],
    issued_before_ms: int,
    epoch: str,
    leases: Mapping[str, LiveLease],
) -> str:
    """Name a set: SHA-256, in hexadecimal, over what was asked, of which ledger, and every id."""
    asked = codec.encode((criteria, sorted(tenants), issued_before_ms, epoch))
    return hashlib.sha256("\n".join((asked, *sorted(leases))).encode()).hexdigest()
