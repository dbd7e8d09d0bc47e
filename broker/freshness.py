"""Facts that are no older than a bucket asks for: by older ones nothing is decided again."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from broker.errors import UnavailableError
from broker.facts_copy import Step
from broker.governance.published import Published
from broker.store.redo_ledger import Marks

_TRIES: Final = 20
_PAUSE_S: Final = 0.1
"""A floor is raised before its facts are published: they are looked for during two seconds."""


class Replica(Protocol):
    """What this broker runs at the moment."""

    @property
    def published(self) -> Published:
        """What is in force here; it raises UnavailableError where nothing is."""
        ...

    async def refresh(self) -> None:
        """Load what is published now, if it is newer."""
        ...

    def steps(self, first: int, last: int) -> Sequence[Step] | None:
        """Return every revision of the facts after one up to another, as far as all are known."""
        ...


class Freshness:
    """Looks for them."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica

    def published(self) -> Published:
        """Return what is in force here.

        Raises:
            UnavailableError: nothing is.
        """
        return self._replica.published

    async def reaches(self, floors: Marks) -> bool:
        """Tell whether this broker has such facts, having looked for them for a moment."""
        for attempt in range(_TRIES):
            if self._has(floors):
                return True
            if attempt:
                await asyncio.sleep(_PAUSE_S)
            await self._replica.refresh()
        return self._has(floors)

    def _has(self, floors: Marks) -> bool:
        try:
            published = self._replica.published
        except UnavailableError:
            return False
        return Marks(published.revision, published.graph).covers(floors)
