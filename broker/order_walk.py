"""Walking the leases that an operator's cuts have killed, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from broker.cursor import foreign, number
from broker.ids import LeaseId, TaskId
from broker.model.task import TaskSpec
from broker.populations import Populations, ends_ancestor, ends_lease, ends_task, reaches
from broker.revocation import cuts_of
from broker.store.cut_ledger import Cut, Standing
from broker.store.lease_ledger import LeaseLedger
from broker.store.revocation_ledger import Order
from broker.store.task_tree import Seen, TaskTree
from broker.tree_walk import (
    Place,
    Places,
    TreeWalk,
    parse_seen,
    passed,
    write,
    write_seen,
)

Found = list[tuple[LeaseId, TaskId]]
Standings = Mapping[str, Mapping[int, Standing]]

_LOOKS: Final = 50
"""Tasks looked at for one page: bounds its work when few of them are concerned."""


@dataclass(frozen=True, slots=True)
class Spot:
    """The walker's place: which cut, which bucket, after which task of its population.

    While ``inside`` is not empty, the walk is within that last task.
    """

    cut: int = 0
    bucket: int = 0
    after: Seen | None = None
    inside: Places = ()


class OrderWalk:
    """Walks the population of an order."""

    def __init__(
        self,
        *,
        populations: Populations,
        tree: TaskTree,
        leases: LeaseLedger,
        tree_walk: TreeWalk,
        buckets: int,
    ) -> None:
        self._populations = populations
        self._tree = tree
        self._leases = leases
        self._tree_walk = tree_walk
        self._buckets = buckets

    async def take(
        self, order: Order, standings: Standings, cursor: str, limit: int
    ) -> tuple[Found, str]:
        """Return the next leases with their tasks, and the cursor after them: empty at the end.

        A page can be short before the end; only the cursor tells.
        """
        cuts = cuts_of(order)
        spot: Spot | None = await self._parse(cursor, cuts) if cursor else Spot()
        found: Found = []
        for _ in range(_LOOKS):
            if spot is None or spot.cut >= len(cuts) or len(found) >= limit:
                break
            cut = cuts[spot.cut]
            standing = standings.get(cut.field, {}).get(spot.bucket)
            names, spot = await self._step(cut, standing, spot, limit - len(found))
            found += names
        at_end = spot is None or spot.cut >= len(cuts)
        return found, "" if at_end or spot is None else _write(spot)

    async def _step(
        self, cut: Cut, standing: Standing | None, spot: Spot, limit: int
    ) -> tuple[Found, Spot]:
        before = standing.issued_before_ms if standing else 0
        if spot.inside:
            names, inside = await self._within(cut, before, spot.inside, limit)
            return names, replace(spot, inside=inside)
        page = (
            await self._populations.page(spot.bucket, cut, before, spot.after, 1) if before else []
        )
        if not page:
            return [], self._next_bucket(spot)
        (task,) = page
        spec = await self._tree.spec(task.name)
        is_elsewhere = spec is None or ends_ancestor(cut, spec)
        return [], replace(spot, after=task, inside=() if is_elsewhere else (Place(task.name),))

    def _next_bucket(self, spot: Spot) -> Spot:
        if spot.bucket + 1 < self._buckets:
            return Spot(spot.cut, spot.bucket + 1)
        return Spot(spot.cut + 1)

    async def _within(
        self, cut: Cut, before_ms: int, places: Places, limit: int
    ) -> tuple[Found, Places]:
        """Return some leases of a task and all below it, or only those that the cut itself ends."""
        spec = await self._tree.spec(places[0].task)
        if spec is None:
            return [], ()
        if ends_task(cut, spec):
            return await self._tree_walk.take(places, limit)
        page = await self._leases.page(spec.id, places[0].lease, limit)
        names = [lease.name for lease in page]
        found = [(name, spec.id) for name in await self._covered(cut, before_ms, spec, names)]
        here = passed(Place(spec.id), page, limit)
        return found, (here,) if here.has_leases else ()

    async def _covered(
        self, cut: Cut, before_ms: int, spec: TaskSpec, names: Sequence[LeaseId]
    ) -> list[LeaseId]:
        views = [(name, await self._leases.find(name, spec.path)) for name in names]
        return [name for name, view in views if view and ends_lease(cut, view, before_ms)]

    async def _parse(self, cursor: str, cuts: Sequence[Cut]) -> Spot:
        head, _, inside = cursor.partition("/")
        parts = [*head.split("."), "", ""]
        cut, bucket = number(parts[0], "report"), number(parts[1], "report")
        if bucket >= self._buckets or cut >= len(cuts):
            raise foreign("report")
        after = parse_seen(parts[2:])
        if after is None and inside:
            raise foreign("report")
        return Spot(cut, bucket, after, await self._inside(inside, cuts[cut], after))

    async def _inside(self, text: str, cut: Cut, after: Seen | None) -> Places:
        if not text or after is None:
            return ()
        spec = await self._tree.spec(after.name)
        if spec is None:
            return ()  # forgotten since: the walk goes on after it
        # A bent cursor must not lead out of what the order reaches.
        if not reaches(cut, spec):
            raise foreign("report")
        return await self._tree_walk.parse(text, after.name)


def _write(spot: Spot) -> str:
    return f"{spot.cut}.{spot.bucket}{write_seen(spot.after)}/{write(spot.inside)}"
