"""What signals do to a run: the command gets them, and the task ends as it should."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.run_command import WAIT
from tests.fakes.run_stage import ISSUE, Stage, stage

STUBBORN = "trap '' TERM; " + WAIT
"""A command that does not heed SIGTERM."""


@pytest.fixture
def before(tmp_path: Path) -> Iterator[Stage]:
    """A broker where everything goes well."""
    with stage(tmp_path) as here:
        yield here


def exists(pid: str) -> bool:
    """Tell whether there is such a process, that is not just waited for."""
    try:
        text = Path(f"/proc/{pid.strip()}/stat").read_text()
    except FileNotFoundError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT"])
async def test_a_signal_that_stops_reaches_the_command_and_cancels_the_task(
    before: Stage, name: str
) -> None:
    """The command may clean up; its own exit code is the run's."""
    run = before.run(f"trap 'touch got; exit 5' {name}; " + WAIT)
    await run.started()

    run.send(signal.Signals[f"SIG{name}"])
    code, _, err = await run.ended()

    assert (code, "broker" in err) == (5, False)
    assert (run.folder / "got").exists()
    assert before.ends() == {"cancel": 1}
    assert before.left() == []


async def test_a_signal_that_says_something_else_is_passed_on_as_well(before: Stage) -> None:
    """And ends nothing."""
    run = before.run("trap 'touch got' USR1; " + WAIT)
    await run.started()

    run.send(signal.SIGUSR1)
    await run.started("got")
    run.go()

    assert (await run.ended())[0] == 0
    assert before.ends() == {"complete": 1}


@pytest.mark.parametrize(("script", "code"), [("kill -9 $$", 137), ("kill -TERM $$", 143)])
async def test_a_command_that_dies_of_a_signal_is_told_as_shells_tell_it(
    before: Stage, script: str, code: int
) -> None:
    """128 and the signal's number."""
    assert (await before.run(script).ended())[0] == code
    assert len(before.ends()) == 1


async def test_a_command_that_does_not_heed_sigterm_is_killed(before: Stage) -> None:
    """After the grace period, with all that it has started in its group."""
    run = before.run("sleep 600 & echo $! > other; " + STUBBORN, "--grace", "1s")
    await run.started()

    run.send(signal.SIGTERM)
    code, _, _ = await run.ended()

    assert code == 137
    assert not exists(run.read("other"))
    assert before.ends() == {"cancel": 1}


async def test_what_the_command_leaves_behind_ends_with_it(before: Stage) -> None:
    """Also what has gone into a session of its own, and what does not heed SIGTERM."""
    daemon = "setsid sh -c 'trap \"\" TERM; echo $$ > daemon; while :; do sleep 0.1; done' & "
    script = daemon + "while [ ! -s daemon ]; do sleep 0.05; done"

    run = before.run(script, "--grace", "1s")
    code, _, _ = await run.ended()

    assert code == 0
    assert not exists(run.read("daemon"))
    assert before.ends() == {"complete": 1}


async def test_what_was_ignored_stays_ignored(before: Stage) -> None:
    """As under `nohup`: neither the run nor its command ends."""
    run = before.run(WAIT, through=["sh", "-c", "trap '' HUP INT; exec \"$@\"", "sh"])
    await run.started()

    run.send(signal.SIGHUP)
    run.send(signal.SIGINT)
    await asyncio.sleep(0.3)
    run.go()

    assert (await run.ended())[0] == 0
    assert before.ends() == {"complete": 1}


async def test_a_run_that_is_stopped_before_its_command_starts_nothing(before: Stage) -> None:
    """The task that was opened is cancelled."""
    before.broker.forget(ISSUE)
    before.broker.hang(ISSUE)
    run = before.run("touch started")

    await run.until(lambda: bool(before.broker.requests(ISSUE)), "the request")
    run.send(signal.SIGINT)
    code, _, err = await run.ended()

    assert (code, err) == (130, "")
    assert not (run.folder / "started").exists()
    assert before.ends() == {"cancel": 1}


async def test_a_killed_run_takes_its_command_along_and_the_next_one_its_files(
    before: Stage,
) -> None:
    """Linux tells the command; the folder has no owner any more."""
    killed = before.run("echo $$ > pid; " + WAIT)
    await killed.started()
    assert len(before.left()) == 1

    killed.send(signal.SIGKILL)
    await asyncio.to_thread(killed.process.wait)
    await asyncio.to_thread(killed.process.communicate)
    left = before.left()
    await before.run("true").ended()

    assert len(left) == 1
    assert before.left() == []
    assert not exists(killed.read("pid"))


async def test_a_run_cannot_be_looked_into_by_its_command(before: Stage) -> None:
    """Neither its variables nor its memory: it is not dumpable."""
    if os.geteuid() == 0:
        pytest.skip("root looks into everything")
    run = before.run("cat /proc/$PPID/environ > seen 2>&1; true")

    await run.ended()

    assert "Permission denied" in run.read("seen")
