"""A whole installation of real processes, which a test may kill, freeze, cut off and restart.

A ledger, an issuer, brokers, and resource servers that write down what they let in. Everything is a
child of :class:`broker.dev.processes.Processes`, so nothing outlives the test, whatever happens.
"""

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
import redis
import yaml

from broker.client.api import BrokerClient
from broker.client.endpoint import open_session
from broker.clock import SystemClock
from broker.dev.commands import Commands
from broker.dev.embedded import EmbeddedServer
from broker.dev.passports import Identity
from broker.dev.processes import Child, Processes
from broker.dev.setup import Setup
from broker.model.principal import Kind
from broker.signing.private_files import write_private
from tests.chaos.witness_log import Visit, read_visits
from tests.fakes import witness

CLOCK: Final = SystemClock()
ORDERS: Final = "https://orders.example"
REPORTS: Final = "https://reports.example"
STALENESS_MS: Final = 5_000
"""The bound of the feed's age that the shipped configuration registers for orders."""

START_S: Final = 90.0


class Slot:
    """One broker: a place in the configuration, and the process that serves there, if any does."""

    def __init__(self, world: "World", number: int) -> None:
        self._world = world
        self.number = number
        self.url = world.setup.addresses.brokers[number]
        self.config = world.setup.config[number]
        self.prefix: list[str] = []
        """What its command line begins with, instead of nothing."""
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """The process id of the broker that was started last."""
        return self._running().process.pid

    @property
    def is_up(self) -> bool:
        """Whether its process runs."""
        return self._child is not None and self._child.process.returncode is None

    async def start(self, *, armed: str = "", is_awaited: bool = True) -> Self:
        """Start a broker, armed with a fault point or not, and wait until it is ready."""
        argv = ["/usr/bin/env", f"BROKER_FAULT_POINT={armed}"] if armed else []
        argv += self.prefix
        argv += [*Commands().serve, "--config", str(self.config)]
        self._child = await self._world.processes.start(f"broker-{self.number + 1}", argv)
        if is_awaited:
            await self.ready()
        return self

    async def ready(self) -> None:
        """Wait until it gives access."""
        await self._world.processes.when_ready(self._running(), self._is_ready, START_S)

    async def answers(self) -> None:
        """Wait until it answers at all, whether it gives access or not."""
        await self._world.processes.when_ready(self._running(), self._is_there, START_S)

    async def died(self, within_s: float = 90.0) -> int:
        """Wait until it has died; return its exit code (negative: the signal)."""
        child = self._running()
        async with asyncio.timeout(within_s):
            return await child.process.wait()

    async def kill(self) -> None:
        """Let it die as by power loss, wherever it is. Harmless when it is dead."""
        child = self._child
        if child is not None and child.process.returncode is None:
            child.process.kill()
            await child.process.wait()

    async def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        child = self._running()
        return await self._world.processes.stop(child)

    def freeze(self) -> None:
        """Stop its execution."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """End :meth:`freeze`."""
        os.kill(self.pid, signal.SIGCONT)

    def log_text(self) -> str:
        """Return what it wrote, over all its lives."""
        return self._running().log.read_text(errors="replace")

    async def readiness(self) -> tuple[int, dict[str, Any]]:
        """Ask ``/readyz``."""
        async with self._world.session.get(f"{self.url}/readyz") as answer:
            return answer.status, await answer.json()

    def rss_kib(self) -> int:
        """Return how much memory it holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1])

    def _running(self) -> Child:
        if self._child is None:
            raise AssertionError(f"broker {self.number} was never started")
        return self._child

    async def _is_ready(self) -> bool | None:
        return True if await self._status("readyz") == 200 else None

    async def _is_there(self) -> bool | None:
        return True if await self._status("healthz") == 200 else None

    async def _status(self, route: str) -> int:
        try:
            async with self._world.session.get(f"{self.url}/{route}") as answer:
                return answer.status
        except aiohttp.ClientError:
            return 0


@dataclass(frozen=True, slots=True)
class Witness:
    """A running resource server with its log of who was let in."""

    child: Child
    url: str
    audience: str
    log: Path
    session: aiohttp.ClientSession

    async def visit(self, token: str) -> tuple[int, str]:
        """Use a token once; return the status and the words of a refusal."""
        headers = {"Authorization": f"Bearer {token}"}
        async with self.session.get(f"{self.url}/orders", headers=headers) as answer:
            return answer.status, (await answer.json()).get("error_description", "")

    async def accepts(self, token: str) -> bool:
        """Tell whether it lets the token in."""
        return (await self.visit(token))[0] == 200

    def visits(self) -> list[Visit]:
        """Read its log."""
        return read_visits(self.log)


class Caller:
    """One caller with its own workload token, and a client for each broker."""

    def __init__(self, world: "World", identity: Identity, timeout_s: float) -> None:
        self.identity = identity
        self._world = world
        self._timeout_s = timeout_s
        self._token = ""

    def at(self, url: str) -> BrokerClient:
        """Return a client of the broker at a URL."""
        return BrokerClient(url, self.token, self._world.session, timeout_seconds=self._timeout_s)

    async def token(self) -> str:
        """Return its workload token."""
        if not self._token:
            self._token = (await self._world.setup.passports.token(self.identity)).reveal()
        return self._token


@dataclass
class World:
    """The parts that run. Built by :func:`open_world`."""

    processes: Processes
    session: aiohttp.ClientSession
    setup: Setup
    slots: list[Slot] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=partial(itertools.count, 1))
    """For names that nobody else has."""

    @property
    def ledger(self) -> EmbeddedServer:
        """The server that holds the ledger."""
        return self.setup.ledger

    def caller(self, identity: Identity, *, timeout_s: float = 10.0) -> Caller:
        """Make a caller."""
        return Caller(self, identity, timeout_s)

    def ask(self, *command: str | int) -> Any:
        """Ask the ledger's server, past every broker: to steer a test, never to judge it."""
        with redis.Redis(
            unix_socket_path=str(self.ledger.socket), decode_responses=True, protocol=2
        ) as client:
            client.response_callbacks.clear()
            return client.execute_command(*command)

    def audit_files(self) -> list[Path]:
        """Return the audit files, one a broker."""
        return [self.setup.state / f"audit-{slot.number + 1}.jsonl" for slot in self.slots]

    async def start_witness(
        self, audience: str, *, check: str, at: str = "", staleness_ms: int = STALENESS_MS
    ) -> Witness:
        """Start a resource server that follows (or asks) the broker at a URL (the first one's)."""
        name = f"witness-{next(self.numbers)}"
        state = self.setup.state / name
        state.mkdir(mode=0o700)
        await self._write_token(state / "token", audience, name)
        argv = [
            *(sys.executable, "-m", witness.__name__),
            *("--broker", at or self.slots[0].url, "--issuer", self.setup.addresses.brokers[0]),
            *("--audience", audience, "--token-file", str(state / "token")),
            *("--state", str(state), "--check", check, "--staleness-ms", str(staleness_ms)),
        ]
        child = await self.processes.start(name, argv)
        told = await self.processes.when_ready(
            child, partial(_announced, state / "resource.json"), START_S
        )
        found = Witness(child, told["url"], audience, state / witness.LOG, self.session)
        self.witnesses.append(found)
        return found

    async def _write_token(self, file: Path, audience: str, name: str) -> None:
        token = await self.setup.passports.token(Identity(Kind.RESOURCE, audience, instance=name))
        await asyncio.to_thread(write_private, file, token.reveal().encode())

    def configure(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Change sections of every broker's settings; it counts from their next start."""
        for file in self.setup.config:
            document = yaml.safe_load(file.read_text(encoding="utf-8"))
            for section, members in changes.items():
                document[section] = document.get(section, {}) | members
            file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


QUICK: Final[Mapping[str, Mapping[str, Any]]] = {
    "reaper": {"interval_ms": 200, "claim_seconds": 2},
}
"""What a dead broker had claimed is free again in seconds: tests wait for that."""


@asynccontextmanager
async def open_world(
    *,
    brokers: int = 1,
    changes: Mapping[str, Mapping[str, Any]] = QUICK,
    ledger: Callable[[Path], EmbeddedServer] | None = None,
    edit: Callable[[Path], None] | None = None,
) -> AsyncIterator[World]:
    """Set a world up, with its brokers configured and published but not started.

    ``edit`` may change the folder of configuration files before they are published.
    """
    async with AsyncExitStack() as stack:
        processes = await stack.enter_async_context(Processes())
        session = await stack.enter_async_context(open_session())
        setup = Setup(processes, session, Commands(), brokers=brokers)
        if ledger is not None:
            setup.ledger = ledger(setup.state / "ledger")
        stack.push_async_callback(setup.close)
        await setup.start_ledger()
        await setup.start_issuer()
        await setup.configure()
        world = World(processes, session, setup)
        world.configure(changes)
        if edit is not None:
            edit(setup.config[0].parent)
        await setup.publish()
        world.slots = [Slot(world, number) for number in range(brokers)]
        yield world


async def start_all(slots: Sequence[Slot]) -> None:
    """Start brokers side by side."""
    await asyncio.gather(*(slot.start() for slot in slots))


async def _announced(file: Path) -> dict[str, Any] | None:
    return await asyncio.to_thread(_read_if_there, file)


def _read_if_there(file: Path) -> dict[str, Any] | None:
    return yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else None
