"""Asking whatever decides, wherever it runs.

An :class:`~broker.policy.engine.Engine` decides in this process, at once. A decider is what the
verbs ask: it may have to wait for a server, and it says no when it waits in vain. Cedar stays the
pure core behind :class:`LocalDecider`: its answer is there without a thread and without a pause.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from broker.model.decision import Decision
from broker.policy.engine import Engine
from broker.policy.explanation import Explanation
from broker.policy.query import Query

AT_ONCE: Final = 50
"""Answers given in one go, about 5 ms of Cedar's, before others have their turn."""


class Decider(Protocol):
    """Answers queries. Whatever goes wrong, a deadline that passes included, is a Deny."""

    @property
    def version(self) -> str:
        """What decides, as it stands in the trace of a refusal that needs no decision."""
        ...

    async def decide(self, query: Query) -> Decision:
        """Answer one query, within a stated time. Never raises, but for a cancellation."""
        ...

    async def decide_many(self, queries: Sequence[Query]) -> Sequence[Decision]:
        """Answer each query, in their order; load and memory are bounded, whatever their number."""
        ...

    async def explain(self, query: Query) -> Explanation:
        """Say why a query is answered as it is, in bounded size."""
        ...


class LocalDecider:
    """Decides by an engine in this process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def version(self) -> str:
        """The digest of policies and schema."""
        return self._engine.version

    async def decide(self, query: Query) -> Decision:
        """Answer one query, without a pause."""
        return self._engine.decide(query)

    async def decide_many(self, queries: Sequence[Query]) -> Sequence[Decision]:
        """Answer each query; others have their turn in between."""
        decisions: list[Decision] = []
        for start in range(0, len(queries), AT_ONCE):
            decisions += map(self._engine.decide, queries[start : start + AT_ONCE])
            await asyncio.sleep(0)
        return decisions

    async def explain(self, query: Query) -> Explanation:
        """Say why a query is answered as it is."""
        return self._engine.explain(query)


Deciding = Callable[[Engine], Decider]
"""Which decider stands before a revision's engine; chosen once, by the settings."""
