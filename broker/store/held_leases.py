"""Many leases with what was asked for them: two scripts for a page of tasks, whatever they hold.

Only what has not ended is shown, under tasks that are open by their own word. Whether it is alive
at all (ancestors, cuts, expiry) is not judged here: asking again about a dead one does no harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from broker.errors import UnreadableRecordError
from broker.ids import LeaseId, TaskId
from broker.model.asked import Asked
from broker.model.held import HeldLease
from broker.model.lease import LeaseState
from broker.model.task import TaskSpec
from broker.store import codec, scripts
from broker.store.in_order import Entry
from broker.store.keyspace import Keyspace
from broker.store.link import Link, Reply

TASKS: Final = 100
"""Tasks of a page: together they have leases enough, even with one each."""

_TASKS_AT_ONCE: Final = 25
"""Tasks looked at by one script, with the names of up to 2,500 leases: a millisecond or two."""

LEASES: Final = 100
"""Leases shown by one script, about 2 kB each."""

_ASKED: Final = msgspec.json.Decoder(Asked)


@dataclass(frozen=True, slots=True)
class TaskLeases:
    """A task and its first leases that have not ended, by expiry; ``is_all``: it has no others.

    ``has_children``: something was handed on there, and has not ended by its own word.
    """

    spec: TaskSpec
    leases: tuple[Entry[LeaseId], ...]
    is_all: bool
    has_children: bool


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is none of ours: nobody can say whether it would be granted."""

    task: TaskId
    lease: LeaseId | None = None


class HeldLeases:
    """Reads them, bucket by bucket."""

    def __init__(self, link: Link, keys: Keyspace) -> None:
        self._link = link
        self._keys = keys

    async def of_tasks(self, tasks: Sequence[TaskId]) -> list[TaskLeases | Unreadable]:
        """Look at open tasks of one bucket.

        Raises:
            StoreUnavailableError: it does not answer.
        """
        found: list[TaskLeases | Unreadable] = []
        for start in range(0, len(tasks), _TASKS_AT_ONCE):
            found += await self._of_tasks(tasks[start : start + _TASKS_AT_ONCE])
        return found

    async def _of_tasks(self, tasks: Sequence[TaskId]) -> list[TaskLeases | Unreadable]:
        bucket = self._keys.of(tasks[0])
        keys = [
            key
            for task in tasks
            for key in (bucket.task(task), bucket.live(task), bucket.open_children(task))
        ]
        rows = await self._link.run(scripts.TASK_LEASES, keys, [LEASES + 1])
        found = [_task(task, row) for task, row in zip(tasks, rows, strict=True)]
        return [each for each in found if each is not None]

    async def of_leases(
        self, leases: Sequence[tuple[LeaseId, TaskId]]
    ) -> list[HeldLease | Unreadable]:
        """Return those leases of one bucket that have not ended.

        Raises:
            StoreUnavailableError: it does not answer.
        """
        found: list[HeldLease | Unreadable | None] = []
        for start in range(0, len(leases), LEASES):
            page = leases[start : start + LEASES]
            bucket = self._keys.of(page[0][0])
            keys = [bucket.lease(lease) for lease, _ in page]
            rows = await self._link.run(scripts.LEASE_ASKED, keys)
            found += [_lease(*pair, row) for pair, row in zip(page, rows, strict=True)]
        return [each for each in found if each is not None]


def _task(task: TaskId, row: Reply) -> TaskLeases | Unreadable | None:
    state, text, flat, children = row
    if state != "open":
        return None
    try:
        with codec.reading("a task in the ledger"):
            pairs = zip(flat[1::2], flat[::2], strict=True)
            leases = tuple(Entry(int(float(at)), LeaseId(name)) for at, name in pairs)
            is_all = len(leases) <= LEASES
            return TaskLeases(codec.task_spec(text), leases[:LEASES], is_all, int(children) > 0)
    except UnreadableRecordError:
        return Unreadable(task)


def _lease(lease: LeaseId, task: TaskId, row: Reply) -> HeldLease | Unreadable | None:
    state, spec, asked, issued, renewed, expires, generation, *_ = row
    if not state or state == LeaseState.ENDED:
        return None
    try:
        with codec.reading("a lease in the ledger"):
            known = codec.lease_spec(spec)
            if (known.id, known.task) != (lease, task):
                return Unreadable(task, lease)  # of another one
            return HeldLease(
                spec=known,
                asked=_asked(asked) if asked else None,
                generation=int(generation),
                given_ms=int(expires) - int(renewed or issued),
                expires_at_ms=int(expires),
            )
    except UnreadableRecordError:
        return Unreadable(task, lease)


@lru_cache(maxsize=4096)
def _asked(text: str) -> Asked:
    """Read what was asked: the same agent asks for the same again and again."""
    return _ASKED.decode(text)
