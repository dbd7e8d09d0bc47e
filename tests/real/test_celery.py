"""The documented hooks of Celery, word for word, in a real worker on Redis, at a real broker."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
import redis.asyncio

from tests.fakes.guide import Guide
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import World
from tests.fakes.world_config import Template
from tests.real.reached_world import Reached, open_reached

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

PATIENCE_S: Final = 30
PROGRAM: Final = "tests.real.celery_program"
WORKER: Final = (
    f"-m celery -A {PROGRAM} worker --pool=prefork --concurrency=2 --loglevel=error "
    "--without-gossip --without-mingle --without-heartbeat"
)
Process = subprocess.Popen[bytes]
EAGER: Final = """
from tests.real.celery_program import app, work
app.conf.task_always_eager = True
assert work.apply(("return",), task_id="eager-well").successful()
assert work.apply(("raise",), task_id="eager-badly").failed()
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A broker, a worker of two child processes, and who sends it tasks."""

    reached: Reached
    environment: dict[str, str]
    told: "redis.asyncio.Redis[str]"
    worker: Process
    sender: Process

    @property
    def world(self) -> World:
        """The broker."""
        return self.reached.world

    def tell(self, **members: object) -> None:
        """Have a task sent, or revoked."""
        assert self.sender.stdin is not None
        self.sender.stdin.write(json.dumps(members).encode() + b"\n")
        self.sender.stdin.flush()

    async def works(self) -> dict[str, Any]:
        """Return what the next attempt has that began."""
        found = await self.told.blpop(["told"], timeout=PATIENCE_S)
        assert found, "no attempt has begun"
        had: dict[str, Any] = json.loads(found[1])
        return had

    async def ended(self, task: str) -> str:
        """Wait until a task has ended; return how."""
        return str((await self.world.ended(task))["state"])


def hooks() -> str:
    """Return the page's program."""
    (found,) = (
        each for each in Guide("orchestrators.md").of("python") if "from celery import" in each
    )
    return found


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SingleServer]:
    """A Redis of Celery's own."""
    server = SingleServer(tmp_path_factory.mktemp("queue"))
    server.start()
    yield server
    server.stop()


@contextmanager
def working(environment: dict[str, str]) -> Iterator[tuple[Process, Process]]:
    """Run a worker, in a group of processes of its own, and who sends it tasks."""
    python, flags = sys.executable, {"env": environment, "stdin": subprocess.PIPE}
    worker = subprocess.Popen([python, *WORKER.split()], start_new_session=True, **flags)  # noqa: S603 - ours
    sender = subprocess.Popen([python, "-m", PROGRAM], **flags)  # noqa: S603 - ours
    try:
        yield worker, sender
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.communicate()
        sender.communicate()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(  # noqa: PLR0917 - fixtures
    part: Callable[[str], Path],
    queue: SingleServer,
    single_server: SingleServer,
    template: Template,
    signer: Signer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Stage]:
    """Everybody."""
    packages, folder = part("celery").parents[1], tmp_path_factory.mktemp("celery")
    (folder / "broker_hooks.py").write_text(hooks())
    async with open_reached(single_server, template, signer, folder) as reached:
        environment = reached.environment(packages, REDIS=f"redis+socket://{queue.path}")
        environment["JIT_BROKER_URL"] = environment.pop("BROKER_URL")
        told = redis.asyncio.Redis(unix_socket_path=queue.path, decode_responses=True)
        with working(environment) as (worker, sender):
            yield Stage(reached, environment, told, worker, sender)
        await told.aclose()


@pytest.mark.parametrize(("what", "state"), [("return", "completed"), ("raise", "failed")])
async def test_a_task_ends_as_celerys_own_did(stage: Stage, what: str, state: str) -> None:
    """And what it had is dead."""
    stage.tell(send="work", id=what, what=what)

    had = await stage.works()

    assert await stage.ended(had["task"]) == state
    assert not await stage.world.is_active(had["token"])


async def test_a_retry_has_a_task_of_its_own(stage: Stage) -> None:
    """The first one has failed by then."""
    stage.tell(send="work", id="retry", what="retry")

    first, second = await stage.works(), await stage.works()

    assert (first["retries"], second["retries"]) == (0, 1)
    assert first["task"] != second["task"]
    ends = [await stage.ended(each["task"]) for each in (first, second)]
    assert ends == ["failed", "completed"]


async def test_a_lost_child_is_told_of_by_its_parent(stage: Stage) -> None:
    """Killed with -9: long before it would have been silent for too long."""
    stage.tell(send="work", id="lost", what="wait")
    had = await stage.works()
    assert await stage.world.is_active(had["token"])

    os.kill(had["pid"], signal.SIGKILL)

    assert await stage.ended(had["task"]) == "failed"
    assert (await stage.world.ended(had["task"]))["ended_by"] != "idle"
    assert not await stage.world.is_active(had["token"])


async def test_one_that_takes_too_long_fails(stage: Stage) -> None:
    """Celery kills the child at the hard limit."""
    stage.tell(send="work", id="long", what="wait", limit_s=1)
    had = await stage.works()

    assert await stage.ended(had["task"]) == "failed"
    assert not await stage.world.is_active(had["token"])


async def test_what_is_revoked_is_cancelled(stage: Stage) -> None:
    """Terminated in its midst."""
    stage.tell(send="work", id="revoked", what="wait")
    had = await stage.works()

    stage.tell(revoke="revoked")

    assert await stage.ended(had["task"]) == "cancelled"
    assert not await stage.world.is_active(had["token"])


async def test_the_same_eagerly(stage: Stage) -> None:
    """Without a worker, in the process that sends."""
    eager = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", EAGER), env=stage.environment
    )

    assert await eager.wait() == 0
    had = [await stage.works() for _ in range(2)]
    assert [await stage.ended(each["task"]) for each in had] == ["completed", "failed"]


async def test_a_worker_that_is_killed_whole_is_silent(stage: Stage) -> None:
    """Parent and children at once, as with their machine: the idle timeout is what is left."""
    stage.tell(send="work", id="machine", what="wait")
    had = await stage.works()

    os.killpg(stage.worker.pid, signal.SIGKILL)

    assert await stage.world.is_active(had["token"])
    await stage.world.pass_time(31)
    assert (await stage.world.ended(had["task"]))["ended_by"] == "idle"
    assert not await stage.world.is_active(had["token"])
