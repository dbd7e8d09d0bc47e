"""Runs before a whole broker: an agent's, whose tasks its orchestrator opens."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.fakes.cast import AGENT, OPERATOR, ORCHESTRATOR
from tests.fakes.command import commanding
from tests.fakes.run_command import NEED, Running, start
from tests.fakes.world import World

NAMES_A_TASK: Final = frozenset({"--task-id", "--file"})

Start = Callable[..., Running]


@asynccontextmanager
async def runs(world: World, folder: Path) -> AsyncIterator[Start]:
    """Let the agent start runs of scripts; whatever still runs at the end is killed."""
    opener = folder / "opener-token"
    opener.write_text(world.token(ORCHESTRATOR))
    started: list[Running] = []
    mine = {"BROKER_AGENT": "invoice-bot", "BROKER_TENANT": "acme", "XDG_RUNTIME_DIR": ""}
    mine["BROKER_OPENER_TOKEN_FILE"] = str(opener)

    def begin(
        script: str,
        *options: str,
        needs: tuple[str, ...] = NEED,
        through: Sequence[str] = (),
    ) -> Running:
        opening = () if NAMES_A_TASK.intersection(options) else ("--task", "reconcile-invoices")
        line = [*opening, *needs, *options]
        place = folder / f"run-{len(started)}"
        running = start({**command.environment, **mine}, line, script, place, through=through)
        started.append(running)
        return running

    async with commanding(world, AGENT, folder) as command:
        try:
            yield begin
        finally:
            for each in started:
                each.process.kill()
                await asyncio.to_thread(each.process.communicate)


async def state_of(world: World, task: str) -> tuple[str, str]:
    """Return a task's state, and who has ended it."""
    shown = await world.get(OPERATOR, f"/v1/tasks/{task}")
    return shown["state"], shown["closed_by"]
