"""A run in a terminal: keys reach the command, and a shell's jobs work as without a run."""

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.eventually_true import eventually_true
from tests.fakes.run_command import NEED
from tests.fakes.run_stage import BEAT, ISSUE, Stage, stage
from tests.fakes.typist import Typist, at_a_terminal

pytestmark = [
    pytest.mark.skipif(shutil.which("setsid") is None, reason="needs setsid of util-linux"),
    pytest.mark.skipif(shutil.which("bash") is None, reason="needs a shell that has jobs"),
]

RUN = f'"$PYTHON" -m broker run --task reconcile-invoices {" ".join(NEED)} -- '
WAIT = "sh -c 'echo be''gun; while [ ! -e go ]; do sleep 0.05; done; echo do''ne'"
"""Shows words that are not in the line that was typed."""


@pytest.fixture
def before(tmp_path: Path) -> Iterator[Stage]:
    """A broker where everything goes well."""
    with stage(tmp_path) as here:
        yield here


@pytest.fixture
def typist(before: Stage, tmp_path: Path) -> Iterator[Typist]:
    """Somebody at a shell."""
    with at_a_terminal(before.environment(), tmp_path / "here") as (typist, _):
        yield typist


async def test_ctrl_c_goes_to_the_command_alone(before: Stage, tmp_path: Path) -> None:
    """The run sees it end, tells the broker, and ends as it did."""
    line = [sys.executable, "-m", "broker", "run", *before.options, "--", "sh", "-c"]
    script = "trap 'echo cau''ght; exit 4' INT; echo be''gun; while :; do sleep 0.05; done"
    here = at_a_terminal(before.environment(), tmp_path / "here", [*line, script])

    with here as (typist, process):
        await typist.sees("begun")
        typist.types("\x03")
        code = await asyncio.to_thread(process.wait)

    assert (code, "caught" in typist.seen) == (4, True)
    assert before.ends() == {"fail": 1}


async def test_ctrl_c_kills_as_it_does_without_a_run(before: Stage, typist: Typist) -> None:
    """And the shell has its terminal back."""
    typist.types(RUN + WAIT + "\n")
    await typist.sees("begun")
    typist.types("\x03")
    await typist.sees("ready> ")
    typist.types("echo co''de=$?\n")
    await typist.sees("code=130")

    assert before.ends() == {"cancel": 1}


async def test_ctrl_z_stops_the_job_and_fg_goes_on(
    before: Stage, typist: Typist, tmp_path: Path
) -> None:
    """Meanwhile the shell is there; the command is in the foreground again afterwards."""
    typist.types(RUN + WAIT + "\n")
    await typist.sees("begun")
    typist.types("\x1a")
    await typist.sees("ready> ")
    typist.types("jobs\n")
    await typist.sees("Stopped")
    typist.types("fg\n")
    await typist.sees("broker run")
    typist.types("\x1a")
    await typist.sees("ready> ")
    typist.types("bg\n")
    await typist.sees("ready> ")
    (tmp_path / "here" / "go").touch()
    await typist.sees("done")
    typist.types("wait; echo co''de=$?\n")
    await typist.sees("code=0")

    assert before.ends() == {"complete": 1}


async def test_what_is_typed_reaches_the_command(typist: Typist) -> None:
    """Its prompts work."""
    typist.types(RUN + "sh -c 'echo be''gun; read line; echo \"heard:$line\"'\n")
    await typist.sees("begun")
    typist.types("secret word\n")
    await typist.sees("heard:secret word")
    await typist.sees("ready> ")


async def test_a_part_of_a_pipeline_gets_the_terminal_when_it_asks(typist: Typist) -> None:
    """Whoever stands behind it in the pipeline may need it until then."""
    asks = "sh -c 'echo be''gun >&2; read line < /dev/tty; echo \"heard:$line\"'"
    typist.types(RUN + asks + " | tr a-z A-Z\n")
    await typist.sees("begun")
    typist.types("words\n")
    await typist.sees("HEARD:WORDS")
    await typist.sees("ready> ")


async def test_a_whole_pipeline_stops_and_goes_on(typist: Typist, tmp_path: Path) -> None:
    """The shell waits for all of a job."""
    typist.types(RUN + WAIT.replace("echo be", "echo >&2 be") + " | tr a-z A-Z\n")
    await typist.sees("begun")
    typist.types("\x1a")
    await typist.sees("ready> ")
    (tmp_path / "here" / "go").touch()
    typist.types("fg\n")
    await typist.sees("DONE")


async def test_nobody_beats_for_a_stopped_command(before: Stage, typist: Typist) -> None:
    """It is as silent as any: the idle timeout ends the task of a job that lies about."""
    typist.types(RUN.replace("--task ", "--idle 1s --task ") + WAIT + "\n")
    await typist.sees("begun")
    typist.types("\x1a")
    await typist.sees("ready> ")
    heard = len(before.broker.requests(BEAT))
    await asyncio.sleep(1.5)

    assert len(before.broker.requests(BEAT)) == heard


async def test_a_window_that_is_resized_is_told_and_one_that_is_closed_ends_it(
    before: Stage, tmp_path: Path
) -> None:
    """Once each: the command is in the foreground, and the run passes on nothing twice."""
    line = [sys.executable, "-m", "broker", "run", *before.options, "--", "sh", "-c"]
    script = (
        "trap 'stty size >> sizes' WINCH; trap 'touch hung; exit 7' HUP; "
        "touch started; while :; do sleep 0.05; done"
    )
    here = tmp_path / "here"
    sizes = here / "sizes"

    with at_a_terminal(before.environment(), here, [*line, script]) as (typist, process):
        await eventually_true(holds((here / "started").exists), "the command")
        typist.resize(rows=33, columns=99)
        await eventually_true(holds(lambda: sizes.exists() and sizes.read_text()), "the size")
        typist.hang_up()
        code = await asyncio.to_thread(process.wait)

    assert (code, sizes.read_text()) == (7, "33 99\n")
    assert (here / "hung").exists()
    assert before.ends() == {"cancel": 1}
    assert before.left() == []


async def test_a_job_in_the_background_stops_when_it_reads_and_goes_on_in_front(
    before: Stage, typist: Typist
) -> None:
    """It does not take the terminal from whoever types."""
    typist.types(RUN + "sh -c 'read line; echo \"heard:$line\"' &\n")
    await eventually_true(holds(lambda: before.broker.requests(ISSUE)), "the credential")
    typist.types("echo sh''ell; jobs\n")
    await typist.sees("shell")
    while "Stopped" not in typist.seen:
        typist.types("jobs\n")
        await typist.sees("ready> ")
    typist.types("fg\n")
    await typist.sees("broker run")
    typist.types("a word\n")
    await typist.sees("heard:a word")
    await typist.sees("ready> ")

    assert before.ends() == {"complete": 1}


def holds(look: Callable[[], object]) -> Callable[[], Awaitable[bool]]:
    """Return how to wait for what can be looked at at once."""

    async def is_so() -> bool:
        return bool(look())

    return is_so
