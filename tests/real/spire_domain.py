"""A trust domain of a real SPIRE: server, agent, and the ways in which we learn its bundle."""

from pathlib import Path
from typing import Any, Final

from broker.dev.processes import Processes
from tests.real.spire import SpireServer
from tests.real.spire_agent import SpireAgent

DOMAIN: Final = "workloads.example"
PATH: Final = "/agents/invoice-bot/pod-1"
"""Of the agent and instance whose tasks are opened where nothing else is said."""

SOON: Final = {"refresh_seconds": 2, "cooldown_seconds": 1, "timeout_seconds": 30}
"""Looks often, and waits for a loaded machine."""


class Spire:
    """A trust domain that has one workload: processes of this user."""

    def __init__(self, processes: Processes, programs: Path) -> None:
        self._processes = processes
        self._programs = programs
        self.server = SpireServer(processes, programs, DOMAIN)
        self.agent = SpireAgent(processes, programs, self.server)
        self.entry: str

    async def start(self, **profile: object) -> None:
        """Start server and agent, register the workload, and wait until it has an SVID."""
        await self.server.start(profile)
        await self.agent.start()
        self.entry = await self.server.register(PATH, self.agent.id)
        await self.agent.has_svid()

    async def others(self) -> list[SpireServer]:
        """Start a server of a domain that nobody declared, and one that only has our name."""
        found = [
            SpireServer(self._processes, self._programs, domain, name)
            for domain, name in (("other.example", "stranger"), (DOMAIN, "impostor"))
        ]
        for server in found:
            await server.start()
        return found

    async def by_file(self, folder: Path) -> dict[str, Any]:
        """Declare the bundle as an operator writes it down."""
        file = folder / "bundle.json"
        file.write_text(await self.server.bundle(), encoding="utf-8")
        return {"file": str(file)}

    async def by_endpoint(self, folder: Path) -> dict[str, Any]:
        """Declare the endpoint that shows an SVID, which the bundle itself vouches for."""
        return {
            **await self.by_file(folder),
            **SOON,
            "url": self.server.bundle_url,
            "profile": "https_spiffe",
            "endpoint_id": self.server.endpoint_id,
        }
