"""How long from the refusal that is one too many until the task is frozen, by a detector.

One broker, its feed log and its watcher: some refusals of one agent freeze the task that they were
in. The clock starts when the last of them is asked for and stops when the broker has answered that
the task is frozen; so what is told is never less than it took.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import aiohttp
import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.badges import AGENT, TENANT
from tests.bench.installation import BURST
from tests.bench.load import at_share
from tests.bench.meter import BenchFailedError
from tests.bench.stage import Plan, Stage, brokers

_PATIENCE_S: Final = 20.0
_LOOK_S: Final = 0.005
_SETTLE_S: Final = 2.0
"""After starting: the watcher has its turn, and the log is shipped."""


@dataclass(frozen=True, slots=True)
class Bursts:
    """How many bursts, one after the other, each in a task of its own."""

    rounds: int
    loop: str


class Delay(msgspec.Struct, frozen=True):
    """Milliseconds from the refusal that is one too many until the task is frozen."""

    rounds: int
    refusals: int
    p50_ms: float
    p90_ms: float
    max_ms: float


async def freeze(bursts: Bursts, say: Callable[[str], None]) -> Delay:
    """Measure.

    Raises:
        BenchFailedError: a burst froze nothing, or a request was answered otherwise than it must.
    """
    async with brokers(Plan(1, bursts.loop, "EdDSA")) as stage, aiohttp.ClientSession() as session:
        await asyncio.sleep(_SETTLE_S)
        say(f"{bursts.rounds} bursts of {BURST} refusals")
        burst = _Burst(stage, session)
        late = sorted([await burst.run(number) for number in range(bursts.rounds)])
    return Delay(
        rounds=bursts.rounds,
        refusals=BURST,
        p50_ms=at_share(late, 0.5),
        p90_ms=at_share(late, 0.9),
        max_ms=late[-1],
    )


class _Burst:
    def __init__(self, stage: Stage, session: aiohttp.ClientSession) -> None:
        self._badges = stage.badges
        self._session = session
        self._url = f"http://127.0.0.1:{stage.product.port}/v1/tasks"

    async def run(self, number: int) -> float:
        """Have one burst; return after how many milliseconds its task was frozen."""
        instance = f"pod-{number}"
        task = await self._open(instance)
        agent = self._badges.agent(instance)
        for _ in range(BURST - 1):
            await self._refused(task, agent)
        started = time.monotonic()
        await self._refused(task, agent)
        await self._until_frozen(task, started)
        return (time.monotonic() - started) * 1_000

    async def _open(self, instance: str) -> str:
        body = {
            "name": "bench",
            "agent": AGENT,
            "tenant": TENANT,
            "instance": instance,
            "ceiling": [{"capability": "orders-api", "scopes": ["orders:read"]}],
            "ttl_seconds": 600,
        }
        opened = await self._call("POST", self._url, self._badges.orchestrator(), 201, body)
        return str(opened["id"])

    async def _refused(self, task: str, agent: str) -> None:
        wish = {"capability": "orders-api", "scopes": ["orders:write"]}
        await self._call("POST", f"{self._url}/{task}/credentials", agent, 403, wish)

    async def _until_frozen(self, task: str, started: float) -> None:
        operator = self._badges.operator()
        while not (await self._call("GET", f"{self._url}/{task}", operator, 200))["frozen"]:
            if time.monotonic() - started > _PATIENCE_S:
                raise BenchFailedError(f"a burst of {BURST} refusals froze nothing: {task}")
            await asyncio.sleep(_LOOK_S)

    async def _call(
        self, method: str, url: str, token: str, status: int, body: object = None
    ) -> dict[str, object]:
        head = {"Authorization": f"Bearer {token}"}
        async with self._session.request(method, url, json=body, headers=head) as answer:
            text = await answer.text()
        if answer.status != status:
            raise BenchFailedError(f"{method} {url} answered {answer.status}: {text}")
        found: dict[str, object] = json.loads(text)
        return found


def show(console: Console, of: Delay) -> None:
    """Print it."""
    table = Table(title="From the refusal that is one too many until the task is frozen")
    for name in ("bursts", "refusals each", "p50 ms", "p90 ms", "max ms"):
        table.add_column(name, justify="right")
    numbers = (f"{of.p50_ms:.0f}", f"{of.p90_ms:.0f}", f"{of.max_ms:.0f}")
    table.add_row(str(of.rounds), str(of.refusals), *numbers)
    console.print(table)
