"""A real SPIRE agent: it attests the workloads of this machine, and is their Workload API."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

from broker.dev.processes import Child, Processes
from tests.fakes.eventually_true import eventually_true
from tests.real.foreign import START_S
from tests.real.spire import QUICK, SpireServer, is_healthy, plugin, run


class SpireAgent:
    """The agent on the workloads' machine, which is this one."""

    def __init__(self, processes: Processes, programs: Path, server: SpireServer) -> None:
        self._processes = processes
        self._program = programs / "spire-agent"
        self._server = server
        self._child: Child
        self.folder = processes.directory / "spire-agent"
        self.folder.mkdir(mode=0o700)
        self.id: str
        self.address = f"unix://{self._socket}"

    async def start(self) -> None:
        """Join by a token of the server's, and wait until workloads can ask."""
        token = await self._server.join_token()
        self.id = self._server.id(f"/spire/agent/join_token/{token}")
        (self.folder / "bundle.pem").write_text(await self._server.bundle("pem"))
        config = self.folder / "agent.json"
        config.write_text(json.dumps(self._config(token)))
        argv = [str(self._program), "run", "-config", str(config)]
        self._child = await self._processes.start("spire-agent", argv)
        probe = partial(is_healthy, self._program, self._socket)
        await self._processes.when_ready(self._child, probe, START_S)

    async def die(self) -> None:
        """End as by power loss."""
        self._child.process.kill()
        await self._child.process.wait()

    async def has_svid(self) -> None:
        """Wait until it has heard of the workload of this user."""

        async def knows() -> bool:
            try:
                await self.x509_svid(self.folder / "first")
            except AssertionError:
                return False
            return True

        await eventually_true(knows, "an SVID from the agent")

    async def x509_svid(self, folder: Path) -> tuple[Path, Path]:
        """Ask for an SVID as a workload; return the files of the chain and the key."""
        await asyncio.to_thread(folder.mkdir, mode=0o700, exist_ok=True)
        where = ("-socketPath", self._socket, "-timeout", f"{START_S:.0f}s")
        await run(self._program, "api", "fetch", "x509", *where, "-write", str(folder))
        return folder / "svid.0.pem", folder / "svid.0.key"

    @property
    def _socket(self) -> str:
        return str(self.folder / "api.sock")

    def _config(self, token: str) -> dict[str, Any]:
        return {
            "agent": {
                "data_dir": str(self.folder),
                "server_address": "127.0.0.1",
                "server_port": str(self._server.port),
                "socket_path": self._socket,
                "trust_bundle_path": str(self.folder / "bundle.pem"),
                "trust_domain": self._server.domain,
                "join_token": token,
                "experimental": {"sync_interval": QUICK},
            },
            "plugins": {
                "NodeAttestor": plugin("join_token"),
                "KeyManager": plugin("disk", directory=str(self.folder)),
                "WorkloadAttestor": plugin("unix"),
            },
        }
