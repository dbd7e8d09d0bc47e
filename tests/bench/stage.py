"""All processes of one comparison, started together and stopped together, whatever happens.

Both sides get the same: as many workers, the same event loop, the same kind of server with the same
durability (append-only file, fsync every second), but each a server of its own, so that it is known
whose work it does.
"""

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
from tests.bench.installation import Addresses, install
from tests.bench.usage import listens

_ASKED: Final = 24
"""How often a port that several workers share is asked whether it is ready: each will have been."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to set up. ``profile`` has the first broker write down what took its time."""

    workers: int
    loop: str
    alg: str
    profile: Path | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared: its port, its workers and its Redis."""

    name: str
    port: int
    workers: tuple[int, ...]
    redis: int


@dataclass(frozen=True, slots=True)
class Stage:
    """What is up."""

    product: Side
    floor: Side
    badges: Badges
    processes: Processes
    store_url: str
    config: Path

    @property
    def directory(self) -> Path:
        """The private directory that goes when everything stops."""
        return self.processes.directory


@asynccontextmanager
async def set_up(plan: Plan) -> AsyncIterator[Stage]:
    """Start everything, and stop it at the end.

    Raises:
        ProcessFailedError, ConfigurationError: something does not start; nothing is left running.
    """
    async with AsyncExitStack() as stack:
        processes = await stack.enter_async_context(Processes())
        state = processes.directory
        ledger = await stack.enter_async_context(EmbeddedServer(state / "ledger"))
        other = await stack.enter_async_context(EmbeddedServer(state / "other"))
        # What was entered last is left first: the servers outlive whoever uses them.
        stack.push_async_callback(processes.stop_all)
        badges = await _start_issuer(processes, state / "issuer")
        addresses = Addresses(ledger.url, badges.issuer, free_port())
        files = await install(state, addresses, workers=plan.workers, alg=plan.alg)
        product = await _start_product(processes, plan, files, addresses.port, ledger.pid)
        floor = await _start_floor(processes, plan, badges, other)
        yield Stage(product, floor, badges, processes, ledger.url, files[0])


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
