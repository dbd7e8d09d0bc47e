"""A real broker, everybody who calls it, and the TypeScript client built of its document."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.client.results import Task
from broker.dev.passports import Identity
from broker.model.principal import Kind
from tests.chaos.cast import TENANT, Cast
from tests.chaos.world import ORDERS, QUICK, Caller, open_world
from tests.fakes.eventually_true import eventually_true
from tests.fakes.guide import Guide
from tests.real.typescript_workshop import Running, Workshop, texts

MISUSE: Final = "misuse"
NONCES: Final = {**QUICK, "dpop": {"require_nonce": True}}
"""Whoever proves a key has to be asked for a nonce first."""
PAGES: Final = ("agents", "orchestrators", "resource-owners")
"""Each has one program, which compiles as it stands; those of the first two are run."""


@dataclass(frozen=True, slots=True)
class Stage:
    """All of it, with a file for each caller's workload token."""

    cast: Cast
    workshop: Workshop
    tokens: Path

    def token_file(self, name: str) -> str:
        """Name the file that a caller's token is in."""
        return str(self.tokens / name)

    @asynccontextmanager
    async def agent(self, task: str, **variables: str) -> AsyncIterator[Running]:
        """Run the agent's program on a task."""
        known = {"BROKER_URL": self.cast.url, "BROKER_TOKEN_FILE": self.token_file("agent")}
        given = known | {"TASK": task} | variables
        async with self.workshop.running("agent", **given) as program:
            yield program

    async def shown(self, task: str) -> Task:
        """Return a task as operators see it."""
        return await self.cast.operator.client.tasks.show(task)

    async def ended(self, task: str) -> Task:
        """Wait until a task is over."""

        async def is_over() -> bool:
            return not (await self.shown(task)).alive

        await eventually_true(is_over, f"the end of {task}")
        return await self.shown(task)

    async def accepts(self, token: str) -> bool:
        """Ask the resource server, which asks the broker."""
        (witness,) = self.cast.world.witnesses
        return await witness.accepts(token)


@asynccontextmanager
async def open_stage(folder: Path, parts: Path) -> AsyncIterator[Stage]:
    """Start a broker, and build the client of what it says of itself."""
    async with open_world(changes=NONCES) as world:
        slot = await world.slots[0].start()
        await world.start_witness(ORDERS, check="introspect")
        cast = Cast(world)
        workshop = Workshop(folder, parts)
        built = await workshop.build(f"{slot.url}/v1/openapi.json")
        assert built.code == 0, built.out + built.err
        programs = {name: text for name, text in texts().items() if name != MISUSE}
        for page in PAGES:
            (programs[f"{page}-page"],) = Guide(f"{page}.md").of("ts")
        made = await workshop.compile(**programs)
        assert made.code == 0, made.out
        stage = Stage(cast, workshop, folder)
        await _write_tokens(stage)
        yield stage


async def _write_tokens(stage: Stage) -> None:
    world = stage.cast.world
    callers: dict[str, Caller] = {
        "agent": world.caller(Identity(Kind.AGENT, "invoice-bot", TENANT, "pod-1")),
        "orchestrator": world.caller(Identity(Kind.ORCHESTRATOR, "ci-orchestrator", "", "ci-1")),
        "resource": world.caller(Identity(Kind.RESOURCE, ORDERS, "", "orders-1")),
    }
    for name, caller in callers.items():
        token = await caller.token()
        await asyncio.to_thread((stage.tokens / name).write_text, f"{token}\n", encoding="ascii")
