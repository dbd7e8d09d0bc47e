import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.dev.processes import Child, Processes, ProcessFailedError, child_environment
from tests.fakes.census import all_gone, is_running

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""
DEAF_SLEEP = [sys.executable, "-c", DEAF]


async def fail_inside(started: list[Child]) -> None:
    """Start a child and break while it runs."""
    async with Processes() as processes:
        started.append(await processes.start("sleeper", SLEEP))
        raise RuntimeError("planted")


async def never() -> None:
    """A probe that has no answer."""


@pytest.fixture
def family() -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A running program with three children, and what it printed of them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.family"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as output:
        yield process, json.loads(output.readline())
    process.kill()
    process.wait()


async def test_children_stop_and_the_directory_goes_at_the_end() -> None:
    """Leaving the context leaves no process and no file."""
    async with Processes() as processes:
        child = await processes.start("sleeper", SLEEP)
        directory = processes.directory
        assert is_running(child.process.pid)

    assert all_gone([child.process.pid], directory, within_seconds=0.1)


async def test_the_directory_is_private() -> None:
    """Nobody else on the machine can look into the state directory."""
    async with Processes() as processes:
        assert stat.S_IMODE(processes.directory.stat().st_mode) == 0o700


async def test_children_are_in_a_group_of_their_own() -> None:
    """Ctrl-C in the terminal reaches the story only, which then stops its children in order."""
    async with Processes() as processes:
        child = await processes.start("sleeper", SLEEP)

        assert os.getpgid(child.process.pid) != os.getpgid(0)


async def test_an_error_inside_stops_everything() -> None:
    """A failing story cleans up like a successful one."""
    started: list[Child] = []

    with pytest.raises(RuntimeError, match="planted"):
        await fail_inside(started)

    assert all_gone([started[0].process.pid], started[0].log.parents[1], within_seconds=0.1)


async def test_cancelling_stops_everything() -> None:
    """Ctrl-C cancels the story; its children go too."""
    started: asyncio.Future[tuple[int, Path]] = asyncio.get_running_loop().create_future()

    async def story() -> None:
        async with Processes() as processes:
            child = await processes.start("sleeper", SLEEP)
            started.set_result((child.process.pid, processes.directory))
            await asyncio.sleep(600)

    task = asyncio.create_task(story())
    pid, directory = await started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert all_gone([pid], directory, within_seconds=0.1)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGHUP])
def test_nothing_survives_the_death_of_the_program(
    family: tuple[subprocess.Popen[str], dict[str, Any]], how: signal.Signals
) -> None:
    """Killed, interrupted or hung up on: obedient, deaf and frozen children all die with it."""
    process, told = family

    process.send_signal(how)

    assert all_gone([process.pid, *told["pids"]], Path(told["directory"]))


async def test_a_deaf_child_is_killed_after_the_grace() -> None:
    """A child that ignores SIGTERM cannot hold up the end."""
    async with Processes(grace_seconds=0.2) as processes:
        child = await processes.start("deaf", DEAF_SLEEP)
        await processes.when_ready(child, lambda: first_line(child.log))
        code = await processes.stop(child)

    assert code == -signal.SIGKILL


async def first_line(log: Path) -> str | None:
    """A probe whose answer is what the child has printed so far."""
    return await asyncio.to_thread(log.read_text) or None


async def test_run_returns_what_the_program_printed() -> None:
    """A command that succeeds hands back its output."""
    async with Processes() as processes:
        said = await processes.run("echo", [sys.executable, "-c", "print('published 3')"])

    assert said == "published 3\n"


async def test_a_failed_command_is_reported_with_its_last_lines() -> None:
    """Whoever sees the failure sees why, without looking for a log file."""
    code = "import sys; print('config/broker.yaml:3: no such key'); sys.exit(78)"

    async with Processes() as processes:
        with pytest.raises(ProcessFailedError, match=r"(?s)apply ended with code 78.*yaml:3"):
            await processes.run("apply", [sys.executable, "-c", code])


async def test_waiting_ends_when_the_child_dies() -> None:
    """Nobody waits half a minute for a broker that is already gone."""
    async with Processes() as processes:
        child = await processes.start("broker", [sys.executable, "-c", "raise SystemExit(3)"])

        with pytest.raises(ProcessFailedError, match="broker ended with code 3"):
            await processes.when_ready(child, never)


async def test_waiting_ends_after_its_bound() -> None:
    """A child that never becomes ready is named."""
    async with Processes() as processes:
        child = await processes.start("broker", SLEEP)

        with pytest.raises(ProcessFailedError, match=r"broker was not ready within 0\.1 s"):
            await processes.when_ready(child, never, within_seconds=0.1)


async def test_a_missing_program_is_named() -> None:
    """A command that does not exist is a sentence, not a traceback of asyncio."""
    async with Processes() as processes:
        with pytest.raises(ProcessFailedError, match="resource could not be started"):
            await processes.start("resource", ["/nonexistent/program"])


def test_children_get_our_code_and_none_of_our_settings() -> None:
    """What the user exported for another broker does not reach the story's."""
    environment = child_environment(
        {"PATH": "/bin", "BROKER_URL": "https://production.example", "PYTHONPATH": "/elsewhere"}
    )

    assert "BROKER_URL" not in environment
    assert environment["PATH"] == "/bin"
    assert environment["PYTHONSAFEPATH"] == "1"
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == str(Path.cwd())
