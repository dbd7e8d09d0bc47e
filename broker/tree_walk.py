"""Walking the leases of a task and of everything below it, a page at a time.

The walker's place is a stack of (task, leases seen, children seen) from the top task down: it can
be written into a cursor and taken up by any broker.
"""

from dataclasses import dataclass, replace
from typing import Final

from broker.cursor import foreign, number
from broker.errors import NotFoundError
from broker.ids import LeaseId, TaskId, parse_task_id
from broker.store.lease_ledger import LeaseLedger
from broker.store.paths import Paths
from broker.store.task_tree import TaskTree


@dataclass(frozen=True, slots=True)
class Place:
    """How far one task of the walk has got. ``leases`` is -1 once they are all seen."""

    task: TaskId
    leases: int = 0
    children: int = 0


Places = tuple[Place, ...]

_STEPS: Final = 100
"""Looks at the ledger for one page: bounds its work in a tree of many tasks with few leases."""


class TreeWalk:
    """Walks one tree, depth first."""

    def __init__(self, leases: LeaseLedger, tree: TaskTree, paths: Paths) -> None:
        self._leases = leases
        self._tree = tree
        self._paths = paths

    async def take(self, places: Places, limit: int) -> tuple[list[tuple[LeaseId, TaskId]], Places]:
        """Return the next leases with their tasks, and the place after them: empty at the end.

        A page can be short before the end: only the place tells.
        """
        found: list[tuple[LeaseId, TaskId]] = []
        for _ in range(_STEPS):
            if not places or len(found) >= limit:
                break
            *above, here = places
            if here.leases >= 0:
                names, after = await self._leases.page(here.task, here.leases, limit - len(found))
                found += [(name, here.task) for name in names]
                places = (*above, replace(here, leases=after or -1))
            else:
                places = (*above, *await self._descend(here))
        return found, places

    async def _descend(self, here: Place) -> Places:
        child = await self._tree.children(here.task, here.children, 1)
        if not child:
            return ()
        return (replace(here, children=here.children + 1), Place(child[0]))

    async def parse(self, text: str, top: TaskId) -> Places:
        """Read a place from a cursor.

        Raises:
            InvalidRequestError: it is no place in the tree of ``top`` (so a cursor cannot be bent
                to look elsewhere).
        """
        places = tuple(_place(part) for part in text.split("~"))
        tasks = tuple(place.task for place in places)
        try:
            path = await self._paths.of_task(tasks[-1])
        except NotFoundError as error:
            raise foreign("report") from error
        if tasks[0] != top or path[-len(tasks) :] != tasks:
            raise foreign("report")
        return places


def write(places: Places) -> str:
    """Write a place for a cursor."""
    return "~".join(f"{place.task}.{place.leases}.{place.children}" for place in places)


def _place(text: str) -> Place:
    task, _, rest = text.partition(".")
    leases, _, children = rest.partition(".")
    seen = -1 if leases == "-1" else number(leases, "report")
    return Place(parse_task_id(task, field="cursor"), seen, number(children, "report"))
