"""Measuring one run: the load's outcome, and what the server's processes have used for it.

The CPU time of what a request leaves behind (shipping its event, writing the audit trail, taking a
task down) belongs to the request: the clock of CPU time runs until the server has come to rest.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from tests.bench.load import Outcome
from tests.bench.stage import Side, Stage
from tests.bench.usage import cpu_seconds

_LOOK_S: Final = 0.25
_IDLE: Final = 0.06
"""Below this share of one CPU a side counts as at rest: its watchers and tickers use half of it."""

_LONGEST_REST_S: Final = 10.0


class BenchFailedError(Exception):
    """A run that cannot be believed: a request was refused, or the server did not answer."""


class Sample(msgspec.Struct, frozen=True):
    """One run of one side. CPU times are microseconds for each request."""

    answered: int
    per_second: float
    p50_ms: float
    p99_ms: float
    server_us: float
    redis_us: float
    load_us: float


class Meter:
    """Runs the load generator against one side at a time."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._requests = stage.directory / "requests"
        self._bodies = stage.directory / "bodies"

    async def measure(
        self, side: Side, requests: Sequence[bytes], *, connections: int, seconds: float
    ) -> Sample:
        """Measure one run.

        Raises:
            BenchFailedError: not every answer was a 2xx.
            ProcessFailedError: the server hung up or fell silent.
        """
        server, redis = cpu_seconds(side.workers), cpu_seconds([side.redis])
        outcome = await self._load(side, requests, connections, seconds)
        await self._rest(side)
        server = cpu_seconds(side.workers) - server
        redis = cpu_seconds([side.redis]) - redis
        return Sample(
            answered=outcome.answered,
            per_second=outcome.answered / outcome.seconds,
            p50_ms=outcome.p50_ms,
            p99_ms=outcome.p99_ms,
            server_us=server / outcome.answered * 1e6,
            redis_us=redis / outcome.answered * 1e6,
            load_us=outcome.cpu_us,
        )

    async def ask(
        self, side: Side, requests: Sequence[bytes], *, connections: int = 32, seconds: float = 60
    ) -> list[bytes]:
        """Send requests whose answers are wanted: return the bodies.

        Raises:
            BenchFailedError: not every answer was a 2xx.
        """
        bodies = ["--bodies", str(self._bodies)]
        await self._load(side, requests, connections, seconds, *bodies)
        return await asyncio.to_thread(_read, self._bodies)

    async def _load(
        self,
        side: Side,
        requests: Sequence[bytes],
        connections: int,
        seconds: float,
        *more: str,
    ) -> Outcome:
        self._requests.write_bytes(msgspec.msgpack.encode(requests))
        argv = [sys.executable, "-m", "tests.bench.load", "--port", str(side.port)]
        argv += ["--connections", str(connections), "--seconds", str(seconds)]
        argv += ["--requests", str(self._requests), *more]
        said = await self._stage.processes.run("load", argv)
        outcome = msgspec.json.decode(said.splitlines()[-1], type=Outcome)
        if outcome.refused:
            raise BenchFailedError(
                f"{side.name} refused {outcome.refused} of {outcome.answered} requests, "
                f"the first with:\n{outcome.first_refusal}"
            )
        return outcome

    async def _rest(self, side: Side) -> None:
        """Wait until what the requests have left behind is done."""
        processes = (*side.workers, side.redis)
        for _ in range(round(_LONGEST_REST_S / _LOOK_S)):
            before = cpu_seconds(processes)
            await asyncio.sleep(_LOOK_S)
            if cpu_seconds(processes) - before < _IDLE * _LOOK_S * len(processes):
                return


def _read(file: Path) -> list[bytes]:
    return msgspec.msgpack.decode(file.read_bytes(), type=list[bytes])
