"""Random histories over the real scripts, each step held against the model."""

import asyncio
import os
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from broker.clock import SystemClock
from broker.store.connect import connect
from tests.fakes.redis_servers import Cluster, SingleServer
from tests.stateful.base import Arena
from tests.stateful.machine import LedgerMachine

pytestmark = pytest.mark.soak

CLOCK: Final = SystemClock()

SEED: Final = int(os.environ.get("STATEFUL_SEED", "20261124"))
EXAMPLES: Final = int(os.environ.get("STATEFUL_EXAMPLES", "100"))
STEPS: Final = int(os.environ.get("STATEFUL_STEPS", "40"))
SECONDS: Final = float(os.environ.get("STATEFUL_SECONDS", "150"))
"""No further round begins after that: a slow machine tells fewer histories."""

SHRINKS: Final = os.environ.get("STATEFUL_SHRINK") == "1"
"""Look for the shortest history that fails: takes minutes, and is for whoever mends it."""

ROUND: Final = 10
"""Histories of one seed: few, so that the one that failed is soon told again."""


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for all steps of all runs."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.mark.timeout(0 if SHRINKS else 900)
def test_histories_on_one_server(runner: asyncio.Runner, single: SingleServer) -> None:
    """The judge, the queue, the outbox, the quotas and the reports agree with the model."""
    link = runner.run(connect(single.settings))
    arena = Arena(runner, link, lambda: single.ask("FLUSHALL"), buckets=2)
    _explore(arena, EXAMPLES, SECONDS)
    runner.run(link.close())


@pytest.mark.timeout(0 if SHRINKS else 900)
def test_histories_on_a_cluster(runner: asyncio.Runner, cluster: Cluster) -> None:
    """The same where buckets, feed and quotas lie on different servers."""
    link = runner.run(connect(cluster.settings))

    def flush() -> None:
        for port in cluster.ports:
            cluster.ask(port, "FLUSHALL")

    _explore(Arena(runner, link, flush, buckets=4), EXAMPLES // 5, SECONDS / 3)
    runner.run(link.close())


def _explore(arena: Arena, examples: int, seconds: float) -> None:
    ends_ms = CLOCK.monotonic_ms() + seconds * 1000
    for number in range(-(-examples // ROUND)):
        if number and CLOCK.monotonic_ms() > ends_ms:
            return
        _tell(arena, SEED + number, min(ROUND, examples))


def _tell(arena: Arena, seed_of_round: int, examples: int) -> None:
    class Machine(LedgerMachine):
        pass

    Machine.arena = arena
    print(f"STATEFUL_SEED={seed_of_round} STATEFUL_EXAMPLES={examples} STATEFUL_STEPS={STEPS}")
    run_state_machine_as_test(
        seed(seed_of_round)(Machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            phases=list(Phase) if SHRINKS else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
