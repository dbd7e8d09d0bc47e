"""How long from an operator's call until every subscriber of the feed has been told."""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.load import at_share
from tests.bench.meter import BenchFailedError, Meter
from tests.bench.stage import Plan, Stage, brokers
from tests.bench.subscribers import Heard
from tests.bench.usage import cpu_seconds
from tests.bench.workload import Callers, ProductDialect, Workload, jobs, openings

_BEFORE_S: Final = 60.0
"""How long setting up and the slowest round may take before the subscribers give up."""


@dataclass(frozen=True, slots=True)
class Audience:
    """How many listen, to how many revocations, of which so many come in a second."""

    subscribers: int
    revocations: int
    per_second: float
    loop: str


class Lateness(msgspec.Struct, frozen=True):
    """Milliseconds from the call until a subscriber was told, over all subscribers and calls."""

    subscribers: int
    revocations: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    call_p50_ms: float
    server_share: float
    """Of one CPU, while the revocations were made."""


class Found(msgspec.Struct):
    """What matters of a credential."""

    id: str


async def fan_out(audience: Audience, say: Callable[[str], None]) -> Lateness:
    """Measure.

    Raises:
        BenchFailedError: a subscriber was not told of something.
    """
    async with brokers(Plan(1, audience.loop, "EdDSA")) as stage:
        say(f"preparing {audience.revocations} credentials")
        credentials = await _credentials(stage, audience.revocations)
        say(f"{audience.subscribers} subscribers listen")
        heard = stage.directory / "heard"
        listening = asyncio.create_task(_listen(stage, audience, heard))
        try:
            await _until_there(stage.directory / "ready", listening)
            cpu, started = cpu_seconds(stage.product.workers), time.monotonic()
            called = await _revoke(stage, credentials, audience.per_second)
            cpu = cpu_seconds(stage.product.workers) - cpu
            share = cpu / (time.monotonic() - started)
            await listening
        finally:
            listening.cancel()
        told = msgspec.msgpack.decode(await asyncio.to_thread(heard.read_bytes), type=Heard)
    return _lateness(audience, called, told, share)


async def _credentials(stage: Stage, count: int) -> list[str]:
    meter, callers = Meter(stage), Callers(stage.badges, 8)
    asked = openings(stage.badges, callers, count)
    opened = jobs(await meter.ask(stage.product, asked), callers)
    workload = Workload(ProductDialect(), opened, (), "")
    issued = await meter.ask(stage.product, workload.begin(opened))
    return [msgspec.json.decode(body, type=Found).id for body in issued]


async def _listen(stage: Stage, audience: Audience, heard: Path) -> None:
    token = stage.directory / "resource-token"
    token.write_text(stage.badges.resource(), encoding="ascii")
    seconds = _BEFORE_S + audience.revocations / audience.per_second
    argv = [sys.executable, "-m", "tests.bench.subscribers", "--port", str(stage.product.port)]
    argv += ["--token", str(token), "--count", str(audience.subscribers)]
    argv += ["--events", str(audience.revocations), "--seconds", str(seconds)]
    argv += ["--ready", str(stage.directory / "ready"), "--heard", str(heard)]
    await stage.processes.run("subscribers", argv)


async def _until_there(file: Path, listening: "asyncio.Task[None]") -> None:
    while not await asyncio.to_thread(file.exists):
        if listening.done():
            await listening
            raise BenchFailedError("the subscribers ended before all of them followed the feed")
        await asyncio.sleep(0.05)


async def _revoke(
    stage: Stage, credentials: Sequence[str], per_second: float
) -> dict[str, tuple[int, int]]:
    """Revoke each; return when each call was made and when it was answered, in nanoseconds."""
    called = {}
    headers = {"Authorization": f"Bearer {stage.badges.operator()}"}
    url = f"http://127.0.0.1:{stage.product.port}/v1/revocations"
    async with aiohttp.ClientSession(headers=headers) as session:
        for credential in credentials:
            wish = {"credential": credential, "reason": "bench"}
            made = time.monotonic_ns()
            async with session.post(url, json=wish) as answer:
                if answer.status != 200:
                    raise BenchFailedError(f"revoking answered {await answer.text()}")
            called[credential] = (made, time.monotonic_ns())
            await asyncio.sleep(max(0.0, 1 / per_second - (time.monotonic_ns() - made) / 1e9))
    return called


def _lateness(
    audience: Audience, called: Mapping[str, tuple[int, int]], told: Heard, share: float
) -> Lateness:
    missed = sum(audience.subscribers - len(told.get(name, ())) for name in called)
    if missed:
        raise BenchFailedError(f"{missed} times a subscriber was not told of a revocation")
    late = sorted((at - made) / 1e6 for name, (made, _) in called.items() for at in told[name])
    calls = sorted((answered - made) / 1e6 for made, answered in called.values())
    return Lateness(
        subscribers=audience.subscribers,
        revocations=len(called),
        p50_ms=at_share(late, 0.5),
        p99_ms=at_share(late, 0.99),
        max_ms=late[-1],
        call_p50_ms=at_share(calls, 0.5),
        server_share=share,
    )


def show(console: Console, of: Lateness) -> None:
    """Print it."""
    table = Table(title="From an operator's call until the subscribers of the feed are told")
    names = ("subscribers", "revocations", "p50 ms", "p99 ms", "max ms", "call p50 ms", "CPU")
    for name in names:
        table.add_column(name, justify="right")
    table.add_row(
        str(of.subscribers),
        str(of.revocations),
        f"{of.p50_ms:.1f}",
        f"{of.p99_ms:.1f}",
        f"{of.max_ms:.1f}",
        f"{of.call_p50_ms:.1f}",
        f"{of.server_share:.0%}",
    )
    console.print(table)
