"""``z``: follow up a freeze: end, record by record, what it has killed by one write.

- One piece is one task: its leases that were issued until the cut, then its children as pieces of
  their own. So a tree of any size is many small pieces, and whoever dies loses none.
- What was given since a thaw is left alone; so is what was not there at the freeze.
"""

from collections.abc import Sequence

from broker.errors import UnreadableRecordError
from broker.faultpoints import FaultPoints
from broker.ids import LeaseId, parse_task_id
from broker.model.task import TaskSpec
from broker.places import Places
from broker.store.due_queue import Work
from broker.store.freeze_ledger import FreezeLedger
from broker.store.lease_ledger import END_BATCH, LeaseLedger
from broker.store.ledger import Ledger
from broker.store.task_tree import TaskTree


class FollowFreeze:
    """Ends what a freeze has killed, frees its places, and has it killed at its targets."""

    def __init__(
        self,
        *,
        freezes: FreezeLedger,
        leases: LeaseLedger,
        tree: TaskTree,
        places: Places,
        faults: FaultPoints,
    ) -> None:
        self._freezes = freezes
        self._leases = leases
        self._tree = tree
        self._places = places
        self._faults = faults

    @classmethod
    def over(cls, ledger: Ledger, faults: FaultPoints) -> "FollowFreeze":
        """Build it."""
        return cls(
            freezes=ledger.freezes,
            leases=ledger.leases,
            tree=ledger.tree,
            places=Places(ledger.quotas),
            faults=faults,
        )

    async def work(self, work: Work) -> int | None:
        """Follow it up in one task."""
        task = parse_task_id(work.subject)
        spec = await self._tree.spec(task)
        if spec is None:
            return None
        await self._freezes.tell(spec.path)
        unreadable = await self._end_leases(spec, await self._freezes.cut_of(spec.path))
        await self._freezes.follow(await self._tree.open_children(task), work.claimed_ms)
        self._faults.reach("reap.freeze-followed")
        if unreadable:
            raise UnreadableRecordError(f"{unreadable} leases cannot be read")
        return None

    async def _end_leases(self, spec: TaskSpec, cut_ms: int) -> int:
        """End those from until the cut; return how many cannot be read."""
        unreadable, after = 0, None
        while page := await self._leases.live_after(spec.id, after, END_BATCH):
            names, after = [entry.name for entry in page], page[-1]
            issued = [await self._issued_at(spec, name) for name in names]
            killed = [
                name
                for name, at in zip(names, issued, strict=True)
                if at is not None and at <= cut_ms
            ]
            await self._end(spec, killed)
            unreadable += issued.count(None)
        return unreadable

    async def _end(self, spec: TaskSpec, names: Sequence[LeaseId]) -> None:
        if names:
            await self._places.free(spec, names)
            self._faults.reach("reap.freed")
            await self._leases.end([(name, spec.id) for name in names], "frozen")
            self._faults.reach("reap.batch-ended")

    async def _issued_at(self, spec: TaskSpec, name: LeaseId) -> int | None:
        """Return when a lease was issued; None when its record cannot be read."""
        try:
            view = await self._leases.find(name, spec.path)
        except UnreadableRecordError:
            return None
        return view.issued_at_ms if view is not None else 0
