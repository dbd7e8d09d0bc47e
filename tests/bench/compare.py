"""The product beside its floor: the same requests, in turns, so that noise hits both alike."""

import statistics
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from tests.bench.meter import Meter, Sample
from tests.bench.stage import Plan, Side, Stage, brokers, floor_beside
from tests.bench.workload import (
    Callers,
    FloorDialect,
    ProductDialect,
    Workload,
    jobs,
    openings,
    tokens,
)

VERBS: Final = ("issue", "evaluate", "introspect", "complete")
"""``evaluate`` is issuing under a policy that looks at what differs with every request, so that no
decision can be remembered. Once it is published it stays, so issuing comes first."""

_FASTEST: Final = {"product": 6_000, "floor": 14_000}
"""More requests in a second than one side answers: that many are prepared."""


@dataclass(frozen=True, slots=True)
class Scope:
    """How much to measure, and of what.

    ``callers`` take turns: their workload tokens are verified, then remembered for some seconds. 0
    stands for a caller of its own with every task, which is never seen again.
    """

    workers: tuple[int, ...]
    connections: tuple[int, ...]
    verbs: tuple[str, ...]
    seconds: float
    rounds: int
    tasks: int
    callers: int
    loop: str
    alg: str
    profile: Path | None = None

    @property
    def complete_each(self) -> int:
        """How many tasks one run completes."""
        return self.tasks // 4 if "complete" in self.verbs else 0

    @property
    def to_complete(self) -> int:
        """How many tasks are opened to be completed: each can be completed once."""
        return self.complete_each * self.rounds * len(self.connections)


class Result(msgspec.Struct, frozen=True):
    """All samples of one verb at one size; those of one place were taken after each other."""

    verb: str
    workers: int
    connections: int
    product: list[Sample]
    floor: list[Sample]

    def ratios(self, of: Callable[[Sample], float]) -> list[float]:
        """Return product over floor, round by round."""
        return [of(ours) / of(least) for ours, least in zip(self.product, self.floor, strict=True)]

    @property
    def ratio(self) -> float:
        """The share of the floor's requests per second that the product reaches."""
        return statistics.median(self.ratios(lambda sample: sample.per_second))


@dataclass(frozen=True, slots=True)
class Asked:
    """One side, and what it is asked."""

    side: Side
    workload: Workload


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides."""

    meter: Meter
    product: Asked
    floor: Asked


async def compare(scope: Scope, say: Callable[[str], None]) -> list[Result]:
    """Measure everything in a scope.

    Raises:
        BenchFailedError, ProcessFailedError, ConfigurationError: nothing here can be believed.
    """
    return [
        result for workers in scope.workers async for result in _with_workers(scope, workers, say)
    ]


async def _with_workers(
    scope: Scope, workers: int, say: Callable[[str], None]
) -> AsyncIterator[Result]:
    plan = Plan(workers, scope.loop, scope.alg, scope.profile)
    async with brokers(plan) as stage, floor_beside(stage, plan) as floor:
        say(f"{workers} worker(s): preparing {scope.tasks + scope.to_complete} tasks")
        pair = await prepare(stage, floor, scope)
        for verb in (verb for verb in VERBS if verb in scope.verbs):
            say(f"{workers} worker(s): {verb}")
            if verb == "evaluate":
                await stage.let_policy_look_at_everything()
            for result in await _verb(pair, scope, workers, verb):
                yield result


async def prepare(stage: Stage, floor: Side, scope: Scope) -> Pair:
    """Open the tasks, and warm both sides up by having a credential issued within each."""
    meter = Meter(stage)
    callers = Callers(stage.badges, scope.callers or scope.tasks)
    wanted = openings(stage.badges, callers, scope.tasks + scope.to_complete)
    opened = jobs(await meter.ask(stage.product, wanted), callers)
    parts = (opened[scope.to_complete :], opened[: scope.to_complete], stage.badges.resource())
    product = Asked(stage.product, Workload(ProductDialect(), *parts))
    least = Asked(floor, Workload(FloorDialect(), *parts))
    for asked in (product, least):
        issued = tokens(await meter.ask(asked.side, asked.workload.begin(opened)))
        asked.workload.learn(issued)
    return Pair(meter, product, least)


async def _verb(pair: Pair, scope: Scope, workers: int, verb: str) -> list[Result]:
    results = [
        Result(verb, workers, connections, product=[], floor=[])
        for connections in scope.connections
    ]
    for _ in range(scope.rounds):
        for result in results:
            for asked, samples in ((pair.product, result.product), (pair.floor, result.floor)):
                requests = _requests(asked, verb, scope)
                sample = await pair.meter.measure(
                    asked.side, requests, connections=result.connections, seconds=scope.seconds
                )
                samples.append(sample)
    return results


def _requests(asked: Asked, verb: str, scope: Scope) -> Sequence[bytes]:
    most = round(_FASTEST[asked.side.name] * scope.seconds)
    match verb:
        case "issue" | "evaluate":
            return asked.workload.issue(most)
        case "introspect":
            return asked.workload.introspect(most)
        case _:
            return asked.workload.complete(scope.complete_each)
