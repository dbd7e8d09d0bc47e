"""A whole broker in this process that other programs reach over TCP, with their tokens in files."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.settings.listening import Listen
from tests.fakes.cast import AGENT, ORCHESTRATOR
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import World, open_world
from tests.fakes.world_config import Template

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Reached:
    """The world, and what a program is told of it."""

    world: World
    folder: Path
    """Where a program's own modules may be put: it is first on its path."""
    url: str

    def environment(self, packages: Path, **more: str) -> dict[str, str]:
        """Return the variables of a program that uses the packages of a part."""
        path = (self.folder, ROOT, packages)
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "BROKER_URL": self.url,
            "ORCHESTRATOR_TOKEN_FILE": str(self.folder / "orchestrator-token"),
            "AGENT_TOKEN_FILE": str(self.folder / "agent-token"),
            **more,
        }


@asynccontextmanager
async def open_reached(
    single: SingleServer, template: Template, signer: Signer, folder: Path
) -> AsyncIterator[Reached]:
    """Start two brokers on one ledger: the test's own way in, and that of programs."""
    single.make_fresh()
    async with open_world(single, template, signer, folder) as world:
        await world.start(listen=Listen(port=0))
        for name, who in (("orchestrator", ORCHESTRATOR), ("agent", AGENT)):
            (folder / f"{name}-token").write_text(f"{world.token(who)}\n", encoding="ascii")
        port = world.running[1].server.addresses[0][1]
        yield Reached(world, folder, f"http://127.0.0.1:{port}")
