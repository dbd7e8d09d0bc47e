"""What a command inherits from whoever starts its run, and what of the run it does not get."""

import os
import shutil
from pathlib import Path

import pytest

from tests.fakes.run_stage import TASK, Stage, stage

SETPRIV = shutil.which("setpriv") or ""
POWERLESS = [SETPRIV, "--bounding-set", "-all"] if os.geteuid() == 0 else []
"""Root, too, looks into everything by its capabilities alone."""


def refuses_the_end(before: Stage) -> None:
    """Let the broker be away when it is told of the end: then the run has something to say."""
    for verb in ("complete", "fail"):
        before.broker.forget(f"POST {TASK}/{verb}")
        before.broker.problem(f"POST {TASK}/{verb}", 503, "unavailable")


@pytest.mark.skipif(os.geteuid() == 0 and not SETPRIV, reason="needs setpriv of util-linux")
async def test_a_command_has_what_its_user_has_and_nothing_of_the_runs(tmp_path: Path) -> None:
    """Closed streams, other open files and the umask are the user's.

    The run's own files are not the command's, nor are its variables and its memory; and where the
    command crashes, nothing of its memory is written to the disk.
    """
    (tmp_path / "three").write_text("of the user")
    own = f'umask 027; ulimit -c 8; exec "$@" <&- 3<{tmp_path}/three'
    script = (
        "umask > umask; cat <&3 > three; ls /proc/self/fd > files; ulimit -c > core; "
        "for each in environ mem maps; do cat /proc/$PPID/$each > /dev/null 2>> seen; done; true"
    )
    with stage(tmp_path) as before:
        run = before.run(script, through=[*POWERLESS, "sh", "-c", own, "sh"])
        code, out, err = await run.ended()

    assert (code, out, err) == (0, "", "")
    assert (run.read("umask"), run.read("three")) == ("0027\n", "of the user")
    # Three is the user's; what `ls` has open itself is nought, which was free, and gone again.
    assert set(run.read("files").split()) <= {"0", "1", "2", "3"}
    assert run.read("core") == "0\n"
    assert run.read("seen").count("Permission denied") == 3
    assert before.ends() == {"complete": 1}


@pytest.mark.parametrize(
    ("script", "through", "said"),
    [
        ("echo out; exit 3", '"$@" 2> >(exec <&-); echo $?', "out\n3"),
        ("yes", '"$@" | head -n 1; echo "${PIPESTATUS[0]}"', "y\n141"),
    ],
    ids=["stderr", "stdout"],
)
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
async def test_that_nobody_listens_changes_nothing(
    tmp_path: Path, script: str, through: str, said: str
) -> None:
    """The exit code is the command's, also where the run has something to say."""
    with stage(tmp_path) as before:
        refuses_the_end(before)
        run = before.run(script, through=["bash", "-c", through, "bash"])
        code, out, _ = await run.ended()

    assert (code, out) == (0, said + "\n")
