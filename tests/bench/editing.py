"""``python -m tests.bench.editing``: edits of facts a second, while credentials are issued.

One broker process and its ledger, as they are served. A hundred callers edit one ticket each, again
and again, over the API; eight ask for credentials all the time, before and meanwhile. Whoever asks
for a credential must be given one: an edit may be told to wait.
"""

import argparse
import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
import msgspec
from rich.console import Console

from tests.bench.badges import TENANT
from tests.bench.load import at_share
from tests.bench.meter import Meter
from tests.bench.redeciding import shown
from tests.bench.stage import Plan, Stage, brokers
from tests.bench.workload import Callers, Job, jobs, openings

_EDITORS: Final = 100
_ISSUERS: Final = 8
_TASKS: Final = 64
_TICKETS: Final = 5_000
_WAITS_S: Final = 0.2
"""How long an editor waits at most that is told to."""


class Asked(msgspec.Struct, frozen=True):
    """What came of one kind of request: how many a second were done, and how long each took."""

    done_per_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    statuses: dict[int, int]


class Edited(msgspec.Struct, frozen=True):
    """What came of it all. ``revisions`` are those that the edits went into."""

    editors: int
    without: Asked
    meanwhile: Asked
    edits: Asked
    revisions: int
    oldest_facts_s: float

    @property
    def ratio(self) -> float:
        """How much of issuing is left while facts are edited."""
        return self.meanwhile.done_per_s / self.without.done_per_s


class Kind:
    """Counts requests of one kind."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.took_ms: list[float] = []

    async def ask(self, sending: Awaitable[int]) -> int:
        """Send one, and note what came of it."""
        begun = time.perf_counter()
        status = await sending
        self.statuses[status] += 1
        if status < _REFUSED:
            self.took_ms.append((time.perf_counter() - begun) * 1000)
        return status

    def asked(self, seconds: float) -> Asked:
        """Sum up."""
        took = sorted(self.took_ms) or [0.0]
        return Asked(
            done_per_s=len(self.took_ms) / seconds,
            p50_ms=at_share(took, 0.5),
            p99_ms=at_share(took, 0.99),
            max_ms=took[-1],
            statuses=dict(self.statuses),
        )


_REFUSED: Final = 400


class Desk:
    """Who asks, over one port."""

    def __init__(self, stage: Stage, session: aiohttp.ClientSession, found: list[Job]) -> None:
        self._stage = stage
        self._session = session
        self._jobs = itertools.cycle(found)
        self._runs = itertools.count()
        self._operator = stage.badges.operator()
        self._is_over = False

    async def issue(self, kind: Kind) -> None:
        """Ask for credentials until it is over."""
        while not self._is_over:
            job, run = next(self._jobs), next(self._runs)
            body = {
                "capability": "orders-api",
                "scopes": ["orders:read"],
                "ttl_seconds": 600,
                "labels": {"run": str(run)},
            }
            await kind.ask(self._post(f"/v1/tasks/{job.task}/credentials", job.token, body))

    async def edit(self, kind: Kind, number: int) -> None:
        """Edit a ticket, and another one, until it is over; wait when told to."""
        for run in itertools.count():
            if self._is_over:
                return
            name = f"ED-{(number + run * _EDITORS) % _TICKETS}"
            status = "open" if run % 2 else "closed"
            thing = {"ref": f"ticket:{name}", "status": status}
            change = {"op": "put", "tenant": TENANT, "thing": thing}
            body = {"reason": "the bench says so", "changes": [change]}
            path = "/v1/facts/changes"
            if await kind.ask(self._post(path, self._operator, body)) >= _REFUSED:
                await asyncio.sleep(_WAITS_S)

    async def during(self, seconds: float, *asking: Awaitable[None]) -> float:
        """Let them ask for a while; return how long it was."""
        self._is_over, begun = False, time.perf_counter()
        tasks = [asyncio.ensure_future(each) for each in asking]
        await asyncio.sleep(seconds)
        self._is_over, spent = True, time.perf_counter() - begun
        await asyncio.gather(*tasks)
        return spent

    async def facts(self) -> tuple[int, float]:
        """Return the revision of the facts here, and how old they are (s)."""
        async with self._session.get("/readyz") as answer:
            told = (await answer.json())["facts"]
            return int(told["revision"]), int(told["age_ms"]) / 1000

    async def watch(self, ages: list[float]) -> None:
        """Look how old the facts get, until it is over."""
        while not self._is_over:
            ages.append((await self.facts())[1])
            await asyncio.sleep(0.1)

    async def _post(self, path: str, token: str, body: dict[str, object]) -> int:
        head = {"Authorization": f"Bearer {token}"}
        async with self._session.post(path, json=body, headers=head) as answer:
            await answer.read()
            return answer.status


async def measure(seconds: float, editors: int, plan: Plan, say: Callable[[str], None]) -> Edited:
    """Serve, ask, and sum up.

    Raises:
        BenchFailedError: something does not work.
    """
    async with brokers(plan) as stage:
        callers = Callers(stage.badges, _TASKS)
        opened = await Meter(stage).ask(stage.product, openings(stage.badges, callers, _TASKS))
        base = f"http://127.0.0.1:{stage.product.port}"
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(base, connector=connector) as session:
            desk = Desk(stage, session, jobs(opened, callers))
            return await _measured(desk, seconds, editors, say)


async def _measured(desk: Desk, seconds: float, editors: int, say: Callable[[str], None]) -> Edited:
    await desk.during(2, *(desk.issue(Kind()) for _ in range(_ISSUERS)))
    say("issuing alone")
    without, meanwhile, edits, ages = Kind(), Kind(), Kind(), list[float]()
    alone_s = await desk.during(seconds, *(desk.issue(without) for _ in range(_ISSUERS)))
    say(f"{editors} callers edit facts")
    before, _ = await desk.facts()
    spent_s = await desk.during(
        seconds,
        desk.watch(ages),
        *(desk.issue(meanwhile) for _ in range(_ISSUERS)),
        *(desk.edit(edits, number) for number in range(editors)),
    )
    after, _ = await desk.facts()
    return Edited(
        editors=editors,
        without=without.asked(alone_s),
        meanwhile=meanwhile.asked(spent_s),
        edits=edits.asked(spent_s),
        revisions=after - before,
        oldest_facts_s=max(ages),
    )


def main() -> int:
    """Run; 0 when everybody who asked for a credential got one."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.editing", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--editors", type=int, default=_EDITORS)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    console = Console(highlight=False)
    plan = Plan(options.workers, "asyncio", "EdDSA")
    found = asyncio.run(measure(options.seconds, options.editors, plan, console.print))
    for name, value in [*msgspec.structs.asdict(found).items(), ("ratio", found.ratio)]:
        console.print(f"{name:22} {shown(value)}")
    return 0 if all(status < _REFUSED for status in found.meanwhile.statuses) else 1


if __name__ == "__main__":
    raise SystemExit(main())
