"""The product beside its floor: the same requests, in turns, so that noise hits both alike."""

import statistics
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from tests.bench.meter import Meter, Sample
from tests.bench.stage import Plan, Side, Stage, set_up
from tests.bench.workload import (
    Callers,
    FloorDialect,
    Habits,
    ProductDialect,
    Workload,
    jobs,
    openings,
    tokens,
)

VERBS: Final = ("issue", "introspect", "complete")
"""In this order: completing ends what the others need."""

_FASTEST: Final = {"product": 6_000, "floor": 14_000}
"""More requests in a second than one side answers: that many are prepared."""


@dataclass(frozen=True, slots=True)
class Scope:
    """How much to measure, and of what."""

    workers: tuple[int, ...]
    connections: tuple[int, ...]
    verbs: tuple[str, ...]
    seconds: float
    rounds: int
    tasks: int
    habits: Habits
    loop: str
    alg: str
    profile: Path | None = None


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
class Pair:
    """Both sides with what they are asked."""

    stage: Stage
    meter: Meter
    product: Workload
    floor: Workload


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
    async with set_up(Plan(workers, scope.loop, scope.alg, scope.profile)) as stage:
        say(f"{workers} worker(s): preparing {scope.tasks} tasks")
        pair = await prepare(stage, scope)
        for verb in (verb for verb in VERBS if verb in scope.verbs):
            say(f"{workers} worker(s): {verb}")
            for result in await _verb(pair, scope, workers, verb):
                yield result


async def prepare(stage: Stage, scope: Scope) -> Pair:
    """Open the tasks, and warm both sides up by having some credentials issued."""
    meter = Meter(stage)
    callers = Callers(stage.badges, scope.habits.callers or scope.tasks)
    asked = openings(stage.badges, callers, scope.tasks)
    opened = jobs(await meter.ask(stage.product, asked), callers)
    resource = stage.badges.resource()
    is_familiar = scope.habits.is_familiar
    product = Workload(ProductDialect(), opened, resource, is_familiar=is_familiar)
    floor = Workload(FloorDialect(), opened, resource, is_familiar=is_familiar)
    for side, workload in ((stage.product, product), (stage.floor, floor)):
        issued = await meter.ask(side, workload.issue(len(opened)))
        workload.learn(tokens(issued))
    return Pair(stage, meter, product, floor)


async def _verb(pair: Pair, scope: Scope, workers: int, verb: str) -> list[Result]:
    results = [
        Result(verb, workers, connections, product=[], floor=[])
        for connections in scope.connections
    ]
    for _ in range(scope.rounds):
        for result in results:
            for side, workload, samples in (
                (pair.stage.product, pair.product, result.product),
                (pair.stage.floor, pair.floor, result.floor),
            ):
                asked = _requests(workload, verb, side, scope)
                samples.append(
                    await pair.meter.measure(
                        side, asked, connections=result.connections, seconds=scope.seconds
                    )
                )
    return results


def _requests(workload: Workload, verb: str, side: Side, scope: Scope) -> Sequence[bytes]:
    most = round(_FASTEST[side.name] * scope.seconds)
    match verb:
        case "issue":
            return workload.issue(most)
        case "introspect":
            return workload.introspect(most)
        case _:
            # Both sides get as many, for the tasks have to last for all rounds.
            return workload.complete(scope.tasks // (scope.rounds * len(scope.connections)))
