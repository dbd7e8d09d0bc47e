"""All processes of one comparison, started together and stopped together, whatever happens.

Both sides get the same: as many workers, the same event loop, the same kind of server with the same
durability (append-only file, fsync every second), but each a server of its own, so that it is known
whose work it does.
"""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from broker.dev.embedded import EmbeddedServer
from broker.dev.processes import Child, Processes
from broker.signing.key import new_private_key
from broker.signing.key_files import write_private_key
from tests.bench.badges import Badges
from tests.bench.installation import Addresses, install, look_at_everything
from tests.bench.usage import listens

_ASKED: Final = 24
"""How often a port that several workers share is asked whether it is ready: each will have been."""

_FOLLOWED_S: Final = 2.0
"""Within it a published revision is in force everywhere (I15)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to set up. ``profile`` has the first broker write down what took its time."""

    workers: int
    loop: str
    alg: str
    profile: Path | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """What is measured: a port, the workers that share it, and the Redis that works for them."""

    name: str
    port: int
    workers: tuple[int, ...]
    redis: int


@dataclass(frozen=True, slots=True)
class Stage:
    """The product, and what it needs to run. ``config`` is the first worker's file."""

    product: Side
    badges: Badges
    processes: Processes
    config: Path

    async def let_policy_look_at_everything(self) -> None:
        """Publish another policy, and wait until every worker has it."""
        await look_at_everything(self.config)
        await asyncio.sleep(_FOLLOWED_S)

    @property
    def directory(self) -> Path:
        """The private directory that goes when everything stops."""
        return self.processes.directory


@asynccontextmanager
async def brokers(plan: Plan) -> AsyncIterator[Stage]:
    """Start the product on a server of its own, and stop everything at the end.

    Raises:
        ProcessFailedError, ConfigurationError: something does not start; nothing is left running.
    """
    async with AsyncExitStack() as stack:
        processes = await stack.enter_async_context(Processes())
        state = processes.directory
        ledger = await stack.enter_async_context(EmbeddedServer(state / "ledger"))
        # What was entered last is left first: the server outlives whoever uses it.
        stack.push_async_callback(processes.stop_all)
        badges = await _start_issuer(processes, state / "issuer")
        addresses = Addresses(ledger.url, badges.issuer, free_port())
        files = await install(state, addresses, workers=plan.workers, alg=plan.alg)
        product = await _start_product(processes, plan, files, addresses.port, ledger.pid)
        yield Stage(product, badges, processes, files[0])


@asynccontextmanager
async def floor_beside(stage: Stage, plan: Plan) -> AsyncIterator[Side]:
    """Start the floor on another server of the same kind.

    Raises:
        ProcessFailedError, ConfigurationError: it does not start.
    """
    async with EmbeddedServer(stage.directory / "other") as server:
        yield await _start_floor(stage.processes, plan, stage.badges, server)


async def _start_issuer(processes: Processes, folder: Path) -> Badges:
    child = await processes.start(
        "issuer", [sys.executable, "-m", "broker.dev.issuer", "--state", str(folder)]
    )

    async def announced() -> Badges | None:
        return Badges(folder) if _is_whole(folder / "issuer.json") else None

    return await processes.when_ready(child, announced)


async def _start_product(
    processes: Processes, plan: Plan, files: Sequence[Path], port: int, redis: int
) -> Side:
    children = []
    for number, file in enumerate(files):
        argv = [sys.executable, "-m", "tests.bench.product", str(file), "--loop", plan.loop]
        if plan.profile is not None and number == 0:
            argv += ["--profile", str(plan.profile.absolute())]
        children.append(await processes.start(f"broker-{number}", argv))
    for child in children:
        await _until_listening(processes, child, port)
    await _until_ready(processes, children[0], port)
    return Side("product", port, tuple(child.process.pid for child in children), redis)


async def _start_floor(
    processes: Processes, plan: Plan, badges: Badges, server: EmbeddedServer
) -> Side:
    state, port = processes.directory, free_port()
    write_private_key(state / "floor.pem", new_private_key(plan.alg))
    argv = [sys.executable, "-m", "tests.bench.floor", "--loop", plan.loop, "--port", str(port)]
    argv += ["--redis", str(server.socket), "--key", str(state / "floor.pem")]
    argv += ["--workload-key", str(state / "issuer" / "key.pem"), "--issuer", badges.issuer]
    children = [await processes.start(f"floor-{number}", argv) for number in range(plan.workers)]
    for child in children:
        await _until_listening(processes, child, port)
    return Side("floor", port, tuple(child.process.pid for child in children), server.pid)


async def _until_listening(processes: Processes, child: Child, port: int) -> None:
    async def is_listening() -> bool | None:
        return listens(child.process.pid, port) or None

    await processes.when_ready(child, is_listening)


async def _until_ready(processes: Processes, child: Child, port: int) -> None:
    async def is_ready() -> bool | None:
        return await _all_ready(port) or None

    await processes.when_ready(child, is_ready)


async def _all_ready(port: int) -> bool:
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(_ASKED):
            async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                if not answer.ok:
                    return False
    return True


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_whole(file: Path) -> bool:
    try:
        json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return True
