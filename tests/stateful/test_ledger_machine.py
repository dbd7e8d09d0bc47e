"""Thousands of random histories over the real scripts, each step held against the model."""

import asyncio
import os
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from broker.store.connect import connect
from tests.fakes.redis_servers import Cluster, SingleServer
from tests.stateful.base import Arena
from tests.stateful.machine import LedgerMachine

pytestmark = pytest.mark.soak

SEED: Final = int(os.environ.get("STATEFUL_SEED", "20261124"))
EXAMPLES: Final = int(os.environ.get("STATEFUL_EXAMPLES", "60"))
STEPS: Final = int(os.environ.get("STATEFUL_STEPS", "40"))


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for all steps of all runs."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.mark.timeout(0)
def test_histories_on_one_server(runner: asyncio.Runner, single: SingleServer) -> None:
    """The judge, the queue, the outbox, the quotas and the reports agree with the model."""
    link = runner.run(connect(single.settings))
    arena = Arena(runner, link, lambda: single.ask("FLUSHALL"), buckets=2)
    _explore(arena, EXAMPLES)
    runner.run(link.close())


@pytest.mark.timeout(0)
def test_histories_on_a_cluster(runner: asyncio.Runner, cluster: Cluster) -> None:
    """The same where buckets, feed and quotas lie on different servers."""
    link = runner.run(connect(cluster.settings))

    def flush() -> None:
        for port in cluster.ports:
            cluster.ask(port, "FLUSHALL")

    _explore(Arena(runner, link, flush, buckets=4), max(1, EXAMPLES // 10))
    runner.run(link.close())


def _explore(arena: Arena, examples: int) -> None:
    class Machine(LedgerMachine):
        pass

    Machine.arena = arena
    print(f"STATEFUL_SEED={SEED} STATEFUL_EXAMPLES={EXAMPLES} STATEFUL_STEPS={STEPS}")
    explored = seed(SEED)(Machine)
    run_state_machine_as_test(
        explored,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            phases=[Phase.generate] if os.environ.get("NOSHRINK") else list(Phase),
            suppress_health_check=list(HealthCheck),
        ),
    )
