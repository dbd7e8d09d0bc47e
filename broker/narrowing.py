"""Where leases are that a change can concern: of many indexes most have no task at all.

Asked in one go, a thousand empty ones cost no more than walking one.
"""

from typing import Final

from broker.affected import Affected
from broker.lease_walk import EVER_MS
from broker.store.task_tree import EVERY_TASK, Index, TaskTree

MOST_WALKS: Final = 200
"""With more indexes than this that have tasks, walking all tasks once is cheaper."""

Walk = tuple[Index, int]
"""An index, and until when its tasks must have entered it (ms)."""

EVERYTHING: Final[Walk] = (EVERY_TASK, EVER_MS)


class Narrowing:
    """Looks them up."""

    def __init__(self, tree: TaskTree) -> None:
        self._tree = tree

    async def walks(self, bucket: int, affected: Affected) -> list[Walk]:
        """Return what to walk in a bucket; nothing when nobody is concerned there.

        Tasks that were opened before such indexes were kept are walked for what is found by name.

        Raises:
            StoreUnavailableError: the bucket does not answer.
        """
        if affected.is_all:
            return [EVERYTHING]
        if not affected.indexes:
            return []
        filled = await self._tree.filled(bucket, sorted(affected.indexes, key=str))
        if len(filled.indexes) > MOST_WALKS:
            return [EVERYTHING]
        older = [(EVERY_TASK, filled.older_ms)] if filled.older_ms and affected.is_by_name else []
        return [(index, EVER_MS) for index in filled.indexes] + older
