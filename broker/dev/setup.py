"""Setting the stage: a ledger, an issuer, brokers and a resource server, each a process.

The setting up is itself a list of steps, so that whatever goes wrong in it is told like anything
else that goes wrong in the story.
"""

import asyncio
import json
import socket
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp

from broker.dev.commands import Commands
from broker.dev.configure import Addresses, shipped, trail_file, write
from broker.dev.embedded import EmbeddedServer
from broker.dev.passports import Identity, Passports, at_counter
from broker.dev.processes import Child, Processes
from broker.dev.step import Step, expect
from broker.dev.trails import check_trails
from broker.model.principal import Kind
from broker.settings.store import StoreSettings

CHAPTER: Final = "Setting up"
AUDIENCE: Final = "https://orders.example"
"""The resource server of the shipped configuration that follows the feed."""

RESOURCE: Final = Identity(Kind.RESOURCE, AUDIENCE, instance="orders-1")


class Setup:
    """The parts that have been started so far, in the order of :data:`STEPS`."""

    ledger: EmbeddedServer
    passports: Passports
    addresses: Addresses
    config: list[Path]
    resource: str

    def __init__(
        self,
        processes: Processes,
        session: aiohttp.ClientSession,
        commands: Commands,
        *,
        brokers: int,
    ) -> None:
        self._processes = processes
        self._session = session
        self._commands = commands
        self._count = brokers
        self._brokers: list[Child] = []
        self._issuer: str
        self.state = processes.directory
        self.ledger = EmbeddedServer(self.state / "ledger")

    async def start_ledger(self) -> str:
        """Start the embedded server. It dies with this process."""
        # Not in a thread: it could not be interrupted, and would start a server for nobody.
        self.ledger.start()
        return f"pid {self.ledger.pid}"

    async def start_issuer(self) -> str:
        """Start the throw-away issuer, and take its secret."""
        folder = _private(self.state / "issuer")
        child = await self._processes.start(
            "issuer", [*self._commands.issuer, "--state", str(folder)]
        )
        told = await self._processes.when_ready(child, partial(_announced, folder / "issuer.json"))
        self.passports = at_counter(folder, self._session)
        self._issuer = str(told["issuer"])
        return self._issuer

    async def configure(self) -> str:
        """Write the shipped configuration with this machine's addresses, and make keys."""
        ports = tuple(_free_port() for _ in range(self._count))
        self.addresses = Addresses(self.ledger.url, self._issuer, ports)
        self.config = write(shipped(), self.state, self.addresses)
        _private(self.state / "keys")
        await self._processes.run("keys-init", [*self._commands.init_keys, *self._with_config(0)])
        return str(self.config[0].parent)

    async def publish(self) -> str:
        """Publish agents, capabilities and policies."""
        argv = [*self._commands.apply, "--json", *self._with_config(0)]
        said = json.loads(await self._processes.run("apply", argv))
        return f"revision {said['revision']}"

    async def start_brokers(self) -> str:
        """Start the brokers and wait until they give access."""
        for number in range(self._count):
            argv = [*self._commands.serve, *self._with_config(number)]
            self._brokers.append(await self._processes.start(f"broker-{number + 1}", argv))
        for child, url in zip(self._brokers, self.addresses.brokers, strict=True):
            await self._processes.when_ready(child, partial(self._is_ready, url))
        return " ".join(self.addresses.brokers)

    async def start_resource_server(self) -> str:
        """Start the resource server, following the feed of the last broker."""
        folder = _private(self.state / "resource")
        token = folder / "token"
        await self.renew_resource_token()
        argv = [
            *self._commands.resource_server,
            *("--broker", self.addresses.brokers[-1], "--issuer", self.addresses.brokers[0]),
            *("--audience", AUDIENCE, "--token-file", str(token)),
            *("--state", str(folder), "--check", "feed"),
        ]
        child = await self._processes.start("resource-server", argv)
        told = await self._processes.when_ready(
            child, partial(_announced, folder / "resource.json")
        )
        self.resource = told["url"]
        return self.resource

    async def renew_resource_token(self) -> None:
        """Write a fresh workload token for the resource server."""
        token = await self.passports.token(RESOURCE)
        file = self.state / "resource" / "token"
        draft = file.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(token.reveal(), encoding="ascii")
        draft.replace(file)

    async def stop_brokers(self) -> str:
        """Ask the brokers to stop; each must finish what it does and say that it went well."""
        for child in self._brokers:
            code = await self._processes.stop(child)
            expect(code == 0, expected=f"{child.name} to end with 0", seen=code)
        return "drained"

    async def check_trails(self) -> str:
        """Check what the brokers wrote down."""
        files = [trail_file(self.state, number) for number in range(1, self._count + 1)]
        return await check_trails(files, StoreSettings(url=self.ledger.url))

    def last_words(self) -> list[str]:
        """Return the ends of the brokers' logs, for whoever has to find out what went wrong."""
        return [str(child.failed("said last:")) for child in self._brokers]

    async def close(self) -> None:
        """Stop whatever still runs, the ledger last."""
        await self._processes.stop_all()
        self.ledger.stop()

    def _with_config(self, number: int) -> tuple[str, str]:
        return ("--config", str(self.config[number]))

    async def _is_ready(self, url: str) -> bool | None:
        try:
            async with self._session.get(f"{url}/readyz") as answer:
                return True if answer.ok else None
        except aiohttp.ClientError:
            return None


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _announced(file: Path) -> dict[str, Any] | None:
    return await asyncio.to_thread(_read_if_there, file)


def _read_if_there(file: Path) -> dict[str, Any] | None:
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


OPENING: Final = (
    Step("ledger", CHAPTER, "an embedded Valkey, as the ledger", Setup.start_ledger),
    Step("issuer", CHAPTER, "a throw-away issuer of workload tokens", Setup.start_issuer),
    Step("configure", CHAPTER, "configuration and signing keys", Setup.configure),
    Step("publish", CHAPTER, "agents, capabilities and policies are published", Setup.publish),
    Step("brokers", CHAPTER, "the broker gives access", Setup.start_brokers),
    Step("resource", CHAPTER, "a resource server follows the feed", Setup.start_resource_server),
)
CLOSING: Final = (
    Step("drain", "The end", "the broker finishes its work and stops", Setup.stop_brokers),
    Step("audit", "The end", "the audit trail is whole", Setup.check_trails),
)
