"""How far each bucket's leases have been decided again, and who is at it.

A bucket has marks beside its floors: by which facts everything in it was looked at last. They move
only when all of it was; a floor that is raised meanwhile is found in the same script.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from broker.ids import LeaseId, TaskId
from broker.store import codec, scripts
from broker.store.floors import REDECIDE
from broker.store.keyspace import Keyspace
from broker.store.link import Link

HIDE_MS: Final = 1_000
"""How long a dead broker's work waits. Whoever is at it says so more often."""


class Marks(NamedTuple):
    """Revisions of both planes: of the bundle, and of the log of facts."""

    facts: int
    graph: int

    def covers(self, floors: "Marks") -> bool:
        """Tell whether a decision by these reads nothing older than the floors."""
        return self.facts >= floors.facts and self.graph >= floors.graph


class ToRedo(NamedTuple):
    """What a bucket asks for, and by what it was looked at last."""

    floors: Marks
    redone: Marks
    raised_ms: int = 0
    """When a floor was raised last; 0: nobody knows."""


class Doubt(NamedTuple):
    """A lease of which time alone may change the answer at an instant (ms); 0: never."""

    lease: LeaseId
    task: TaskId
    at_ms: int


class RedoLedger:
    """The marks of all buckets."""

    def __init__(self, link: Link, keys: Keyspace) -> None:
        self._link = link
        self._keys = keys

    async def view(self, bucket: int) -> ToRedo:
        """Return the floors and marks of a bucket.

        Raises:
            StoreUnavailableError: it does not answer.
            UnreadableRecordError: one of them is no number.
        """
        meta = self._keys.buckets[bucket].meta
        names = ("facts", "graph", "redone_facts", "redone_graph", "raised")
        found = await self._link.read("HMGET", meta, *names)
        with codec.reading("the floors of a bucket"):
            facts, graph, redone_facts, redone_graph, raised = (int(each or 0) for each in found)
        return ToRedo(Marks(facts, graph), Marks(redone_facts, redone_graph), raised)

    async def hold(self, bucket: int) -> None:
        """Say that somebody is at a bucket, so that nobody else begins with it."""
        where = self._keys.buckets[bucket]
        await self._link.run(scripts.REDO_HOLD, [where.meta, where.due], [HIDE_MS, REDECIDE])

    async def leave(self, bucket: int) -> None:
        """Say that nobody is at a bucket: whoever looks next may begin with it.

        Raises:
            StoreUnavailableError: it does not answer.
        """
        where = self._keys.buckets[bucket]
        await self._link.run(scripts.REDO_HOLD, [where.meta, where.due], [0, REDECIDE])

    async def done(self, bucket: int, floors: Marks) -> tuple[bool, int]:
        """Note that all of a bucket was looked at by facts no older than these floors.

        Returns whether nothing is left to do, and how long (ms) ago it was asked for. If there is
        more, it stays this broker's.
        """
        where = self._keys.buckets[bucket]
        args: list[str | int] = [floors.facts, floors.graph, HIDE_MS, REDECIDE]
        status, lag_ms = await self._link.run(scripts.REDO_DONE, where.head, args)
        return status == "done", int(lag_ms)

    async def doubt(self, bucket: int, doubts: Sequence[Doubt]) -> None:
        """Look at single leases again when time may have changed the answer."""
        if not doubts:
            return
        args: list[str | int] = []
        for lease, task, at_ms in doubts:
            args += [f"c:{lease}:{task}", at_ms or ""]
        await self._link.run(scripts.REDO_DOUBT, [self._keys.buckets[bucket].due], args)

    async def waiting_since(self) -> list[int]:
        """Return since when (ms) each bucket waits to be looked at again; 0: it does not.

        Raises:
            StoreUnavailableError: a bucket does not answer.
            UnreadableRecordError: one of them is no number.
        """
        found = await asyncio.gather(
            *(self._link.read("HGET", each.meta, "redo_since") for each in self._keys.buckets)
        )
        with codec.reading("since when a bucket waits"):
            return [int(since or 0) for since in found]
