"""What signals do to a run: the command gets them, and the task ends as it should."""

import asyncio
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.running.folder import SHARED_MEMORY
from broker.running.linux import is_in_memory
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


@pytest.mark.parametrize("name", ["INT", "TERM"])
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


async def test_every_other_signal_is_passed_on_as_well(before: Stage) -> None:
    """And ends nothing by itself; whoever was asked to end and did not has been told to stop."""
    others = ("USR1", "USR2", "HUP", "QUIT")
    traps = "".join(f"trap 'touch {name}' {name}; " for name in others)
    run = before.run(traps + WAIT)
    await run.started()

    for name in others:
        run.send(signal.Signals[f"SIG{name}"])
        await run.started(name)
    run.go()

    assert (await run.ended())[0] == 0
    assert before.ends() == {"cancel": 1}


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
    before: Stage, tmp_path: Path
) -> None:
    """Linux tells the command; the folder has no owner any more, and was never on a disk.

    Nothing secret is anywhere else: not in the home, not among temporary files, not at work.
    """
    places = {name: tmp_path / name for name in ("home", "temporary")}
    for each in places.values():
        each.mkdir()
    own = [f"HOME={places['home']}", f"TMPDIR={places['temporary']}"]
    killed = before.run(
        'echo $$ > pid; test -s "$ORDERS_API_TOKEN_FILE" && ' + WAIT, through=["env", *own]
    )
    await killed.started()
    killed.send(signal.SIGKILL)
    await asyncio.to_thread(killed.process.wait)
    await asyncio.to_thread(killed.process.communicate)
    modes = modes_below(before.runtime)
    on_disk = holders_of(killed.text_of(before.file("orders-api.token")), tmp_path)
    was_in_memory = is_in_memory(before.runtime)
    await before.run("true").ended()

    assert (on_disk, was_in_memory) == ([], SHARED_MEMORY.is_mount())
    assert modes == {0o700, 0o600}
    assert before.left() == []
    assert not exists(killed.read("pid"))


def modes_below(folder: Path) -> set[int]:
    """Return the modes of all that is in it."""
    return {stat.S_IMODE(each.stat().st_mode) for each in folder.rglob("*")}


def holders_of(secret: str, folder: Path) -> list[Path]:
    """Return the files below a folder that have it anywhere."""
    files = (each for each in folder.rglob("*") if each.is_file())
    return [each for each in files if secret.encode() in each.read_bytes()]
