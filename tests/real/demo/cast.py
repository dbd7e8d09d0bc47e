"""Who acts in the demo, and what each task holds."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from broker.client.api_errors import ApiError
from broker.client.errors import BrokerUnreachableError
from broker.client.results import Ceiling, IssuedCredential, Receipt
from broker.clock import Clock
from broker.dev.step import Death
from tests.chaos.cast import Cast, unique
from tests.chaos.world import Slot, Witness
from tests.fakes.eventually_true import eventually_true
from tests.real.demo.declared import (
    DATABASE,
    ELSEWHERE,
    EXPORT,
    EXPORT_DATABASE,
    EXPORT_FILES,
    EXPORT_JWT,
    FILES,
    JWT,
    SCOPE,
)
from tests.real.demo.held import Held, HeldLogin, HeldSession, HeldToken
from tests.real.demo.servers import Servers

SCOPES: Final = {
    **dict.fromkeys((JWT, DATABASE, FILES), SCOPE),
    **dict.fromkeys((EXPORT_JWT, EXPORT_DATABASE, EXPORT_FILES, ELSEWHERE), EXPORT),
}
"""Which one each capability has."""

PATIENCE_S: Final = 60.0
"""How long a dead credential may still be taken before the demo gives up: beyond any promise."""


@dataclass
class Job:
    """A task, and what its agent holds, by capability."""

    name: str
    task: str
    held: dict[str, Held] = field(default_factory=dict)


class Scene:
    """One broker, the servers, the callers, and the jobs by their name."""

    def __init__(self, cast: Cast, servers: Servers, witness: Witness, clock: Clock) -> None:
        self.cast = cast
        self.servers = servers
        self.clock = clock
        self.jobs: dict[str, Job] = {}
        self.deaths: list[Death] = []
        self._witness = witness

    @property
    def slot(self) -> Slot:
        """The broker's place."""
        return self.cast.world.slots[0]

    async def open(self, name: str, *tickets: str) -> str:
        """Open a task that may have a credential of each kind, for some tickets."""
        ceiling = tuple(Ceiling(each, (scope,)) for each, scope in SCOPES.items())
        opened = await self.cast.open(name=name, ceiling=ceiling, tickets=tickets)
        self.jobs[name] = Job(name, opened.id)
        return opened.id

    async def ask(self, task: str, capability: str, key: str = "") -> IssuedCredential:
        """Ask for a credential, as the agent."""
        return await self.cast.agent.client.credentials.issue(
            task,
            capability,
            scopes=(SCOPES[capability],),
            ttl_seconds=300,
            idempotency_key=key or unique("ask"),
        )

    async def hold(self, name: str, capability: str) -> Held:
        """Get a credential for a task, and begin to use it."""
        job = self.jobs[name]
        held = job.held[capability] = await self._used(await self.ask(job.task, capability))
        return held

    async def _used(self, issued: IssuedCredential) -> Held:
        if issued.capability in (DATABASE, EXPORT_DATABASE):
            login = HeldLogin(issued, self.servers.postgres.port)
            await login.open()
            return login
        if issued.capability in (FILES, EXPORT_FILES):
            return HeldSession(issued, self.servers.stage)
        return HeldToken(issued, self._witness)

    async def complete(self, task: str) -> None:
        """Say that a task is done."""
        await self.cast.agent.client.tasks.complete(task)

    async def receipts(self, task: str) -> Mapping[str, Receipt]:
        """Read a task's report, by credential."""
        return await self.cast.receipts(task)

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait for something.

        Raises:
            TimeoutError: it does not come.
        """
        await eventually_true(holds, what, PATIENCE_S)

    async def die_at(self, point: str, doing: Callable[[], Awaitable[object]]) -> int:
        """Let the broker die by ``SIGKILL`` at a point of what it is asked for, and start another.

        Returns how it died (negative: the signal).
        """
        await self.slot.kill()
        await self.slot.start(armed=point)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await doing()
        except (ApiError, BrokerUnreachableError):
            pass  # whoever asked hears no more
        code = await self.slot.died()
        await self.slot.start()
        return code

    def close(self) -> None:
        """Leave what was opened."""
        for job in self.jobs.values():
            for held in job.held.values():
                if isinstance(held, HeldLogin):
                    held.close()
