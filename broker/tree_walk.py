"""Walking the leases of a task and of everything below it, a page at a time.

The walker's place is a stack of (task, last lease seen, last child seen) from the top task down: it
can be written into a cursor and taken up by any broker. What is forgotten meanwhile hides nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from broker.cursor import foreign, number
from broker.errors import NotFoundError
from broker.ids import LeaseId, TaskId, parse_lease_id, parse_task_id
from broker.store.in_order import Entry
from broker.store.lease_ledger import LeaseLedger
from broker.store.paths import Paths
from broker.store.task_tree import Seen, TaskTree

SeenLease = Entry[LeaseId]
"""A lease, and when it was issued."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far one task of the walk has got: ``lease`` is the last that was seen.

    ``child`` is the last child that was seen, or that the walk is in.
    """

    task: TaskId
    lease: SeenLease | None = None
    has_leases: bool = True
    """Whether there may be more of its own."""
    child: Seen | None = None


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
            if here.has_leases:
                page = await self._leases.page(here.task, here.lease, limit - len(found))
                places = (*above, passed(here, page, limit - len(found)))
                found += [(lease.name, here.task) for lease in page]
            else:
                places = (*above, *await self._descend(here))
        return found, places

    async def tasks(self, places: Places, limit: int) -> tuple[list[TaskId], Places]:
        """Return the next tasks below, each after its parent, and the place after them.

        A page can be short before the end: only the place tells.
        """
        found: list[TaskId] = []
        for _ in range(max(_STEPS, 2 * limit)):
            if not places or len(found) >= limit:
                break
            *above, here = places
            below = await self._descend(replace(here, lease=None, has_leases=False))
            places = (*above, *(replace(each, has_leases=False) for each in below))
            found += [each.task for each in below[1:]]
        return found, places

    async def _descend(self, here: Place) -> Places:
        following = await self._tree.children(here.task, here.child, 1)
        if not following:
            return ()
        return (replace(here, child=following[0]), Place(following[0].name))

    async def parse(self, text: str, top: TaskId) -> Places:
        """Read a place from a cursor.

        Raises:
            InvalidRequestError: it is no place in the tree of ``top`` (so a cursor cannot be bent
                to look elsewhere).
        """
        parts = text.split("~")
        below = [part.partition(".")[0] for part in parts[1:]]
        places = tuple(map(_place, parts, (*below, "")))
        if places[0].task != top:
            raise foreign("report")
        while places:
            # Whoever was forgotten is left out, with what was below: a tree goes from below.
            tasks = tuple(place.task for place in places)
            try:
                path = await self._paths.of_task(tasks[-1])
            except NotFoundError:
                places = places[:-1]
                continue
            if path[-len(tasks) :] != tasks:
                raise foreign("report")
            break
        return places


def passed(here: Place, page: Sequence[SeenLease], limit: int) -> Place:
    """Return the place after a page of leases; a short one was the last."""
    if len(page) < limit:
        return replace(here, lease=None, has_leases=False)
    return replace(here, lease=page[-1])


def write(places: Places) -> str:
    """Write a place for a cursor: short, for a tree may be deep.

    The child that the walk is in is named by the next part.
    """
    below = [*(place.task for place in places[1:]), None]
    return "~".join(map(_written, places, below))


def write_seen(seen: Seen | None) -> str:
    """Write the last task that was seen of some, for the end of a part of a cursor."""
    return f".{seen.at_ms}.{seen.name}" if seen else ""


def parse_seen(parts: Sequence[str]) -> Seen | None:
    """Read what :func:`write_seen` wrote, and nothing after it.

    Raises:
        InvalidRequestError: it has written something else.
    """
    at, name, *more = (*parts, "", "")
    if any(more):
        raise foreign("report")
    if not at and not name:
        return None
    return Entry(number(at, "report"), parse_task_id(name, field="cursor"))


def _written(here: Place, below: TaskId | None) -> str:
    is_in_it = here.child is not None and here.child.name == below
    child = f".{here.child.at_ms}" if here.child and is_in_it else write_seen(here.child)
    return f"{here.task}.{_written_lease(here)}{child}"


def _written_lease(here: Place) -> str:
    if not here.has_leases:
        return "-1"
    return write_lease(here.lease) if here.lease else "0"


def write_lease(lease: SeenLease) -> str:
    """Write the last lease that was seen of a task."""
    return f"{lease.at_ms}:{lease.name}"


def parse_lease(text: str, of: str) -> SeenLease:
    """Read what :func:`write_lease` wrote.

    Raises:
        InvalidRequestError: it has written something else.
    """
    at, _, name = text.partition(":")
    return Entry(number(at, of), parse_lease_id(name, field="cursor"))


def _place(text: str, below: str) -> Place:
    task, lease, *child = (*text.split("."), "")
    if len(child) == 2:  # noqa: PLR2004 - an instant, and what was put behind it above
        child[1] = below
    seen = None if lease in ("-1", "0") else parse_lease(lease, "report")
    return Place(parse_task_id(task, field="cursor"), seen, lease != "-1", parse_seen(child))
