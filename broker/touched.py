"""Whether anything alive can be concerned by a change at all: asked by many, looked up once.

A thousand edits a second touch what no task names, mostly. Who asks while others are answered is
asked for with all who came meanwhile: one script for each bucket, however many they are.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from broker.affected import Affected
from broker.errors import BrokerError
from broker.store.task_tree import Index, TaskTree


@dataclass(frozen=True, slots=True, eq=False)
class _Asking:
    affected: Affected
    answer: asyncio.Future[bool] = field(default_factory=asyncio.Future)


class Touched:
    """Answers for one ledger."""

    def __init__(self, tree: TaskTree, buckets: int) -> None:
        self._tree = tree
        self._buckets = buckets
        self._waiting: list[_Asking] = []
        self._at_work: asyncio.Task[None] | None = None

    async def any(self, affected: Affected) -> bool:
        """Tell whether any task is in what is affected.

        Raises:
            StoreUnavailableError: a bucket does not answer.
        """
        if affected.is_all or not affected.indexes:
            return affected.is_all
        asking = _Asking(affected)
        self._waiting.append(asking)
        if self._at_work is None:
            self._at_work = asyncio.create_task(self._work())
        return await asking.answer

    async def _work(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, []
                await self._tell(asked)
        finally:
            self._at_work = None

    async def _tell(self, asked: Sequence[_Asking]) -> None:
        wanted = sorted({each for asking in asked for each in asking.affected.indexes}, key=str)
        try:
            filled, has_older = await self._filled(wanted)
        except BrokerError as error:
            for asking in asked:
                if not asking.answer.done():
                    asking.answer.set_exception(error)
            return
        for asking in asked:
            affected = asking.affected
            is_there = not filled.isdisjoint(affected.indexes)
            if not asking.answer.done():
                asking.answer.set_result(is_there or (has_older and affected.is_by_name))

    async def _filled(self, wanted: Sequence[Index]) -> tuple[frozenset[Index], bool]:
        """Return which of them have tasks, and whether there are older ones than these name."""
        looks = (self._tree.filled(bucket, wanted) for bucket in range(self._buckets))
        found = await asyncio.gather(*looks)
        indexes = frozenset(index for each in found for index in each.indexes)
        return indexes, any(each.older_ms for each in found)
