"""An agent as a process of its own that knows a Workload API's socket and nothing else."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from tests.chaos.cast import Held
from tests.chaos.world import World

ROOT: Final = Path(__file__).parents[2]
AUDIENCE: Final = "jit-broker"


class Bot:
    """The agent's process, which is told what to do and says what came of it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def says(self, *order: str) -> dict[str, Any]:
        """Give an order; return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()
        answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer

    async def holds(self, *order: str) -> Held:
        """Give an order that brings a credential."""
        answer = await self.says(*order)
        assert "error" not in answer, answer
        return Held(**answer)

    async def svid(self) -> str:
        """Let it ask for a JWT-SVID, and show it."""
        answer = await self.says("svid")
        assert "error" not in answer, answer
        return str(answer["svid"])


@asynccontextmanager
async def running(broker: str, address: str, **environment: str) -> AsyncIterator[Bot]:
    """Run an agent of the broker at a URL, vouched for by the Workload API at an address."""
    known = {"AUDIENCE": AUDIENCE, "SPIFFE_ENDPOINT_SOCKET": address, "BROKER_URL": broker}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "tests.real.spiffe_agent"),
        cwd=ROOT,
        env={**os.environ, **known, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Bot(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def stanza(domain: str, bundle: Mapping[str, object]) -> dict[str, object]:
    """Declare a trust domain whose agents are those of ``acme``, and whose orchestrators ours."""
    return {
        "name": "workloads",
        "trust_domain": domain,
        "audience": AUDIENCE,
        "bundle": dict(bundle),
        "map": [
            {"path": "/agents/{name}/{instance}", "tenant": "acme"},
            {"path": "/orchestrators/{name}/{instance}", "kind": "orchestrator"},
        ],
    }


def trust(world: World, domain: str, **bundle: object) -> None:
    """Trust a domain, before the broker starts."""
    file = world.setup.config[0].parent / "issuers.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["trust_domains"].append(stanza(domain, bundle))
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
