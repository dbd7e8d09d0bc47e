"""``python -m tests.bench.reviewing``: a review of ten thousand agents, from trail to answers.

One broker on an embedded Valkey, all agents registered by the facts and owned by one team, and a
trail in which each was given something. A packet is made beside the broker as the command does it,
its agents are paged through to the end and answered about one after another, over HTTP. What may
not grow with their number is told: how long one command held the Redis (by its own log, waiting for
a processor included), how large a page is, and what the process held at most.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from tests.bench.meter import BenchFailedError
from tests.fakes.cast import ERIN
from tests.fakes.issuer import Signer
from tests.fakes.many_agents import many_agents, trail_of
from tests.fakes.redis_servers import SingleServer
from tests.fakes.reviews import answer, start
from tests.fakes.world import World, open_world
from tests.fakes.world_config import Template

TEAM: Final = "crowd"
_SLOW_US: Final = 1_000


class Measured(msgspec.Struct, frozen=True):
    """What came of it."""

    agents: int
    registered_s: float
    started_s: float
    paged_s: float
    pages: int
    page_kib: float
    answered_s: float
    answered: int
    resident_mib: float
    longest_ms: float
    longest: str


async def measure(world: World, folder: Path, agents: int, answers: int) -> Measured:
    """Do it all, on a world that runs."""
    world.single.ask(
        "CONFIG", "SET", "slowlog-log-slower-than", _SLOW_US, "slowlog-max-len", 10_000
    )
    begun = time.perf_counter()
    names = await many_agents(world, TEAM, agents)
    registered_s = time.perf_counter() - begun
    trail = trail_of(folder / "trail.jsonl", names)
    begun = time.perf_counter()
    review = (await start(world, trail))[f"team:{TEAM}"]
    started_s = time.perf_counter() - begun
    pages, paged_s, largest = await _paged(world, review.id, names)
    begun = time.perf_counter()
    for name in names[:answers]:
        made = await answer(world, ERIN, review, name, "keep")
        _hold(made.status == 200, f"an answer about {name}: {made.status}")
    answered_s = time.perf_counter() - begun
    longest_ms, longest = _longest(world)
    return Measured(
        agents=agents,
        registered_s=registered_s,
        started_s=started_s,
        paged_s=paged_s,
        pages=pages,
        page_kib=largest / 1024,
        answered_s=answered_s,
        answered=answers,
        resident_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        longest_ms=longest_ms,
        longest=longest,
    )


async def _paged(world: World, review: str, names: list[str]) -> tuple[int, float, int]:
    """Read every page; return how many, in how long, and how large the largest was."""
    path, seen, sizes = f"/v1/reviews/{review}/agents", [], []
    begun = time.perf_counter()
    while path:
        page = await world.get(ERIN, path)
        _hold(page.status == 200, f"a page: {page.status}")
        sizes.append(len(page.raw))
        seen += [each["entry"]["agent"] for each in page["agents"]]
        path = page["next"]
    _hold(seen == sorted(names), "the pages do not have each agent once, in order")
    return len(sizes), time.perf_counter() - begun, max(sizes)


def _longest(world: World) -> tuple[float, str]:
    """Return the longest command that the ledger has seen, by its own log."""
    entries = world.single.ask("SLOWLOG", "GET", -1)
    ours = [(each[2], each[3]) for each in entries if each[3][0] not in _NOT_OURS]
    took_us, words = max(ours, default=(0, ()), key=lambda each: each[0])
    return took_us / 1000, " ".join(str(word) for word in words)[:160]


_NOT_OURS: Final = frozenset({"FLUSHALL", "SLOWLOG", "CONFIG", "SCRIPT"})
"""What a test asks, and no broker."""


def _hold(holds: bool, what: str) -> None:  # noqa: FBT001 - it reads as an assertion
    if not holds:
        raise BenchFailedError(what)


async def run(agents: int, answers: int) -> Measured:
    """Do it in a world of its own."""
    signer = Signer()
    with tempfile.TemporaryDirectory(prefix="jit-bench-") as name:
        folder = Path(name)
        for each in ("ledger", "template", "world"):
            (folder / each).mkdir()
        single = SingleServer(folder / "ledger")
        single.start()
        try:
            template = Template(folder / "template", signer)
            async with open_world(single, template, signer, folder / "world") as world:
                return await measure(world, folder, agents, answers)
        finally:
            single.stop()


def main() -> int:
    """Measure, print, and say whether the bound holds."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.reviewing")
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--answers", type=int, default=500, help="so many of them are answered")
    parser.add_argument(
        "--require-ms", type=float, help="no command may take longer: 20 on a quiet machine"
    )
    asked = parser.parse_args()
    measured = asyncio.run(run(asked.agents, asked.answers))
    console = Console()
    for name in measured.__struct_fields__:
        console.print(f"{name}: {getattr(measured, name)}")
    if asked.require_ms is not None and measured.longest_ms > asked.require_ms:
        console.print(f"[red]a command held the Redis for more than {asked.require_ms:g} ms")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
