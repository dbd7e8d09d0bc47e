"""`broker mcp serve` as a process of its own, spoken to by the official SDK's client."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from mcp import Client, StdioServerParameters, stdio_client

from broker.running.folder import SHARED_MEMORY
from tests.e2e.test_mcp_server import READ, words
from tests.fakes.cast import AGENT
from tests.fakes.command import commanding
from tests.fakes.eventually_true import eventually_true
from tests.fakes.world import World

ROOT = Path(__file__).parents[2]
LINE = [sys.executable, "-m", "broker", "mcp", "serve"]
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


@dataclass
class Serving:
    """What a server is started with, and where it keeps its files."""

    environment: Mapping[str, str]
    memory: Path

    def files(self) -> list[str]:
        """Return what is in its folders."""
        return [file.read_text() for file in sorted(self.memory.glob("*/*.headers"))]

    def process(self) -> "subprocess.Popen[str]":
        """Start one that a test kills."""
        return subprocess.Popen(  # noqa: S603 - our own command
            LINE,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@asynccontextmanager
async def serving(world: World, folder: Path, task: str) -> AsyncIterator[Serving]:
    """Prepare what the agent of a task needs."""
    place = SHARED_MEMORY if SHARED_MEMORY.is_dir() else folder
    async with commanding(world, AGENT, folder) as command:
        with TemporaryDirectory(dir=place) as memory:
            mine = {"BROKER_TASK_ID": task, "XDG_RUNTIME_DIR": memory, "PYTHONPATH": str(ROOT)}
            yield Serving({**os.environ, **command.environment, **mine}, Path(memory))


def token_of(header: str) -> str:
    """Return what stands in a header file."""
    return header.removeprefix("Authorization: Bearer ").strip()


async def test_what_was_given_is_given_back_when_the_client_leaves(
    world: World, tmp_path: Path
) -> None:
    """The task goes on; the files are gone."""
    task = await world.open()
    async with serving(world, tmp_path, task["id"]) as at:
        server = StdioServerParameters(command=LINE[0], args=LINE[1:], env=dict(at.environment))
        async with Client(stdio_client(server)) as agent:
            words(await agent.call_tool("ask_for_credential", READ))
            [header] = at.files()
            was_alive = await world.is_active(token_of(header))

        assert was_alive
        assert not await world.is_active(token_of(header))
        assert list(at.memory.iterdir()) == []
        assert (await world.get(AGENT, f"/v1/tasks/{task['id']}"))["state"] == "open"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_at_once_when_it_is_told_to(
    world: World, tmp_path: Path, number: signal.Signals
) -> None:
    """Although nobody has closed its input; nothing stays."""
    task = await world.open()
    async with serving(world, tmp_path, task["id"]) as at:
        with at.process() as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(HELLO) + "\n")
            process.stdin.flush()
            answer = await asyncio.to_thread(process.stdout.readline)
            process.send_signal(number)
            code = await asyncio.to_thread(process.wait, 30)

        assert json.loads(answer)["result"]["serverInfo"]["name"] == "jit-broker"
        assert code == 128 + number
        assert list(at.memory.iterdir()) == []


@pytest.mark.parametrize(
    ("task", "code", "told"),
    [("t_00_aaaaaaaaaaaaaaaaaaaaaaaaaa", 1, "404 not-found"), ("nonsense", 2, "task")],
    ids=["of somebody else", "none"],
)
async def test_a_task_that_is_not_the_agents_is_refused_before_a_word_is_spoken(
    world: World, tmp_path: Path, task: str, code: int, told: str
) -> None:
    """By its exit code, and a sentence on standard error."""
    async with serving(world, tmp_path, task) as at:
        process = at.process()
        out, err = await asyncio.to_thread(process.communicate, "")

    assert process.returncode == code
    assert out == ""
    assert told in err
    assert "Traceback" not in err


async def test_input_that_is_a_file_is_read_to_its_end(world: World, tmp_path: Path) -> None:
    """Whoever tries it out has no client; nothing hangs, and nothing stays."""
    task = await world.open()
    said = tmp_path / "said"
    said.write_text(json.dumps(HELLO) + "\n")
    async with serving(world, tmp_path, task["id"]) as at:
        read, nothing = await asyncio.gather(
            *(asyncio.to_thread(_fed, at, file) for file in (said, Path(os.devnull)))
        )

        assert (read.returncode, nothing.returncode) == (0, 0)
        assert json.loads(read.stdout)["result"]["serverInfo"]["name"] == "jit-broker"
        assert (nothing.stdout, nothing.stderr) == ("", "")
        assert list(at.memory.iterdir()) == []


def _fed(at: Serving, file: Path, **changes: str) -> "subprocess.CompletedProcess[str]":
    with file.open() as opened:
        return subprocess.run(  # noqa: S603 - our own command
            LINE,
            check=False,
            env={**at.environment, **changes},
            stdin=opened,
            capture_output=True,
            text=True,
            timeout=60,
        )


async def test_what_is_set_up_wrongly_is_named(world: World, tmp_path: Path) -> None:
    """The file of the token, the broker's address: a client shows this line alone."""
    task = await world.open()
    nowhere = "http://127.0.0.1:1"
    async with serving(world, tmp_path, task["id"]) as at:
        no_token, no_broker = await asyncio.gather(
            asyncio.to_thread(_fed, at, Path(os.devnull), BROKER_TOKEN_FILE="no-such-file"),
            asyncio.to_thread(_fed, at, Path(os.devnull), BROKER_URL=nowhere),
        )

    assert (no_token.returncode, no_broker.returncode) == (1, 1)
    assert "from no-such-file: check --token-file" in no_token.stderr
    assert f"No broker answers at {nowhere}" in no_broker.stderr


async def test_one_that_was_killed_leaves_no_live_credential_and_its_files_go_with_the_next(
    world: World, tmp_path: Path
) -> None:
    """It beats no more: the idle timeout of its task ends what it was given."""
    task = await world.open(idle_timeout_seconds=10)
    async with serving(world, tmp_path, task["id"]) as at:
        server = StdioServerParameters(
            command="sh",
            args=["-c", 'echo $$ > "$0"; exec "$@"', str(tmp_path / "pid"), *LINE],
            env=dict(at.environment),
        )
        header = ""
        with contextlib.suppress(Exception):  # the client's own, of whatever kind
            async with Client(stdio_client(server)) as agent:
                words(await agent.call_tool("ask_for_credential", READ))
                [header] = at.files()
                os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
                await agent.call_tool("my_task", {})

        async def is_dead() -> bool:
            return not await world.is_active(token_of(header))

        await eventually_true(is_dead, "the idle timeout", 60)
        assert at.files() == [header]
        await asyncio.to_thread(at.process().communicate, "")

        assert list(at.memory.iterdir()) == []
