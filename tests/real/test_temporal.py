"""The documented interceptor of Temporal, word for word, on Temporal's own server."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.fakes.cast import OPERATOR
from tests.fakes.guide import Guide
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import World
from tests.fakes.world_config import Template
from tests.real.peer_process import free_port, listens
from tests.real.peer_server import PeerServer
from tests.real.reached_world import ROOT, open_reached

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

SILENCE_S: Final = 2
NAMES: Final = ("well", "badly", "beating", "hanging", "in_a_thread")


class TemporalServer(PeerServer):
    """Temporal's development server, in memory."""

    def __init__(self, program: Path) -> None:
        super().__init__("temporal")
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        options = f"--headless --ip 127.0.0.1 --port {port} --log-level error"
        argv = [str(program), "server", "start-dev", *options.split()]
        self._launch(argv).when(lambda: listens(port))


@dataclass
class Worker:
    """A running worker, and what it has said."""

    process: asyncio.subprocess.Process
    heard: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, **members: object) -> None:
        """Tell it one thing."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(members).encode() + b"\n")

    async def says(self, **members: object) -> dict[str, Any]:
        """Wait until it has said something with these members."""
        assert self.process.stdout is not None
        while not (found := [each for each in self.heard if members.items() <= each.items()]):
            line = await self.process.stdout.readline()
            assert line, "the worker has ended"
            if line.startswith(b"{"):  # Temporal's own library writes its warnings there, too
                self.heard.append(json.loads(line))
        return found[0]


@dataclass(frozen=True, slots=True)
class Stage:
    """A broker, Temporal, and workers between them."""

    world: World
    environment: dict[str, str]

    @asynccontextmanager
    async def worker(self, queue: str) -> AsyncIterator[Worker]:
        """Run a worker of a queue; it is killed if it is still there."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.real.temporal_program"),
            cwd=ROOT,
            env=self.environment | {"QUEUE": queue},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            made = Worker(process)
            await made.says(works="")
            yield made
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest.fixture(scope="module")
def temporal(part: Callable[[str], Path]) -> Iterator[TemporalServer]:
    """Temporal, started while nobody waits for it."""
    server = TemporalServer(part("temporal"))
    yield server
    server.remove()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(  # noqa: PLR0917 - one for each who takes part
    part: Callable[[str], Path],
    temporal: TemporalServer,
    single_server: SingleServer,
    template: Template,
    signer: Signer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Stage]:
    """Everybody, and the page's program with a ceiling for each activity of the tests."""
    folder = tmp_path_factory.mktemp("temporal")
    (program,) = (each for each in Guide("orchestrators.md").of("python") if "BrokerTasks" in each)
    more = f"CEILINGS |= dict.fromkeys({NAMES}, CEILINGS['read_orders'])\n"
    (folder / "broker_tasks.py").write_text(program + more)
    async with open_reached(single_server, template, signer, folder) as reached:
        packages = part("temporal").parents[1]
        yield Stage(reached.world, reached.environment(packages, TEMPORAL=temporal.address))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def worker(stage: Stage) -> AsyncIterator[Worker]:
    """A worker that most tests share."""
    async with stage.worker("shared") as made:
        yield made


@pytest.mark.parametrize(
    ("activity", "state", "how"),
    [
        ("well", "completed", "completed"),
        ("badly", "failed", "ApplicationError"),
        ("beating", "cancelled", "CancelledError"),
        ("in_a_thread", "cancelled", "CancelledError"),
    ],
)
async def test_a_task_ends_as_its_activity_did(
    stage: Stage, worker: Worker, activity: str, state: str, how: str
) -> None:
    """And Temporal is told after the broker: when the workflow is over, nothing is alive."""
    worker.tell(start=activity, activity=activity, heartbeat_s=SILENCE_S)
    had = await worker.says(works=activity)
    if state == "cancelled":
        assert await stage.world.is_active(had["token"])
        worker.tell(cancel=activity)

    ended = await worker.says(ended=activity)

    assert ended["how"] == how
    assert not await stage.world.is_active(had["token"])
    assert (await stage.world.ended(had["task"]))["state"] == state


async def test_an_activity_that_is_not_declared_has_no_task(worker: Worker) -> None:
    """It runs as without the interceptor."""
    worker.tell(start="without", activity="without")

    assert (await worker.says(ended="without"))["result"] == "None"


async def test_one_that_hangs_is_silent_though_its_process_lives(
    stage: Stage, worker: Worker
) -> None:
    """The broker ends its task by itself; one that beats lives on beside it."""
    worker.tell(start="beats", activity="beating", heartbeat_s=SILENCE_S)
    worker.tell(start="hangs", activity="hanging", heartbeat_s=SILENCE_S)
    beats, hangs = await worker.says(works="beats"), await worker.says(works="hangs")

    ended = await stage.world.ended(hangs["task"])

    assert ended["ended_by"] == "idle"
    assert not await stage.world.is_active(hangs["token"])
    assert await stage.world.is_active(beats["token"])
    worker.tell(cancel="beats")


async def test_one_that_takes_too_long_has_its_deadline(stage: Stage, worker: Worker) -> None:
    """Temporal's own bound, though it beats all the while."""
    worker.tell(start="long", activity="beating", heartbeat_s=SILENCE_S, most_s=3)
    had = await worker.says(works="long")

    ended = await stage.world.ended(had["task"])

    assert ended["state"] != "completed"
    assert not await stage.world.is_active(had["token"])


async def test_what_an_operator_ends_is_not_tried_again(stage: Stage, worker: Worker) -> None:
    """Though Temporal may try three times."""
    worker.tell(start="pulled", activity="beating", heartbeat_s=SILENCE_S, attempts=3)
    had = await worker.says(works="pulled")
    await stage.world.end(had["task"], "cancel", OPERATOR)

    ended = await worker.says(ended="pulled")

    assert (ended["kind"], ended["how"]) == ("TaskLostError", "ApplicationError")
    assert not [each for each in worker.heard if each.get("attempt", 1) > 1]


async def test_a_killed_worker_is_silent_and_the_next_attempt_has_a_task_of_its_own(
    stage: Stage,
) -> None:
    """Nobody is left to tell the broker."""
    async with stage.worker("killed") as first:
        first.tell(start="killed", activity="beating", heartbeat_s=SILENCE_S, attempts=2)
        had = await first.says(works="killed")
        first.process.kill()
    async with stage.worker("killed") as second:
        next_one = await second.says(works="killed", attempt=2)

        assert (await stage.world.ended(had["task"]))["ended_by"] == "idle"
        assert not await stage.world.is_active(had["token"])
        assert await stage.world.is_active(next_one["token"])
        second.tell(cancel="killed")
