"""A whole installation whose agents can be given credentials at toy targets."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from broker import kinds
from tests.fakes.cast import AGENT
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.toy_kind import install
from tests.fakes.toy_target import ToyTarget
from tests.fakes.world import PATIENCE_S, World
from tests.fakes.world_config import Template, WorldConfig

SCOPES: Final = ["orders:read"]
QUICK: Final = {"deadline_ms": 2_000, "threads": 2, "queue": 2, "failures": 100}


def toys(name: str) -> dict[str, Any]:
    """Ask for a toy of a target, which its capability is named after."""
    return {"capability": name, "scopes": SCOPES}


class ToyWorld(World):
    """A world with toy targets."""

    async def toy_task(self, *names: str) -> str:
        """Open a task that may have toys of these targets, and the orders."""
        ceiling = [toys(name) for name in names]
        ceiling.append({"capability": "orders-api", "scopes": SCOPES})
        return str((await self.open(ceiling=ceiling))["id"])

    async def receipt(self, task: str, credential: str) -> dict[str, Any]:
        """Return the receipt of a credential, empty while there is none."""
        found = await self.receipts(AGENT, f"/v1/tasks/{task}/report")
        return next((dict(r) for r in found if r["credential"] == credential), {})

    async def until(self, task: str, credential: str, state: str) -> dict[str, Any]:
        """Wait until a credential's receipt says so."""
        async with asyncio.timeout(PATIENCE_S * 3):
            while (  # noqa: ASYNC110 - asked over HTTP
                receipt := await self.receipt(task, credential)
            ).get("state") != state:
                await asyncio.sleep(0.05)
        return receipt


@asynccontextmanager
async def open_toy_world(
    single: SingleServer,
    template: Template,
    signer: Signer,
    folder: Path,
    targets: Sequence[ToyTarget],
    *,
    kind: str = "toy",
    capability: dict[str, Any] | None = None,
    **options: object,
) -> AsyncIterator[ToyWorld]:
    """Start one broker with these targets, ``yard-1`` and so on; ``options`` are each target's."""
    path = str(install(folder / "kinds"))
    with (
        tempfile.TemporaryDirectory(prefix="jit-", dir="/tmp") as sockets,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "path", [path, *sys.path])
        kinds.find.cache_clear()
        config = WorldConfig(template, folder, store=single.settings.url, sockets=Path(sockets))
        world = ToyWorld(single, config, signer)
        ports = {f"yard-{n}": target.port for n, target in enumerate(targets, 1)}
        config.edit(
            "capabilities.yaml", lambda file: _add(file, kind, list(ports), capability or {})
        )
        declared = [
            {"name": name, "kind": kind, "options": {"port": port, **options}, **QUICK}
            for name, port in ports.items()
        ]
        file = config.folder / "targets.yaml"
        file.write_text(yaml.safe_dump({"targets": deepcopy(declared)}))
        try:
            await world.prepare()
            await world.publish(wait=False)
            await world.start(targets=file)
            yield world
        finally:
            await world.stop()
            kinds.find.cache_clear()


def _add(file: Any, kind: str, names: list[str], more: dict[str, Any]) -> None:
    for name in names:
        file["capabilities"].append(
            {
                "name": name,
                "backend": kind,
                "target": name,
                "audience": f"toy:{name}",
                "scopes": list(SCOPES),
                "tenants": ["acme"],
                "max_ttl_seconds": 600,
                "default_ttl_seconds": 300,
                **deepcopy(more),
            }
        )
