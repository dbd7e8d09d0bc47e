"""A whole installation with one capability more, at a target of a test's own."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from tests.fakes.cast import AGENT
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import PATIENCE_S, World
from tests.fakes.world_config import Template, WorldConfig


class TargetWorld(World):
    """A world with a target."""

    capability: Mapping[str, Any]

    async def task_for_target(self) -> str:
        """Open a task that may use it."""
        line = {name: self.wish[name] for name in ("capability", "scopes")}
        return str((await self.open(ceiling=[line]))["id"])

    @property
    def wish(self) -> dict[str, Any]:
        """Ask for all that there is."""
        return {"capability": self.capability["name"], "scopes": self.capability["scopes"]}

    async def until_receipt(self, task: str, credential: str, *states: str) -> dict[str, Any]:
        """Wait until a credential's receipt has come so far, and return it."""
        async with asyncio.timeout(PATIENCE_S * 3):
            while True:
                for receipt in await self.receipts(AGENT, f"/v1/tasks/{task}/report"):
                    if receipt["credential"] == credential and receipt["state"] in states:
                        return dict(receipt)
                await asyncio.sleep(0.1)


@asynccontextmanager
async def open_target_world(
    single: SingleServer,
    signer: Signer,
    folder: Path,
    target: Mapping[str, Any],
    capability: Mapping[str, Any],
    **settings: object,
) -> AsyncIterator[TargetWorld]:
    """Publish, start one broker that has the target, stop it at the end."""
    template = Template(folder / "template", signer)
    with tempfile.TemporaryDirectory(prefix="jit-", dir="/tmp") as sockets:
        config = WorldConfig(
            template, folder / "world", store=single.settings.url, sockets=Path(sockets)
        )
        world = TargetWorld(single, config, signer)
        world.capability = capability
        config.edit(
            "capabilities.yaml", lambda file: file["capabilities"].append(deepcopy(capability))
        )
        targets = config.folder / "targets.yaml"
        targets.write_text(yaml.safe_dump({"targets": [deepcopy(target)]}))
        try:
            await world.prepare()
            await world.publish(wait=False)
            await world.start(targets=targets, **settings)
            yield world
        finally:
            await world.stop()
