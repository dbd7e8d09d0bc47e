"""The credentials of the tools of one task: one for each, had when it is first called.

Two tools never share one, whatever they need: each is narrow, shown apart in the broker's reports,
and can be taken away alone. All of them die with the task, those of one call with the call.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from broker.client.held import HeldCredential
from broker.client.task_scope import TaskScope
from broker.tools.need import Need


class Toolbox:
    """Has credentials for tools within an open task."""

    def __init__(self, task: TaskScope, needs: Mapping[str, Need]) -> None:
        self._task = task
        self._needs = MappingProxyType(dict(needs))
        self._held: dict[str, HeldCredential] = {}
        self._locks = {name: asyncio.Lock() for name in self._needs}

    def needs(self, tool: str) -> bool:
        """Tell whether a tool has declared a need."""
        return tool in self._needs

    @asynccontextmanager
    async def lent(self, tool: str) -> AsyncIterator[HeldCredential]:
        """Have the credential of a tool for the length of one call, as its need says.

        Raises what :meth:`credential` raises.
        """
        need = self._needs[tool]
        if not need.each_call:
            yield await self.credential(tool)
            return
        self._task.ensure_open()
        async with self._task.lent(
            need.capability,
            scopes=need.scopes,
            ttl_seconds=need.ttl_seconds,
            tool=need.claim(tool),
        ) as held:
            yield held

    async def credential(self, tool: str) -> HeldCredential:
        """Return the credential of a tool; however many call it at once, one is asked for.

        One that could not be had is asked for again by the next call. What was ended on purpose
        stays the tool's, and dead: it says so when it is used.

        Raises:
            KeyError: the tool has declared no need.
            TaskLostError: the task was ended.
            ApiError: the broker refuses.
            BrokerUnreachableError: it does not answer.
        """
        need = self._needs[tool]
        async with self._locks[tool]:
            self._task.ensure_open()
            if tool not in self._held:
                self._held[tool] = await self._task.credential(
                    need.capability,
                    scopes=need.scopes,
                    ttl_seconds=need.ttl_seconds,
                    tool=need.claim(tool),
                )
            return self._held[tool]
